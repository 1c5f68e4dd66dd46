package device_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/device"
)

var _ = Describe("cookies", func() {
	// opened makes the browser load set, which answers with the Set-Cookie values; a slow hop elsewhere leads on to get. It
	// returns the Cookie header there.
	opened := func(clock *manual, set, get string, wait time.Duration, values ...string) string {
		GinkgoHelper()
		const slow = "https://slow.test/"
		cell := &network{hosts: map[string]http.HandlerFunc{}}
		serve := func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.String() {
			case get:
			case slow:
				clock.advance(wait)
				redirect(302, get)(w, r)
			default:
				w.Header()["Set-Cookie"] = values
				redirect(302, slow)(w, r)
			}
		}
		for _, u := range []string{set, slow, get} {
			scheme, rest, _ := strings.Cut(u, "://")
			host, _, _ := strings.Cut(rest, "/")
			cell.hosts[scheme+"://"+host] = serve
		}
		p := device.New("alice", device.WithSIM(device.SIM{Bearer: cell}), device.WithClock(clock), device.WithSDK(device.Browser{}))
		Expect(p.OpenCheckURL(context.Background(), set)).To(HaveField("HTTPStatus", 200))
		requests := cell.requests()
		Expect(requests).To(HaveLen(3))
		return requests[2].Header.Get("Cookie")
	}

	DescribeTable("go where they belong", func(set, get, value, want string) {
		Expect(opened(newManual(), set, get, 0, value)).To(Equal(want))
	},
		Entry("same host", "https://a.example/", "https://a.example/x", "c=1", "c=1"),
		Entry("same host in other case", "https://A.example/", "https://a.example/x", "c=1", "c=1"),
		Entry("another host", "https://a.example/", "https://b.example/x", "c=1", ""),
		Entry("a host below, host cookie", "https://a.example/", "https://b.a.example/x", "c=1", ""),
		Entry("a host below, domain cookie", "https://a.example/", "https://b.a.example/x", "c=1; Domain=a.example", "c=1"),
		Entry("a sister, domain cookie with a dot", "https://x.a.example/", "https://y.a.example/x", "c=1; Domain=.a.example", "c=1"),
		Entry("a domain that only ends alike", "https://a.example/", "https://ba.example/x", "c=1; Domain=a.example", ""),
		Entry("a domain that is not the host's", "https://a.example/", "https://b.example/x", "c=1; Domain=b.example", ""),
		Entry("a top-level domain", "https://a.example/", "https://b.example/x", "c=1; Domain=example", ""),
		Entry("part of an address", "https://192.0.2.1/", "https://10.0.2.1/x", "c=1; Domain=0.2.1", ""),
		Entry("secure to clear", "https://a.example/", "http://a.example/x", "c=1; Secure", ""),
		Entry("clear to secure", "http://a.example/", "https://a.example/x", "c=1", "c=1"),
		Entry("secure set in clear", "http://a.example/", "https://a.example/x", "c=1; Secure", ""),
		Entry("default path", "https://a.example/p/q", "https://a.example/p/z", "c=1", "c=1"),
		Entry("outside the default path", "https://a.example/p/q", "https://a.example/z", "c=1", ""),
		Entry("path", "https://a.example/", "https://a.example/p/q", "c=1; Path=/p", "c=1"),
		Entry("path itself", "https://a.example/", "https://a.example/p", "c=1; Path=/p", "c=1"),
		Entry("path that only begins alike", "https://a.example/", "https://a.example/pq", "c=1; Path=/p", ""),
	)

	DescribeTable("live by the phone's clock", func(wait time.Duration, value, want string) {
		Expect(opened(newManual(), "https://a.example/", "https://a.example/x", wait, value)).To(Equal(want))
	},
		Entry("Max-Age running", 30*time.Second-1, "c=1; Max-Age=30", "c=1"),
		Entry("Max-Age over", 30*time.Second, "c=1; Max-Age=30", ""),
		Entry("Max-Age 0", time.Duration(0), "c=1; Max-Age=0", ""),
		Entry("Expires running", 30*time.Second-1, "c=1; Expires=Mon, 01 Jun 2020 16:44:00 GMT", "c=1"),
		Entry("Expires over", 30*time.Second, "c=1; Expires=Mon, 01 Jun 2020 16:44:00 GMT", ""),
		Entry("Expires now", time.Duration(0), "c=1; Expires=Mon, 01 Jun 2020 16:43:30 GMT", ""),
		Entry("Max-Age wins", time.Duration(0), "c=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "c=1"),
	)

	It("replace and remove each other by name, domain and path", func() {
		got := func(values ...string) string {
			return opened(newManual(), "https://a.example/", "https://a.example/p/x", 0, values...)
		}
		Expect(got("c=1", "d=1", "c=2")).To(Equal("c=2; d=1"))
		Expect(got("c=1", "d=1", "c=; Max-Age=0")).To(Equal("d=1"))
		Expect(got("c=1", "c=2; Path=/p")).To(Equal("c=2; c=1"), "the longer path comes first")
	})

	It("are bounded", func() {
		values := make([]string, 100)
		for i := range values {
			values[i] = fmt.Sprintf("c%d=1", i)
		}
		got := opened(newManual(), "https://a.example/", "https://a.example/x", 0, values...)
		Expect(strings.Count(got, "=")).To(Equal(64))
		Expect(got).To(HaveSuffix("c99=1"))
	})
})
