package idlayrfake_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

func repeat(s string, n int) string { return strings.Repeat(s, n) }

func FuzzRSQL(f *testing.F) {
	f.Add(`status==COMPLETED;match==true`)
	f.Add(`(created_at>=2020-06-01T16:43:30+00:00 and reference_id!="a\"b*"),error_code=out=(x,'y')`)
	f.Add("é=in=(")
	f.Add(`match=="`)
	f.Add(`network_id=lt=*,updated_at=gt=2020-06-01 or check_id==**`)
	f.Fuzz(func(t *testing.T, search string) {
		at, what, ok := idlayrfake.ParseRSQL(search)
		if ok != (what == "") || !ok && (at < 1 || at > utf8.RuneCountInString(search)+1) {
			t.Errorf("%q: %d %q %v", search, at, what, ok)
		}
		if !ok || len(search) > 2000 {
			return
		}
		// What is right stays right in parentheses, and next to itself.
		if _, what, ok := idlayrfake.ParseRSQL("(" + search + ") and (" + search + ")"); !ok && what != "too many parentheses" {
			t.Errorf("(%q) and the same: %s", search, what)
		}
	})
}

func FuzzListQuery(f *testing.F) {
	f.Add("page=1&size=10&sort=created_at,desc")
	f.Add("search=status==COMPLETED;match==true&page=2&size=1")
	f.Add("page=9223372036854775807&size=100&sort=match,asc&&=&%20=+")
	f.Add("size=%zz&sort=%00")
	w := newWorld()
	f.Cleanup(w.Close)
	token := w.bearer()
	w.open(w.create(token, alice), onWiFi)
	w.create(token, alice)
	f.Fuzz(func(t *testing.T, query string) {
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, &http.Request{Method: "GET", URL: &url.URL{Path: listPath, RawQuery: query}, Host: "eu.api.idlayr.com",
			Header: headers("Authorization", token), Body: http.NoBody, RemoteAddr: onWiFi})
		if !json.Valid(rec.Body.Bytes()) {
			t.Errorf("not JSON: %s", rec.Body)
		}
		switch rec.Code {
		case 200:
			page := object(rec)["page"].(map[string]any)
			if n := len(object(rec)["_embedded"].(map[string]any)["checks"].([]any)); float64(n) > page["size"].(float64) || float64(n) > page["total_elements"].(float64) {
				t.Errorf("%d checks on %v", n, page)
			}
		case 400:
		default:
			t.Errorf("status %d", rec.Code)
		}
	})
}
