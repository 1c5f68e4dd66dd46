package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/internal/apitest"
	"github.com/phonechecksim/phonechecksim/mnofake"
	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/journal"
	. "github.com/phonechecksim/phonechecksim/sim/simmatch"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var _ = Describe("A world", func() {
	var w *sim.World
	BeforeEach(func() {
		w = sim.RunT(GinkgoT(), sim.WithLatency())
		answersAsDescribed(w)
	})

	It("goes through the eight steps and nothing else", func(ctx context.Context) {
		Expect(w.Phone(number).Verify(ctx, number)).To(HaveMatched())
		Expect(w).To(HaveExchanges(
			"2 Device -> Server POST https://app.example/phone-check 200 over cellular",
			"3 Server -> IDlayr POST https://eu.api.idlayr.com/oauth2/v1/token 200 over wired",
			"3 Server -> IDlayr POST https://eu.api.idlayr.com/phone_check/v0.1/checks 201 over wired",
			"5 Device -> IDlayr GET https://eu.api.idlayr.com/phone_check/v0.1/checks/*/redirect 302 over cellular",
			"5 Device -> MNO GET http://sna.o2-uk.example/start?session=* 200 over cellular",
			"6 Device -> Server GET https://app.example/phone-check?check_id=* 200 over cellular",
			"7 Server -> IDlayr GET https://eu.api.idlayr.com/phone_check/v0.1/checks/* 200 over wired",
			"7 IDlayr -> MNO GET https://api.o2-uk.example/sna/v1/results/* 200 over wired",
		))
	})

	It("stamps the clear hop at the gateway, and fetches the result inside step 7", func(ctx context.Context) {
		w.Phone(number).Verify(ctx, number)
		x := journal.Exchanges(w.Journal().Records())
		stamped, get, fetch := x[4], x[6], x[7]
		Expect(stamped.Secure).To(BeFalse())
		Expect(stamped.Notes).To(ContainElement("gateway stamps " + number))
		Expect(stamped.RequestHeader).NotTo(HaveKey("X-Msisdn"), "the phone sent none")
		Expect(fetch.ParentSeq).To(Equal(get.Seq))
		Expect(fetch.OpenEvent).To(BeNumerically(">", get.OpenEvent))
		Expect(fetch.CloseEvent).To(BeNumerically("<", get.CloseEvent))
	})

	It("finds a mismatch when another SIM's bearer carried the hop, though the number is the same", func(ctx context.Context) {
		out := w.Phone("447700900002").Verify(ctx, number)
		Expect(out).To(And(HaveMismatched(), HaveCheckStatus("COMPLETED")))
		Expect(out.Explain()).To(ContainSubstring("the operator saw another SIM"))
	})

	It("lets a check expire in virtual time", func(ctx context.Context) {
		alice := w.Phone(number)
		begin := w.Now()
		started, err := alice.SubmitNumber(ctx, number)
		Expect(err).NotTo(HaveOccurred())
		Expect(alice.OpenCheckURL(ctx, started.CheckURL).HTTPStatus).To(Equal(200))
		w.Advance(61 * time.Second)
		answer, err := alice.RequestResult(ctx, started.CheckID)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Match).To(BeNil())
		Expect(string(answer.Body)).NotTo(ContainSubstring(`"match"`))
		c, _ := w.Check(started.CheckID)
		Expect(string(c.Status)).To(Equal("EXPIRED"))
		Expect(w.Now().Sub(begin)).To(BeNumerically("~", 61*time.Second, time.Second))
		Expect(w.Explain(started.CheckID)).To(ContainSubstring("were over before there was a result"))
	})

	It("refuses the WiFi path", func(ctx context.Context) {
		alice := w.Phone(number, sim.OnWiFi(), sim.With(device.WithSDK(device.Browser{})))
		out := alice.Verify(ctx, number)
		Expect(out).To(HaveCheckStatus("ERROR", "not_mobile_ip"))
		Expect(out.Open.HTTPStatus).To(Equal(412))
		Expect(string(out.Open.ResponseBody)).To(ContainSubstring("#not_mobile_ip"))
		Expect(out.Match).To(BeNil())
	})

	Describe("with a phone that forges subscriber headers", func() {
		for _, header := range mnofake.SubscriberHeaders() {
			for _, spelled := range []string{header, strings.ToLower(header), strings.ReplaceAll(header, "-", "_")} {
				It("ignores "+spelled+" over WiFi, and removes it over cellular", func(ctx context.Context) {
					mallory := w.Phone("447700900003", sim.With(device.WithRequestHeader(spelled, number)))
					Expect(mallory.Verify(ctx, number)).To(HaveMismatched())
					Expect(w).NotTo(HaveNote("gateway stamps " + number))

					wifi := w.Phone("447700900002", sim.OnWiFi(), sim.With(device.WithSDK(device.Browser{}), device.WithRequestHeader(spelled, number)))
					Expect(wifi.Verify(ctx, number)).To(HaveCheckStatus("ERROR", "not_mobile_ip"))
				})
			}
		}
	})

	It("believes no forged stamp at the operator itself, over WiFi", func(ctx context.Context) {
		alice := w.Phone(number)
		started, err := alice.SubmitNumber(ctx, number)
		Expect(err).NotTo(HaveOccurred())
		// The first hop goes over mobile data, the operator's over WiFi with a forged header.
		cellular, err := alice.Cellular()
		Expect(err).NotTo(HaveOccurred())
		first, err := cellular.RoundTrip(get(ctx, started.CheckURL))
		Expect(err).NotTo(HaveOccurred())
		first.Body.Close()
		Expect(first.StatusCode).To(Equal(302))
		alice.SetWiFi(true)
		wifi, err := alice.DefaultRoute()
		Expect(err).NotTo(HaveOccurred())
		hop := get(ctx, first.Header.Get("Location"))
		hop.Header.Set("X-MSISDN", number)
		second, err := wifi.RoundTrip(hop)
		Expect(err).NotTo(HaveOccurred())
		second.Body.Close()
		_, err = alice.RequestResult(ctx, started.CheckID)
		Expect(err).NotTo(HaveOccurred())
		c, _ := w.Check(started.CheckID)
		Expect(c.ErrorCode).To(Equal("mno_user_not_found"))
	})

	It("verifies with every product and version that has an app's part", func(ctx context.Context) {
		for _, product := range []string{"phone-check", "subscriber-check"} {
			for _, version := range []string{"v0.1", "v0.2"} {
				alice := w.Phone(number, sim.API(product, version))
				Expect(alice.Verify(ctx, number)).To(HaveMatched(), product+version)
				Expect(alice.Verify(ctx, "447700900002")).To(HaveMismatched(), product+version)
			}
		}
		Expect(w).To(HaveExchange("7 Server -> IDlayr PATCH https://eu.api.idlayr.com/subscriber_check/v0.2/checks/* 200 over wired"))
	})

	It("knows when a SIM was changed", func(ctx context.Context) {
		alice := w.Phone(number, sim.API("subscriber-check", "v0.1"))
		Expect(w.ChangeSIM(number, w.Now().Add(-time.Hour))).To(Succeed())
		out := alice.Verify(ctx, number)
		Expect(out.Matched()).To(BeTrue())
		Expect(out.NoSIMChange).To(HaveValue(BeFalse()))
		Expect(w.ChangeSIM("447700900999", w.Now())).To(MatchError(ContainSubstring("447700900999")))
	})

	It("calls the server back, again and again until it is heard", func(ctx context.Context) {
		w := sim.RunT(GinkgoT(), sim.WithCallbacks())
		answersAsDescribed(w)
		alice := w.Phone(number)
		w.Fault(vnet.Fault{Host: "app.example", Path: "/phone-check/callback", Status: 500, Times: 2})
		started, err := alice.SubmitNumber(ctx, number)
		Expect(err).NotTo(HaveOccurred())
		alice.OpenCheckURL(ctx, started.CheckURL)
		w.Advance(5 * time.Second)
		Expect(w).NotTo(HaveExchange("* IDlayr -> Server POST */callback 200 *"))
		w.Advance(30 * time.Second)
		Expect(w).To(HaveExchange("* IDlayr -> Server POST */callback 200 *"))
		answer, err := alice.RequestResult(ctx, started.CheckID)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Match).To(HaveValue(BeTrue()))
	})

	It("takes the user's own backend", func(ctx context.Context) {
		w.Serve("backend.test", backend{w}, device.Profile{StartPath: "/start", FinishPath: "/finish", MatchField: "ok"})
		out := w.Phone(number).Verify(ctx, number)
		Expect(out).To(HaveMatched())
		Expect(w).To(HaveExchange("2 Device -> Server POST https://backend.test/start 200 over cellular"))
		Expect(w).To(HaveExchange("6 Device -> Server GET https://backend.test/finish?check_id=* 200 over cellular"))
	})

	It("breaks and mends the network", func(ctx context.Context) {
		alice := w.Phone(number)
		w.Fault(vnet.Fault{Host: "api.o2-uk.example", Delay: 30 * time.Second})
		out := alice.Verify(ctx, number)
		Expect(out).To(HaveCheckStatus("ERROR", "mno_timeout"))
		w.ClearFaults()
		Expect(alice.Verify(ctx, number)).To(HaveMatched())
		Expect(func() { w.Fault(vnet.Fault{}) }).To(PanicWith(ContainSubstring("does nothing")))
	})

	It("has several operators and phones with two SIMs", func(ctx context.Context) {
		bob := w.Phone("447700900101", sim.SecondSIM("447700900001", ""))
		Expect(bob.Verify(ctx, number)).To(HaveCheckStatus("ERROR", "ip_msisdn_mismatch"))
		Expect(bob.SetDataSIM(1)).To(Succeed())
		Expect(bob.Verify(ctx, number)).To(HaveMatched())
		new := w.Phone("447700900555", sim.On("23415"))
		Expect(new.Verify(ctx, "447700900555")).To(HaveMatched())
		Expect(w).To(HaveExchange("5 Device -> MNO GET http://sna.vodafone-uk.example/* 200 *"))
	})

	It("gives clear errors for phones that cannot be", func() {
		_, err := w.AddPhone(number, sim.On("99999"))
		Expect(err).To(MatchError(And(ContainSubstring(`no operator "99999"`), ContainSubstring("23410 O2 UK"))))
		_, err = w.AddPhone("+44 7700")
		Expect(err).To(HaveOccurred())
	})

	It("forgets at a reset, and goes on", func(ctx context.Context) {
		alice := w.Phone(number)
		alice.Verify(ctx, number)
		w.Reset()
		Expect(w.Checks()).To(BeEmpty())
		Expect(w.Journal().Len()).To(Equal(0))
		Expect(alice.Verify(ctx, number)).To(HaveMatched())
	})

	It("serves many phones at once", func(ctx context.Context) {
		// Without latency: phones share one clock, and each one's waits would use up the others' patience.
		w := sim.RunT(GinkgoT())
		var wg sync.WaitGroup
		for i := range 30 {
			phone := w.Phone(fmt.Sprintf("4477009003%02d", i))
			wg.Go(func() {
				defer GinkgoRecover()
				Expect(phone.Verify(ctx, fmt.Sprintf("4477009003%02d", i))).To(HaveMatched())
			})
		}
		wg.Wait()
	})

	It("is of no use after Close, without a panic", func(ctx context.Context) {
		other, err := sim.New()
		Expect(err).NotTo(HaveOccurred())
		alice := other.Phone(number)
		Expect(other.Close()).To(Succeed())
		Expect(other.Close()).To(Succeed())
		Expect(alice.Verify(ctx, number).Err).To(MatchError(ContainSubstring("the network is closed")))
	})

	It("gives the same bytes for the same seed, and others for another", func(ctx context.Context) {
		play := func(seed uint64) string {
			w, err := sim.New(sim.WithSeed(seed), sim.WithStart(time.Unix(1591029810, 0)), sim.WithLatency())
			Expect(err).NotTo(HaveOccurred())
			defer w.Close()
			w.Phone(number).Verify(ctx, number)
			b, err := json.Marshal(journal.View(w.Journal().Records(), journal.ViewOptions{}))
			Expect(err).NotTo(HaveOccurred())
			return string(b)
		}
		Expect(play(7)).To(Equal(play(7)))
		Expect(play(7)).NotTo(Equal(play(8)))
	})
})

func get(ctx context.Context, url string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	Expect(err).NotTo(HaveOccurred())
	return r
}

// backend is a backend as its user writes it: it knows a client, credentials and the platform's address.
type backend struct{ w *sim.World }

func (b backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	base := sim.APIBase
	form, _ := http.NewRequestWithContext(r.Context(), http.MethodPost, base+"/oauth2/v1/token", strings.NewReader("grant_type=client_credentials"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	form.SetBasicAuth(b.w.Project().ClientID, b.w.Project().ClientSecret)
	token := b.call(form)["access_token"].(string)
	var upstream *http.Request
	if r.URL.Path == "/start" {
		upstream, _ = http.NewRequestWithContext(r.Context(), http.MethodPost, base+"/phone_check/v0.1/checks", r.Body)
	} else {
		upstream, _ = http.NewRequestWithContext(r.Context(), http.MethodGet, base+"/phone_check/v0.1/checks/"+r.FormValue("check_id"), nil)
	}
	upstream.Header.Set("Authorization", "Bearer "+token)
	check := b.call(upstream)
	answer := map[string]any{"check_id": check["check_id"], "ok": check["match"]}
	if links, ok := check["_links"].(map[string]any); ok {
		answer["check_url"] = links["check_url"].(map[string]any)["href"]
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (b backend) call(r *http.Request) (body map[string]any) {
	res, err := b.w.Client().Do(r)
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	_ = json.NewDecoder(res.Body).Decode(&body)
	_, _ = io.Copy(io.Discard, res.Body)
	return body
}

// TestParallelWorlds runs many worlds at once: they share nothing.
func TestParallelWorlds(t *testing.T) {
	for i := range 200 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			w := sim.RunT(t, sim.WithSeed(uint64(i)))
			alice := w.Phone(number)
			if !alice.Verify(t.Context(), number).Matched() {
				t.Error("the right SIM did not match")
			}
			if alice.Verify(t.Context(), "447700900002").Matched() {
				t.Error("the wrong SIM matched")
			}
			if n := len(w.Checks()); n != 2 {
				t.Errorf("%d checks instead of 2", n)
			}
		})
	}
}

// TestBubble plays a flow inside a synctest bubble, where everybody's clock is the bubble's.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := sim.RunT(t, sim.WithClock(clock.NewReal()), sim.WithLatency())
		alice := w.Phone(number)
		if out := alice.Verify(t.Context(), number); !out.Matched() {
			t.Fatal(out.Explain())
		}
		w.Fault(vnet.Fault{Host: "api.o2-uk.example", Stall: true})
		begin := time.Now()
		out := alice.Verify(t.Context(), number)
		if c, _ := out.Check(); c.ErrorCode != "mno_timeout" {
			t.Fatal(out.Explain())
		}
		if d := time.Since(begin); d < 4*time.Second || d > 5*time.Second {
			t.Errorf("it took %v of the bubble's time", d)
		}
	})
}

// fakeTB is a test that keeps what it is told.
type fakeTB struct {
	failed   bool
	log      []string
	cleanups []func()
}

func (f *fakeTB) Helper()                   {}
func (f *fakeTB) Failed() bool              { return f.failed }
func (f *fakeTB) Cleanup(c func())          { f.cleanups = append(f.cleanups, c) }
func (f *fakeTB) Logf(s string, a ...any)   { f.log = append(f.log, "log: "+fmt.Sprintf(s, a...)) }
func (f *fakeTB) Fatalf(s string, a ...any) { panic(fmt.Sprintf(s, a...)) }
func (f *fakeTB) Errorf(s string, args ...any) {
	f.failed, f.log = true, append(f.log, "error: "+fmt.Sprintf(s, args...))
}

// answersAsDescribed holds, at the end of a spec, what the platform answered and sent against the descriptions of its API.
func answersAsDescribed(w *sim.World) {
	DeferCleanup(func() {
		recorder, err := apitest.NewRecorder()
		Expect(err).NotTo(HaveOccurred())
		recorder.Records(w.Journal().Records())
		Expect(recorder.Wrong()).To(BeEmpty())
	})
}

var _ = Describe("RunT", func() {
	It("logs the timeline of a failed test, and of no other", func(ctx context.Context) {
		for _, failed := range []bool{false, true} {
			tb := &fakeTB{}
			sim.RunT(tb).Phone(number).Verify(ctx, number)
			tb.failed = failed
			tb.cleanups[0]()
			if !failed {
				Expect(tb.log).To(BeEmpty())
				continue
			}
			Expect(tb.log).To(ConsistOf(And(HavePrefix("log: "), ContainSubstring("gateway stamps "+number))))
		}
	})

	It("fails a test that leaves a body open", func(ctx context.Context) {
		tb := &fakeTB{}
		w := sim.RunT(tb)
		res, err := w.Client().Get(sim.APIBase + "/nothing")
		Expect(err).NotTo(HaveOccurred())
		tb.cleanups[0]()
		Expect(tb.log).To(ContainElement(ContainSubstring("Server never closed the body of the answer to GET " + sim.APIBase + "/nothing")))
		_ = res.Body.Close()
	})
})
