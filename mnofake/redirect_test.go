package mnofake_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/mnofake"
)

const resultPath = "/sna/v1/results/"

var _ = Describe("redirect endpoint", func() {
	var (
		o              *mnofake.Operator
		clock          *manual
		aliceAt, bobAt netip.Addr
		wifi           = netip.MustParseAddr("198.51.100.7")
	)
	BeforeEach(func() {
		clock = newManual()
		cfg := config()
		cfg.Clock = clock
		o, aliceAt, bobAt = operator(cfg)
	})
	aliceBody := `{"session_id":"s1","msisdn":"447700900001","network_id":"23410"}`
	bobBody := strings.ReplaceAll(aliceBody, alice, bob)
	unstamped := `{"error":"subscriber_not_found"}`
	unbound := `{"error":"session_not_found"}`

	It("binds the session to the SIM that came in", func() {
		w := open(o, aliceAt, "/start?session=s1")
		Expect(w.Code).To(Equal(200))
		Expect(w.Body.String()).To(Equal(`{"status":"ok"}`))
		Expect(w.Header()).To(Equal(http.Header{
			"Content-Type": {"application/json"}, "Content-Length": {"15"}, "Cache-Control": {"no-store"}}))
		Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(aliceBody))
		Expect(ask(o, resultPath+"s2").Body.String()).To(Equal(unbound))
	})

	DescribeTable("answers an image to an image element only", func(accept, contentType string) {
		r := request("GET", "/start?session=s1", aliceAt)
		r.Header.Set("Accept", accept)
		w := serve(o.Gateway(o), r)
		Expect(w.Header().Get("Content-Type")).To(Equal(contentType))
		Expect(w.Header().Get("Content-Length")).To(Equal(strconv.Itoa(w.Body.Len())))
		if contentType == "image/gif" {
			Expect(w.Body.String()).To(HavePrefix("GIF89a\x01\x00\x01\x00"))
			Expect(http.DetectContentType(w.Body.Bytes())).To(Equal("image/gif"))
		}
	},
		Entry("img", "image/avif,image/webp,*/*;q=0.8", "image/gif"),
		Entry("upper case", "IMAGE/*", "image/gif"),
		Entry("navigation", "text/html,application/xml;q=0.9,image/avif,*/*;q=0.8", "application/json"),
		Entry("SDK", "text/html,application/xhtml+xml,application/xml,*/*", "application/json"),
		Entry("none", "", "application/json"),
	)

	DescribeTable("believes its own gateway alone", func(send func(r *http.Request)) {
		r := request("GET", "/start?session=s1", wifi)
		r.Header.Set("X-MSISDN", alice)
		r.Header.Set("X-Forwarded-For", aliceAt.String())
		send(r)
		Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(unstamped))
	},
		Entry("forged over WiFi", func(r *http.Request) { Expect(serve(o, r).Code).To(Equal(200)) }),
		Entry("forged over https on alice's own bearer", func(r *http.Request) {
			r.RemoteAddr = aliceAt.String() + ":1"
			Expect(serve(o, r).Code).To(Equal(200))
		}),
		Entry("forged through the gateway from no known session", func(r *http.Request) {
			Expect(serve(o.Gateway(o), r).Code).To(Equal(200))
		}),
		Entry("stamped by another operator, same number", func(r *http.Request) {
			other, at, _ := operator(config())
			r.RemoteAddr = at.String() + ":1"
			Expect(serve(other.Gateway(o), r).Code).To(Equal(200))
		}),
		Entry("stamp washed off on the way", func(r *http.Request) {
			r.RemoteAddr = aliceAt.String() + ":1"
			Expect(serve(o.Gateway(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Del("X-MSISDN")
				o.ServeHTTP(w, r)
			})), r).Code).To(Equal(200))
		}),
		Entry("stamp exchanged on the way", func(r *http.Request) {
			r.RemoteAddr = bobAt.String() + ":1"
			Expect(serve(o.Gateway(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Set("X-MSISDN", alice)
				o.ServeHTTP(w, r)
			})), r).Code).To(Equal(200))
		}),
	)

	It("keeps the gateway's stamp against a forged one from another SIM", func() {
		r := request("GET", "/start?session=s1", bobAt)
		r.Header["X-MSISDN"] = []string{alice}
		r.Header.Set("Connection", "X-MSISDN")
		serve(o.Gateway(o), r)
		Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(bobBody))
	})

	It("keeps the first SIM of a session", func() {
		open(o, aliceAt, "/start?session=s1")
		Expect(open(o, bobAt, "/start?session=s1").Code).To(Equal(200))
		serve(o, request("GET", "/start?session=s1", wifi))
		Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(aliceBody))
	})

	It("lets a stamped hop follow an unstamped one, once", func() {
		serve(o, request("GET", "/start?session=s1", wifi))
		Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(unstamped))
		open(o, bobAt, "/start?session=s1")
		open(o, aliceAt, "/start?session=s1")
		Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(bobBody))
	})

	It("forgets a session after its time, counted from its first request", func() {
		open(o, aliceAt, "/start?session=s1")
		clock.advance(10*time.Minute - time.Nanosecond)
		open(o, aliceAt, "/start?session=s1")
		Expect(ask(o, resultPath+"s1").Code).To(Equal(200))
		clock.advance(time.Nanosecond)
		Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(unbound))
		open(o, bobAt, "/start?session=s1")
		Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(bobBody))
	})

	It("keeps no more sessions than allowed: the oldest gives way", func() {
		cfg := config()
		cfg.MaxSessions = 2
		o, aliceAt, bobAt = operator(cfg)
		for _, id := range []string{"a", "b", "a", "c"} {
			open(o, aliceAt, "/start?session="+id)
		}
		for id, code := range map[string]int{"a": 404, "b": 200, "c": 200} {
			Expect(ask(o, resultPath+id).Code).To(Equal(code), id)
		}
	})

	DescribeTable("refuses and binds nothing", func(query string) {
		w := open(o, aliceAt, "/start?"+query)
		Expect(w.Code).To(Equal(400))
		Expect(w.Header().Get("Content-Type")).To(Equal("application/json"))
		Expect(w.Body.String()).To(HavePrefix(`{"error":"invalid_request","error_description":"`))
		Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(unbound))
	},
		Entry("no session", ""),
		Entry("empty session", "session="),
		Entry("long session", "session="+strings.Repeat("s", 129)),
		Entry("session with a slash", "session=s1%2Fx"),
		Entry("session with a line break", "session=s1%0d%0aX:1"),
		Entry("dots", "session=.."),
		Entry("two sessions", "session=s1&session=s2"),
		Entry("two return_urls", "session=s1&return_url=https://api.idlayr.com/&return_url=https://api.idlayr.com/"),
		Entry("malformed query", "session=s1&%zz"),
		Entry("semicolon", "session=s1;x"),
		Entry("hop of a chain there is not", "session=s1&hop=1"),
		Entry("hop 0 spelled out", "session=s1&hop=0"),
		Entry("negative hop", "session=s1&hop=-1"),
		Entry("hop not a number", "session=s1&hop=x"),
	)

	It("takes a session of the greatest length", func() {
		id := strings.Repeat("s", 128)
		Expect(open(o, aliceAt, "/start?session="+id).Code).To(Equal(200))
		Expect(ask(o, resultPath+id).Code).To(Equal(200))
	})

	DescribeTable("sends back to the platform", func(target string) {
		w := open(o, aliceAt, "/start?session=s1&return_url="+url.QueryEscape(target))
		Expect(w.Code).To(Equal(302))
		Expect(w.Header()).To(Equal(http.Header{"Location": {target}, "Content-Length": {"0"}, "Cache-Control": {"no-store"}}))
		Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(aliceBody))
	},
		Entry("the host itself", "https://api.idlayr.com/back?a=b&c=d%20e"),
		Entry("a host below", "https://eu.api.idlayr.com/back"),
		Entry("with a port", "http://eu.api.idlayr.com:8080/back"),
	)

	DescribeTable("sends nowhere else", func(target string) {
		w := open(o, aliceAt, "/start?session=s1&return_url="+url.QueryEscape(target))
		Expect(w.Code).To(Equal(400))
		Expect(w.Header()).NotTo(HaveKey("Location"))
		Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(unbound))
	},
		Entry("empty", ""),
		Entry("another host", "https://evil.example/"),
		Entry("suffix without a dot", "https://evilapi.idlayr.com/"),
		Entry("allowed host in front", "https://api.idlayr.com.evil.example/"),
		Entry("user information", "https://api.idlayr.com@evil.example/"),
		Entry("user information before the allowed host", "https://evil.example@api.idlayr.com/"),
		Entry("backslash", `https://evil.example\.api.idlayr.com/`),
		Entry("fragment", "https://evil.example#.api.idlayr.com/"),
		Entry("semicolon in the host", "https://evil.example;.api.idlayr.com/"),
		Entry("relative", "//api.idlayr.com/"),
		Entry("path", "/back"),
		Entry("opaque", "https:api.idlayr.com"),
		Entry("script", "javascript://api.idlayr.com/%0aalert(1)"),
		Entry("line break", "https://api.idlayr.com/\r\nX: 1"),
		Entry("too long", "https://api.idlayr.com/"+strings.Repeat("x", 2048)),
	)

	It("sends nowhere at all unless hosts are named", func() {
		cfg := config()
		cfg.ReturnHosts = []string{""}
		o, aliceAt, _ = operator(cfg)
		Expect(open(o, aliceAt, "/start?session=s1&return_url=https%3A%2F%2Fapi.idlayr.com%2F").Code).To(Equal(400))
	})

	Describe("with extra hops", func() {
		BeforeEach(func() {
			cfg := config()
			cfg.Clock, cfg.RedirectHops = clock, 2
			o, aliceAt, bobAt = operator(cfg)
		})
		follow := func(w *httptest.ResponseRecorder, from netip.Addr, withCookie bool) *httptest.ResponseRecorder {
			GinkgoHelper()
			Expect(w.Code).To(Equal(302))
			Expect(w.Header().Get("Content-Length")).To(Equal("0"))
			Expect(w.Header()).NotTo(HaveKey("Content-Type"))
			r := request("GET", w.Header().Get("Location"), from)
			cookies := w.Result().Cookies()
			Expect(cookies).To(HaveLen(1))
			if withCookie {
				r.AddCookie(cookies[0])
			}
			return serve(o.Gateway(o), r)
		}

		It("answers after all of them", func() {
			w := follow(open(o, aliceAt, "/start?session=s1"), aliceAt, true)
			Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(unbound), "the chain is not at its end")
			w = follow(w, aliceAt, true)
			Expect(w.Code).To(Equal(200))
			Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(aliceBody))
		})
		It("carries return_url to the end", func() {
			w := follow(follow(open(o, aliceAt, "/start?session=s1&return_url=https%3A%2F%2Fapi.idlayr.com%2Fb%3Fx%3Dy"), aliceAt, true), aliceAt, true)
			Expect(w.Code).To(Equal(302))
			Expect(w.Header().Get("Location")).To(Equal("https://api.idlayr.com/b?x=y"))
		})
		It("names the SIM of the first hop", func() {
			follow(follow(open(o, aliceAt, "/start?session=s1"), bobAt, true), bobAt, true)
			Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(aliceBody))
		})
		It("needs the cookie", func() {
			w := follow(open(o, aliceAt, "/start?session=s1"), aliceAt, false)
			Expect(w.Code).To(Equal(400))
			Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(unbound))
		})
		It("needs the cookie of this hop and session", func() {
			first := open(o, aliceAt, "/start?session=s1").Result().Cookies()[0]
			open(o, aliceAt, "/start?session=s2")
			for _, target := range []string{"/start?session=s1&hop=2", "/start?session=s2&hop=1"} {
				r := request("GET", target, aliceAt)
				r.AddCookie(first)
				Expect(serve(o.Gateway(o), r).Code).To(Equal(400), target)
			}
		})
		It("is not entered in the middle", func() {
			r := request("GET", "/start?session=s1&hop=2", aliceAt)
			r.AddCookie(&http.Cookie{Name: "mno_hop", Value: "2.s1"})
			Expect(serve(o.Gateway(o), r).Code).To(Equal(400))
			Expect(ask(o, resultPath+"s1").Body.String()).To(Equal(unbound))
		})
	})
})
