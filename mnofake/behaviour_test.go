package mnofake_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/mnofake"
)

var _ = Describe("behaviour", func() {
	const (
		back    = "&return_url=https%3A%2F%2Feu.api.idlayr.com%2Fback"
		unbound = `{"error":"session_not_found"}`
		bound   = `{"session_id":"s1","msisdn":"447700900001","network_id":"23410"}`
	)
	var (
		o              *mnofake.Operator
		aliceAt, bobAt netip.Addr
		notes          []string
	)
	behaving := func(b mnofake.Behaviour) {
		GinkgoHelper()
		cfg := config()
		notes = nil
		cfg.Observe = func(_ context.Context, text string) { notes = append(notes, text) }
		cfg.Behaviour = b
		o, aliceAt, bobAt = operator(cfg)
	}
	result := func() string { return ask(o, resultPath+"s1").Body.String() }
	location := func(w *httptest.ResponseRecorder) string { return w.Header().Get("Location") }
	// next goes where an answer leads, with its cookie.
	next := func(w *httptest.ResponseRecorder, from netip.Addr) *httptest.ResponseRecorder {
		GinkgoHelper()
		to, err := url.Parse("http://sna.o2.example/start")
		Expect(err).NotTo(HaveOccurred())
		if to, err = to.Parse(location(w)); err != nil {
			Fail(err.Error())
		}
		r := request("GET", to.String(), from)
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
		return serve(o.Gateway(o), r)
	}

	Describe("of redirects", func() {
		DescribeTable("has a status", func(configured, status int) {
			behaving(mnofake.Behaviour{RedirectHops: 1, RedirectStatus: configured})
			w := open(o, aliceAt, "/start?session=s1"+back)
			Expect(w.Code).To(Equal(status))
			w = next(w, aliceAt)
			Expect(w.Code).To(Equal(status), "on the way back to the platform, too")
			Expect(location(w)).To(Equal("https://eu.api.idlayr.com/back"))
		},
			Entry("by default", 0, 302), Entry(nil, 301, 301), Entry(nil, 302, 302), Entry(nil, 303, 303), Entry(nil, 307, 307),
			Entry(nil, 308, 308), Entry("304 leads nowhere", 304, 302), Entry("200 is none", 200, 302),
		)

		DescribeTable("writes Locations in its own way", func(form mnofake.Location, written string) {
			behaving(mnofake.Behaviour{RedirectHops: 1, Location: form})
			w := serve(o.Gateway(o), request("GET", "http://sna.o2.example/start?session=s1", aliceAt))
			Expect(location(w)).To(Equal(written))
			Expect(result()).To(Equal(unbound))
			w.Header().Set("Location", strings.ReplaceAll(location(w), " ", "%20")) // as clients have to
			Expect(next(w, aliceAt).Code).To(Equal(200))
			Expect(result()).To(Equal(bound))
		},
			Entry(nil, mnofake.LocationPath, "/start?hop=1&session=s1"),
			Entry(nil, mnofake.LocationAbsolute, "http://sna.o2.example/start?hop=1&session=s1"),
			Entry(nil, mnofake.LocationRelative, "?hop=1&session=s1"),
			Entry(nil, mnofake.LocationSpaces, "/start?hop=1&session=s1&title=please wait a moment"),
			Entry("unknown ones are the usual one", mnofake.Location("x"), "/start?hop=1&session=s1"),
		)

		It("may leave Location out", func() {
			behaving(mnofake.Behaviour{RedirectHops: 1, Location: mnofake.LocationMissing})
			w := open(o, aliceAt, "/start?session=s1")
			Expect(w.Code).To(Equal(302))
			Expect(w.Header()).NotTo(HaveKey("Location"))
			Expect(result()).To(Equal(unbound))
			behaving(mnofake.Behaviour{Location: mnofake.LocationMissing})
			w = open(o, aliceAt, "/start?session=s1"+back)
			Expect(w.Code).To(Equal(302))
			Expect(w.Header()).NotTo(HaveKey("Location"))
			Expect(result()).To(Equal(bound), "it has seen the SIM all the same")
		})

		DescribeTable("goes round without an end", func(hops int) {
			behaving(mnofake.Behaviour{RedirectLoop: true, RedirectHops: hops})
			w := open(o, aliceAt, "/start?session=s1"+back)
			for range 3 * (hops + 1) {
				Expect(w.Code).To(Equal(302))
				Expect(location(w)).To(HavePrefix("/start?"))
				w = next(w, aliceAt)
			}
			Expect(result()).To(Equal(unbound))
		}, Entry("on one hop", 0), Entry("on three", 2))

		DescribeTable("is out of order", func(configured, status int) {
			behaving(mnofake.Behaviour{RedirectFailure: configured})
			w := open(o, aliceAt, "/start?session=s1"+back)
			Expect(w.Code).To(Equal(status))
			if status >= 500 {
				Expect(w.Header()).To(HaveKeyWithValue("Content-Type", []string{"text/html; charset=utf-8"}))
				Expect(result()).To(Equal(unbound))
			}
		}, Entry(nil, 503, 503), Entry(nil, 500, 500), Entry("404 is no failure of this kind", 404, 302), Entry("nor is 600", 600, 302))
	})

	Describe("of the consent page", func() {
		const button = `<form method="post" action="/consent?session=s1&amp;return_url=https%3A%2F%2Feu.api.idlayr.com%2Fback">`
		consent := func(from netip.Addr, query string) *httptest.ResponseRecorder {
			return serve(o.Gateway(o), request("POST", "/consent"+query, from))
		}
		BeforeEach(func() { behaving(mnofake.Behaviour{AskConsent: true}) })

		It("stops a subscriber until the button was pressed", func() {
			for range 2 {
				w := open(o, aliceAt, "/start?session=s1"+back)
				Expect(w.Code).To(Equal(200))
				Expect(w.Header().Get("Content-Type")).To(Equal("text/html; charset=utf-8"))
				Expect(w.Body.String()).To(ContainSubstring(button))
				Expect(result()).To(Equal(unbound))
			}
			Expect(notes).To(ContainElement("redirect stops at the consent page"))
			w := consent(aliceAt, "?session=s1"+back)
			Expect(w.Code).To(Equal(303))
			Expect(location(w)).To(Equal("/start?session=s1" + back))
			Expect(known(o, alice).Consented).To(BeTrue())
			w = next(w, aliceAt)
			Expect(w.Code).To(Equal(302))
			Expect(location(w)).To(Equal("https://eu.api.idlayr.com/back"))
			Expect(result()).To(Equal(bound))
		})
		It("takes consent without a session, for the next time", func() {
			Expect(consent(aliceAt, "").Code).To(Equal(200))
			open(o, aliceAt, "/start?session=s1")
			Expect(result()).To(Equal(bound))
		})
		It("takes one subscriber's for nobody else", func() {
			consent(bobAt, "")
			Expect(open(o, aliceAt, "/start?session=s1").Header().Get("Content-Type")).To(HavePrefix("text/html"))
		})
		It("takes it from the gateway's word alone", func() {
			r := request("POST", "/consent", netip.MustParseAddr("198.51.100.7"))
			r.Header.Set("X-MSISDN", alice)
			Expect(serve(o, r).Code).To(Equal(403))
			Expect(serve(o.Gateway(o), r).Code).To(Equal(403))
			Expect(known(o, alice).Consented).To(BeFalse())
		})
		It("does not take a followed link for it", func() {
			w := serve(o.Gateway(o), request("GET", "/consent?session=s1", aliceAt))
			Expect(w.Code).To(Equal(405))
			Expect(w.Header().Get("Allow")).To(Equal("POST"))
			Expect(known(o, alice).Consented).To(BeFalse())
			Expect(serve(o, request("POST", "/start?session=s1", aliceAt)).Header().Get("Allow")).To(Equal("GET"))
		})
		It("asks nobody whom it does not recognise", func() {
			Expect(serve(o, request("GET", "/start?session=s1", aliceAt)).Body.String()).To(Equal(`{"status":"ok"}`))
			Expect(result()).To(Equal(`{"error":"subscriber_not_found"}`))
		})
		It("writes no markup of the client's into the page", func() {
			w := open(o, aliceAt, `/start?session=s1&x="><script>`)
			Expect(w.Body.String()).To(ContainSubstring("<form"))
			Expect(w.Body.String()).NotTo(ContainSubstring("<script"))
		})
	})

	Describe("of the back channel", func() {
		It("is out of order", func() {
			behaving(mnofake.Behaviour{ResultFailure: 503})
			Expect(open(o, aliceAt, "/start?session=s1").Code).To(Equal(200))
			for _, path := range []string{resultPath + "s1", resultPath + "s2", "/sna/v1/subscribers/" + alice} {
				Expect(ask(o, path).Code).To(Equal(503))
			}
			Expect(serve(o, request("GET", resultPath+"s1", aliceAt)).Code).To(Equal(401), "to strangers it says no more than ever")
		})
		It("answers something else", func() {
			behaving(mnofake.Behaviour{ResultBody: `{"msisdn":`})
			Expect(result()).To(Equal(unbound))
			open(o, aliceAt, "/start?session=s1")
			w := ask(o, resultPath+"s1")
			Expect(w.Code).To(Equal(200))
			Expect(w.Body.String()).To(Equal(`{"msisdn":`))
			Expect(w.Header().Get("Content-Length")).To(Equal("10"))
		})
	})

	Describe("of the clock", func() {
		It("takes its time for what it was told to", func() {
			var waits []time.Duration
			cfg := config()
			cfg.RedirectDelay, cfg.ResultDelay = time.Second, time.Minute
			cfg.Delay = func(_ context.Context, d time.Duration) { waits = append(waits, d) }
			o, aliceAt, _ = operator(cfg)
			open(o, aliceAt, "/start?session=s1")
			Expect(waits).To(Equal([]time.Duration{time.Second}))
			ask(o, resultPath+"s1")
			Expect(waits).To(Equal([]time.Duration{time.Second, time.Minute}))
			o.SetBehaviour(mnofake.Behaviour{})
			open(o, aliceAt, "/start?session=s1")
			ask(o, resultPath+"s1")
			Expect(waits).To(HaveLen(2))
		})
		It("answers at once when nobody can hold an answer back", func() {
			behaving(mnofake.Behaviour{RedirectDelay: time.Hour, ResultDelay: time.Hour})
			open(o, aliceAt, "/start?session=s1")
			Expect(result()).To(Equal(bound))
		})
	})

	Describe("towards subscribers whom it does not name", func() {
		DescribeTable("does not stamp, and does not know the number", func(s mnofake.Subscriber, note string) {
			behaving(mnofake.Behaviour{})
			s.MSISDN = alice
			Expect(o.UpdateSubscriber(s)).To(Succeed())
			Expect(open(o, aliceAt, "/start?session=s1").Code).To(Equal(200))
			Expect(notes).To(Equal([]string{"gateway stamps nothing: " + note, "redirect came unstamped"}))
			for _, path := range []string{resultPath + "s1", "/sna/v1/subscribers/" + alice} {
				w := ask(o, path)
				Expect(w.Code).To(Equal(404))
				Expect(w.Body.String()).To(Equal(`{"error":"subscriber_not_found"}`))
			}
		},
			Entry("a guest", mnofake.Subscriber{MVNO: "Example Mobile"}, "a SIM of Example Mobile, a guest on this network"),
			Entry("one who opted out", mnofake.Subscriber{OptedOut: true}, "the subscriber has opted out"),
		)
		It("removes a forged number of theirs, too", func() {
			behaving(mnofake.Behaviour{})
			Expect(o.UpdateSubscriber(mnofake.Subscriber{MSISDN: alice, OptedOut: true})).To(Succeed())
			r := request("GET", "/start?session=s1", aliceAt)
			r.Header.Set("X-MSISDN", bob)
			serve(o.Gateway(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				Expect(r.Header).NotTo(HaveKey("X-Msisdn"))
			})), r)
		})
		It("cannot name a session after its subscriber has opted out", func() {
			behaving(mnofake.Behaviour{})
			open(o, aliceAt, "/start?session=s1")
			Expect(result()).To(Equal(bound))
			Expect(o.UpdateSubscriber(mnofake.Subscriber{MSISDN: alice, OptedOut: true})).To(Succeed())
			Expect(result()).To(Equal(`{"error":"subscriber_not_found"}`))
		})
	})

	It("changes while the operator runs", func() {
		behaving(mnofake.Behaviour{ResultFailure: 500})
		Expect(o.Config().ResultFailure).To(Equal(500))
		open(o, aliceAt, "/start?session=s1")
		Expect(ask(o, resultPath+"s1").Code).To(Equal(500))
		o.SetBehaviour(mnofake.Behaviour{RedirectHops: -1})
		Expect(result()).To(Equal(bound))
		Expect(open(o, aliceAt, "/start?session=s2").Code).To(Equal(200))
		Expect(o.Config().Behaviour).To(HaveField("RedirectHops", -1))
	})
})
