package apitest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/phonechecksim/phonechecksim/internal/apitest"
)

const check = `{"check_id":"c69bc0e6-a429-11ea-bb37-0242ac130002","status":"COMPLETED","match":true,"charge_amount":1,
"charge_currency":"API","created_at":"2020-06-01T16:43:30+00:00","ttl":60,"_links":{
"self":{"href":"https://eu.api.idlayr.com/x"},"check_url":{"href":"https://eu.api.idlayr.com/x/redirect"}}}`

func answer(change func(*apitest.Answer)) apitest.Answer {
	a := apitest.Answer{
		Method: "GET", Path: "/phone_check/v0.1/checks/c69bc0e6-a429-11ea-bb37-0242ac130002", Status: 200,
		Header: http.Header{"Content-Type": {"application/hal+json"}}, Body: []byte(check),
	}
	change(&a)
	return a
}

func body(from, to string) func(*apitest.Answer) {
	return func(a *apitest.Answer) { a.Body = []byte(strings.ReplaceAll(check, from, to)) }
}

// TestCheck: the guide's sample is as described, and each small lie about it is found.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*apitest.Answer)
		want   string // in what is wrong; empty: nothing is
	}{
		"the sample":             {func(*apitest.Answer) {}, ""},
		"with a charset":         {func(a *apitest.Answer) { a.Header.Set("Content-Type", "application/hal+json; charset=utf-8") }, ""},
		"no match":               {body(`"match":true,`, ``), "match"},
		"match null":             {body(`"match":true,`, `"match":null,`), "match"},
		"match while PENDING":    {body(`COMPLETED`, `PENDING`), "match"},
		"an undocumented member": {body(`"ttl":60`, `"ttl":60,"url":"x"`), "url"},
		"a time with Z":          {body(`+00:00`, `Z`), "created_at"},
		"an unknown status":      {body(`COMPLETED`, `DONE`), "status"},
		"plain JSON":             {func(a *apitest.Answer) { a.Header.Set("Content-Type", "application/json") }, "the body is application/json"},
		"no body":                {func(a *apitest.Answer) { a.Header = http.Header{}; a.Body = nil }, "there is no body"},
		"another status":         {func(a *apitest.Answer) { a.Status = 202 }, "there is no such status"},
		"another path":           {func(a *apitest.Answer) { a.Path = "/phone_checks/v0.1/checks" }, "there is no such operation"},
		"a redirect to nowhere":  {func(a *apitest.Answer) { *a = apitest.Answer{Method: "GET", Path: a.Path + "/redirect", Status: 302} }, "header Location is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			recorder, err := apitest.NewRecorder()
			if err != nil {
				t.Fatal(err)
			}
			recorder.Answer(answer(c.change))
			got := strings.Join(recorder.Wrong(), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("want %q in: %q", c.want, got)
			}
		})
	}
}
