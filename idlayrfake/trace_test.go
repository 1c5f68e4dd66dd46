package idlayrfake_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

// story tells traces in short: one line each, messages with their attributes.
func story(rec *httptest.ResponseRecorder) (lines []string) {
	Expect(rec.Code).To(Equal(200), rec.Body.String())
	for _, t := range object(rec)["_embedded"].(map[string]any)["traces"].([]any) {
		var logs []string
		for _, l := range t.(map[string]any)["logs"].([]any) {
			m := l.(map[string]any)
			text := m["message"].(string)
			if a, ok := m["attributes"]; ok {
				text += fmt.Sprint(a)[len("map"):]
			}
			logs = append(logs, text)
		}
		lines = append(lines, strings.Join(logs, "; "))
	}
	return lines
}

var _ = Describe("traces", func() {
	const (
		created  = "Check create: request accepted; Check create: phone number is routable; Check balance: authorized[amount:1 currency:API]; Check create: successful "
		opened   = "Check redirect: successful[MNO:23410]"
		asked    = "Check result: contacting supplier[MNO:23410]; "
		released = "Check balance: released[amount:1 currency:API]; "
	)
	traces := func(w *world, bearer, id string) *httptest.ResponseRecorder {
		return w.call(bearer, listPath+"/"+id+"/traces")
	}

	DescribeTable("tell what happened",
		func(happen func(w *world, bearer, id string), want ...string) {
			w := newWorld()
			bearer := w.bearer()
			id := w.create(bearer, alice)
			happen(w, bearer, id)
			Expect(story(traces(w, bearer, id))).To(Equal(append([]string{created}, want...)))
		},
		Entry("nothing yet", func(*world, string, string) {}),
		Entry("opened, more than once", func(w *world, _, id string) {
			for range 100 {
				w.open(id, onO2)
			}
		}, opened),
		Entry("completed", func(w *world, bearer, id string) { w.open(id, onO2); w.get(bearer, id); w.get(bearer, id) },
			opened, asked+"Check balance: confirmed[amount:1 currency:API]; Check result: successful[status:COMPLETED]"),
		Entry("the operator fails", func(w *world, bearer, id string) {
			w.operator.answer = says(503, "")
			w.open(id, onO2)
			w.get(bearer, id)
		}, opened, asked+released+"Check result: failed[error_code:mno_server_error status:ERROR]"),
		Entry("turned away", func(w *world, _, id string) { w.open(id, onWiFi) },
			released+"Check redirect: failed[error_code:not_mobile_ip status:ERROR]"),
		Entry("not opened", func(w *world, _, _ string) { w.clock.advance(time.Minute) }, released+"Check expired[status:EXPIRED]"),
		Entry("opened, not asked for", func(w *world, _, id string) { w.open(id, onO2); w.clock.advance(time.Minute) },
			opened, released+"Check expired[status:EXPIRED]"),
	)

	It("are one for each interaction, with ids and times", func() {
		w := newWorld()
		w.clock.advance(51 * time.Millisecond)
		bearer := w.bearer()
		id := w.create(bearer, alice)
		w.clock.advance(1500 * time.Millisecond)
		w.open(id, onO2)
		rec := traces(w, bearer, id)
		Expect(rec.Header().Get("Content-Type")).To(Equal("application/hal+json"))
		here := "http://eu.api.idlayr.com" + listPath + "/" + id + "/traces"
		Expect(object(rec)["_links"]).To(Equal(map[string]any{"self": map[string]any{"href": here}}))
		list := object(rec)["_embedded"].(map[string]any)["traces"].([]any)
		first, second := list[0].(map[string]any), list[1].(map[string]any)
		Expect(first["trace_id"]).To(MatchRegexp(`^[0-9a-f]{16}$`))
		Expect(first["trace_id"]).NotTo(Equal(second["trace_id"]))
		Expect(first["logs"].([]any)[0]).To(HaveKeyWithValue("timestamp", "2020-06-01T16:43:30.051Z"), "C8")
		Expect(second["logs"]).To(Equal([]any{map[string]any{
			"timestamp": "2020-06-01T16:43:31.551Z", "message": "Check redirect: successful", "attributes": map[string]any{"MNO": "23410"}}}))

		one := w.call(bearer, listPath+"/"+id+"/traces/"+second["trace_id"].(string))
		Expect(one.Header().Get("Content-Type")).To(Equal("application/hal+json"))
		Expect(object(one)).To(Equal(second))
		Expect(second["_links"]).To(Equal(map[string]any{"self": map[string]any{"href": here + "/" + second["trace_id"].(string)}}))

		w.get(bearer, id)
		Expect(object(traces(w, bearer, id))["_embedded"].(map[string]any)["traces"].([]any)[:2]).To(Equal(list), "what was written stays")
	})

	DescribeTable("of a SIMCheck are one: it is finished when it is created",
		func(answer func(*http.Request) (*http.Response, error), end string) {
			w := newWorld(func(c *idlayrfake.Config) {
				c.Networks[0].SubscriberURL = "https://api.23410.example/subscribers"
				c.Networks = c.Networks[:1]
			})
			w.operator.answer = answer
			bearer := "Bearer " + w.token("two+2", "a+b%c:d e", "sim_check", "")
			const path = "/sim_check/v0.1/checks"
			id := object(w.do(req{method: "POST", path: path, body: `{"phone_number":"` + alice + `"}`,
				header: headers("Authorization", bearer, "Content-Type", "application/json")}))["check_id"].(string)
			Expect(story(w.call(bearer, path+"/"+id+"/traces"))).To(Equal([]string{"Check create: request accepted; Check create: phone number is routable; " +
				"Check balance: authorized[amount:1 currency:API]; Check create: contacting supplier[MNO:23410]; " + end}))
		},
		Entry("completed", subscriber(alice), "Check balance: confirmed[amount:1 currency:API]; Check create: successful[status:COMPLETED]"),
		Entry("failed", says(403, ""), "Check balance: released[amount:1 currency:API]; Check create: failed[error_code:mno_no_data_available status:ERROR]"),
	)

	It("belong to their check", func() {
		w := newWorld()
		bearer := w.bearer()
		a, b := w.create(bearer, alice), w.create(bearer, alice)
		id := object(traces(w, bearer, a))["_embedded"].(map[string]any)["traces"].([]any)[0].(map[string]any)["trace_id"].(string)
		Expect(w.call(bearer, listPath+"/"+a+"/traces/"+id).Code).To(Equal(200))
		for _, other := range []string{b + "/traces/" + id, a + "/traces/0123456789abcdef"} {
			Expect(w.call(bearer, listPath+"/"+other)).To(beProblem(404, "trace_not_found", "Not Found", "Trace Not Found"))
		}
		Expect(w.call(bearer, listPath+"/x/traces")).To(beCheckNotFound)
		Expect(w.call(bearer, listPath+"/x/traces/"+id)).To(beCheckNotFound)
		other := "Bearer " + w.token("two+2", "a+b%c:d e", "phone_check", "")
		Expect(traces(w, other, a)).To(beCheckNotFound)
	})

	It("need a token (C15)", func() {
		w := newWorld()
		id := w.create(w.bearer(), alice)
		Expect(traces(w, "", id).Code).To(Equal(401))
		Expect(w.call("", listPath+"/"+id+"/traces/x").Code).To(Equal(401))
	})

	It("are gone after seven days", func() {
		w := newWorld(func(c *idlayrfake.Config) { c.TokenTTL = 1000 * time.Hour })
		bearer := w.bearer()
		id := w.create(bearer, alice)
		w.clock.advance(7*24*time.Hour - 1)
		Expect(traces(w, bearer, id).Code).To(Equal(200))
		w.clock.advance(1)
		gone := beProblem(410, "trace_gone", "Gone", "Traces have expired")
		Expect(traces(w, bearer, id)).To(gone)
		Expect(w.call(bearer, listPath+"/"+id+"/traces/0123456789abcdef")).To(gone)
		Expect(w.get(bearer, id).Code).To(Equal(200), "the check is not")
	})
})
