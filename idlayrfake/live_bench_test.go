package idlayrfake_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

// BenchmarkAmongLive creates and gets a check among many that wait: it must cost
// the same among 100,000 as among none.
func BenchmarkAmongLive(b *testing.B) {
	for _, live := range []int{0, 1_000, 100_000} {
		b.Run(fmt.Sprint(live), func(b *testing.B) {
			w, bearer := crowd(live)
			var sink discard
			b.ReportAllocs()
			for b.Loop() {
				serve(w.Platform, &sink, "POST", "/phone_check/v0.1/checks", bearer, forAlice)
				serve(w.Platform, &sink, "GET", "/phone_check/v0.1/checks/"+string(sink.body[13:13+36]), bearer, "")
				if sink.status != 200 {
					b.Fatalf("%d %s", sink.status, sink.body)
				}
			}
		})
	}
}

// BenchmarkLiveMemory states what each of 100,000 waiting checks takes: as
// created, and of v0.2 with a device that is back for its code.
func BenchmarkLiveMemory(b *testing.B) {
	const live = 100_000
	b.Run("created", func(b *testing.B) {
		for b.Loop() {
			before := heap()
			w, _ := crowd(live)
			b.ReportMetric((heap()-before)/live, "B/check")
			w.Close()
		}
	})
	b.Run("coded", func(b *testing.B) {
		for b.Loop() {
			before := heap()
			w, bearer := crowd(0)
			var sink discard
			for range live {
				serve(w.Platform, &sink, "POST", "/phone_check/v0.2/checks", bearer, forAlice)
				serve(w.Platform, &sink, "GET", "/phone_check/v0.2/checks/"+string(sink.body[13:13+36])+"/redirect", http.Header{}, "")
			}
			b.ReportMetric((heap()-before)/live, "B/check")
			w.Close()
		}
	})
}

// crowd is a world with live checks and nobody who observes them.
func crowd(live int) (*world, http.Header) {
	w := newWorld(func(c *idlayrfake.Config) { c.Observe = nil })
	bearer := http.Header{"Authorization": {w.bearer()}}
	var sink discard
	for range live {
		serve(w.Platform, &sink, "POST", "/phone_check/v0.1/checks", bearer, forAlice)
	}
	return w, bearer
}
