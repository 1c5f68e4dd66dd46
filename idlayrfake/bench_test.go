package idlayrfake_test

import (
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

// BenchmarkFlow is the platform's part of one PhoneCheck with a cached token:
// create, open the check URL, get the result (with a canned operator).
func BenchmarkFlow(b *testing.B) {
	for name, change := range map[string]func(*idlayrfake.Config){
		"observed":   func(*idlayrfake.Config) {},
		"unobserved": func(c *idlayrfake.Config) { c.Observe = nil },
	} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(change)
			defer w.Close()
			bearer := http.Header{"Authorization": {w.bearer()}, "Content-Type": {"application/json"}}
			var sink discard
			b.ReportAllocs()
			for b.Loop() {
				w.events = w.events[:0]
				w.operator.asked = w.operator.asked[:0]
				serve(w.Platform, &sink, "POST", "/phone_check/v0.1/checks", bearer, `{"phone_number":"447700900001"}`)
				id := string(sink.body[13 : 13+36])
				serve(w.Platform, &sink, "GET", "/phone_check/v0.1/checks/"+id+"/redirect", http.Header{}, "")
				serve(w.Platform, &sink, "GET", "/phone_check/v0.1/checks/"+id, bearer, "")
				if sink.status != 200 || !strings.Contains(string(sink.body), `"match":true`) {
					b.Fatalf("%d %s", sink.status, sink.body)
				}
			}
		})
	}
}

// BenchmarkToken is one access token; the id_token is remembered.
func BenchmarkToken(b *testing.B) {
	w := newWorld()
	h := http.Header{"Authorization": {basic("one", "s3cret")}, "Content-Type": {formType}}
	var sink discard
	b.ReportAllocs()
	for b.Loop() {
		w.events = w.events[:0]
		serve(w.Platform, &sink, "POST", "/oauth2/v1/token", h, "grant_type=client_credentials&scope=phone_check")
	}
}

// BenchmarkIDTokenFirst is what the first token of a day in a process adds.
func BenchmarkIDTokenFirst(b *testing.B) {
	for b.Loop() {
		idlayrfake.SignIDToken("one")
	}
}

// BenchmarkIDTokenKnown is what every other token adds.
func BenchmarkIDTokenKnown(b *testing.B) {
	for b.Loop() {
		idlayrfake.IDToken("eu", "one", start)
	}
}

func BenchmarkNew(b *testing.B) {
	cfg := idlayrfake.Config{Networks: []idlayrfake.Network{network("23410", "10.10.0.0/16", nil)}}
	b.ReportAllocs()
	for b.Loop() {
		idlayrfake.New(cfg).Close()
	}
}

// BenchmarkLiveCheck reports the memory of a check that waits.
func BenchmarkLiveCheck(b *testing.B) {
	w := newWorld(func(c *idlayrfake.Config) { c.Observe = nil })
	bearer := http.Header{"Authorization": {w.bearer()}}
	var sink discard
	before := heap()
	for b.Loop() {
		serve(w.Platform, &sink, "POST", "/phone_check/v0.1/checks", bearer, `{"phone_number":"447700900001"}`)
	}
	b.ReportMetric((heap()-before)/float64(b.N), "live-B/check")
	_ = w.Checks()
}

func serve(h http.Handler, w *discard, method, path string, header http.Header, body string) {
	r, _ := http.NewRequest(method, "http://eu.api.idlayr.com"+path, strings.NewReader(body))
	r.Header = header
	r.RemoteAddr = onO2
	w.header = http.Header{}
	h.ServeHTTP(w, r)
}

// discard keeps the last answer only.
type discard struct {
	header http.Header
	status int
	body   []byte
}

func (d *discard) Header() http.Header    { return d.header }
func (d *discard) WriteHeader(status int) { d.status, d.body = status, nil }
func (d *discard) Write(p []byte) (int, error) {
	d.body = append(d.body[:0:0], p...)
	return len(p), nil
}

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
