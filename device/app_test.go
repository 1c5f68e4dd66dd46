package device_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/device"
)

const backend = "https://backend.test"

// server is an app server that answers what the test says and remembers what it was asked.
type server struct {
	start, finish http.HandlerFunc
	asked         []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	s.asked = append(s.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	if r.Method == http.MethodPost && !strings.Contains(r.URL.Path, "done") {
		s.start(w, r)
	} else {
		s.finish(w, r)
	}
}

var _ = Describe("app", func() {
	var (
		ctx       context.Context
		srv       *server
		cell, web *network
		clock     *manual
		phone     *device.Phone
		app       *device.App
	)
	started := answer(200, "application/json", `{"check_id":"c1","check_url":"`+checkURL+`"}`)
	BeforeEach(func() {
		ctx = context.Background()
		clock = newManual()
		srv = &server{start: started, finish: answer(200, "application/json", `{"match":true}`)}
		hosts := map[string]http.HandlerFunc{
			backend: srv.ServeHTTP, platform: redirect(302, mno+"/start"), mno: answer(200, "application/json", `{"status":"ok"}`)}
		cell, web = &network{hosts: hosts}, &network{hosts: hosts}
		phone = device.New("alice", device.WithSIM(device.SIM{MSISDN: aliceNumber, NetworkID: "23410", Bearer: cell}),
			device.WithWiFi(web), device.WithClock(clock))
		app = device.NewApp(phone, device.Profile{BaseURL: backend})
	})
	AfterEach(func() { Expect(clock.pending()).To(BeZero(), "timers left behind") })

	It("goes through all steps", func() {
		out := app.Verify(ctx, aliceNumber)
		Expect(out.Err).NotTo(HaveOccurred())
		Expect(out.Matched()).To(BeTrue())
		Expect(out.CheckID).To(Equal("c1"))
		Expect(out.CheckURL).To(Equal(checkURL))
		Expect(out.Open).To(HaveField("HTTPStatus", 200))
		Expect(out.Status).To(Equal(200))
		Expect(cell.urls()).To(Equal([]string{backend + "/phone-check", checkURL, mno + "/start", backend + "/phone-check?check_id=c1"}))
		Expect(srv.asked).To(Equal([]string{`POST /phone-check {"phone_number":"447700900001"}`, `GET /phone-check?check_id=c1`}))
		first, last := cell.requests()[0].Header, cell.requests()[3].Header
		Expect(first).To(Equal(http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"phonechecksim-device/1.0"}}))
		Expect(last).To(Equal(http.Header{"Accept": {"application/json"}, "User-Agent": {"phonechecksim-device/1.0"}}))
	})

	Describe("with a server that takes codes", func() {
		BeforeEach(func() {
			app = device.NewApp(phone, device.Routes(backend, "subscriber-check", "v0.2"))
			srv.start = func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/exchange-code") {
					answer(200, "application/json", `{"match":true,"no_sim_change":false}`)(w, r)
					return
				}
				started(w, r)
			}
		})

		It("redeems the code that the chain ended with", func() {
			cell.hosts[mno] = answer(200, "application/hal+json", `{"check_id":"c1","code":"94dae426fb"}`)
			out := app.Verify(ctx, aliceNumber)
			Expect(out.Matched()).To(BeTrue())
			Expect(out.NoSIMChange).To(HaveValue(BeFalse()))
			Expect(srv.asked).To(Equal([]string{`POST /v0.2/subscriber-check {"phone_number":"447700900001"}`,
				`POST /v0.2/subscriber-check/exchange-code {"check_id":"c1","code":"94dae426fb"}`}))
		})

		It("asks for the result when the chain ended without one", func() {
			cell.hosts[mno] = answer(200, "application/hal+json", `{"check_id":"c1","error":"mno_redirect_unsupported"}`)
			Expect(app.Verify(ctx, aliceNumber).Matched()).To(BeTrue())
			Expect(srv.asked[1]).To(Equal(`GET /v0.2/subscriber-check?check_id=c1`))
		})

		It("has no code route in v0.1", func() {
			Expect(device.Routes(backend, "phone-check", "v0.1").RedeemPath).To(BeEmpty())
		})
	})

	It("asks for coverage over mobile data, with the token that its server has for it", func() {
		srv.finish = answer(200, "application/json", `{"token":"t1","url":"`+platform+`/coverage/v0.1/device_ip"}`)
		cell.hosts[platform] = answer(200, "application/hal+json", `{"network_id":"23410"}`)
		phone.SetWiFi(true)
		res, err := app.Coverage(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(res.HTTPStatus).To(Equal(200))
		Expect(string(res.ResponseBody)).To(Equal(`{"network_id":"23410"}`))
		Expect(web.urls()).To(Equal([]string{backend + "/coverage-access-token"}))
		Expect(cell.urls()).To(Equal([]string{platform + "/coverage/v0.1/device_ip"}))
		Expect(cell.requests()[0].Header).To(HaveKeyWithValue("Authorization", []string{"Bearer t1"}))

		srv.finish = answer(200, "application/json", `{"token":""}`)
		_, err = app.Coverage(ctx)
		Expect(err).To(MatchError(ContainSubstring("no token and url")))
	})

	It("takes WiFi for its own calls and mobile data for the check URL", func() {
		phone.SetWiFi(true)
		Expect(app.Verify(ctx, aliceNumber).Matched()).To(BeTrue())
		Expect(web.urls()).To(Equal([]string{backend + "/phone-check", backend + "/phone-check?check_id=c1"}))
		Expect(cell.urls()).To(Equal([]string{checkURL, mno + "/start"}))
	})

	It("asks for the result even if the check URL could not be opened", func() {
		srv.finish = answer(200, "application/json", `{"match":false}`)
		phone.SetWiFi(true)
		phone.SetMobileData(false)
		out := app.Verify(ctx, aliceNumber)
		Expect(out.Open).To(HaveField("Error", device.CodeNoDataConnectivity))
		Expect(out.Err).NotTo(HaveOccurred())
		Expect(out.Match).To(HaveValue(BeFalse()))
		Expect(out.Matched()).To(BeFalse())
	})

	It("speaks to a server with routes of its own", func() {
		srv.start = answer(201, "application/json", `{"id":"c 1","url":"`+checkURL+`"}`)
		srv.finish = answer(200, "text/plain", `{"verified":true}`)
		app = device.NewApp(phone, device.Profile{BaseURL: backend + "/", StartPath: "/api/go", NumberField: "msisdn",
			CheckIDField: "id", CheckURLField: "url", FinishMethod: "POST", FinishPath: "/api/done", MatchField: "verified"})
		Expect(app.Verify(ctx, aliceNumber).Matched()).To(BeTrue())
		Expect(srv.asked).To(Equal([]string{`POST /api/go {"msisdn":"447700900001"}`, `POST /api/done {"id":"c 1"}`}))
	})

	It("writes what it asks for into the query safely", func() {
		app = device.NewApp(phone, device.Profile{BaseURL: backend, FinishPath: "/done?v=1"})
		_, err := app.RequestResult(ctx, "a&b=c d")
		Expect(err).NotTo(HaveOccurred())
		Expect(srv.asked).To(Equal([]string{"GET /done?v=1&check_id=a%26b%3Dc+d"}))
	})

	It("is one session per App", func() {
		srv.start = func(w http.ResponseWriter, r *http.Request) {
			// In simulated time this is an hour ahead; by the machine's clock it is long past.
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "s", Secure: true, Expires: clock.Now().Add(time.Hour)})
			started(w, r)
		}
		app.Verify(ctx, aliceNumber)
		cookies := func() []string {
			var out []string
			for _, r := range cell.requests() {
				out = append(out, r.Header.Get("Cookie"))
			}
			cell.seen = nil
			return out
		}
		Expect(cookies()).To(Equal([]string{"", "", "", "session=s"}))
		_, _ = app.RequestResult(ctx, "c1")
		_, _ = device.NewApp(phone, device.Profile{BaseURL: backend}).RequestResult(ctx, "c1")
		clock.advance(time.Hour)
		_, _ = app.RequestResult(ctx, "c1")
		Expect(cookies()).To(Equal([]string{"session=s", "", ""}))
	})

	It("sends the phone's extra headers too", func() {
		phone.SetRequestHeader("X-MSISDN", bobNumber)
		app.Verify(ctx, aliceNumber)
		for _, r := range cell.requests() {
			Expect(r.Header).To(HaveKeyWithValue("X-MSISDN", []string{bobNumber}), r.URL.String())
		}
	})

	long := strings.Repeat("x", 300)
	DescribeTable("says at which step the start failed", func(handler http.HandlerFunc, step, status int, text string) {
		srv.start = handler
		out := app.Verify(ctx, aliceNumber)
		Expect(out.Err).To(MatchError(text))
		var stepError *device.StepError
		Expect(errors.As(out.Err, &stepError)).To(BeTrue())
		Expect(stepError.Step).To(Equal(step))
		Expect(stepError.Status).To(Equal(status))
		Expect(out.Status).To(Equal(status))
		Expect(out.Open).To(BeNil())
		Expect(out.Matched()).To(BeFalse())
		Expect(srv.asked).To(HaveLen(1))
	},
		Entry("refused", answer(400, "application/json", `{"error_message":"phone_number parameter is required"}`), 4, 400,
			`step 4: the app server answered 400: {"error_message":"phone_number parameter is required"}`),
		Entry("failed at length", answer(500, "text/plain", long), 4, 500, "step 4: the app server answered 500: "+long[:200]+"..."),
		Entry("a page", answer(200, "text/html", `<html>`), 4, 200, `step 4: the app server's answer is not a JSON object: <html>`),
		Entry("null", answer(200, "application/json", `null`), 4, 200, `step 4: the app server's answer is not a JSON object: null`),
		Entry("nothing in it", answer(200, "application/json", `{}`), 4, 200, `step 4: the app server's answer has no "check_id": {}`),
		Entry("no URL", answer(200, "application/json", `{"check_id":"c"}`), 4, 200, `step 4: the app server's answer has no "check_url": {"check_id":"c"}`),
		Entry("an id that is no text", answer(200, "application/json", `{"check_id":1,"check_url":"u"}`), 4, 200,
			`step 4: the app server's answer has no "check_id": {"check_id":1,"check_url":"u"}`),
		Entry("redirected to nowhere", redirect(307, "https://gone.test/"), 2, 0, "step 2: the app server: no such host"),
		Entry("endless", answer(200, "application/json", strings.Repeat(" ", 1<<20+1)), 4, 200, "step 4: the app server answered more than 1048576 bytes"),
	)

	DescribeTable("reads the verdict", func(handler http.HandlerFunc, match *bool, status int, text string) {
		srv.finish = handler
		got, err := app.RequestResult(ctx, "c1")
		Expect(got.Match).To(Equal(match))
		Expect(got.Status).To(Equal(status))
		if text == "" {
			Expect(err).NotTo(HaveOccurred())
		} else {
			Expect(err).To(MatchError(text))
			Expect(got.Body).NotTo(BeEmpty())
		}
		out := app.Verify(ctx, aliceNumber)
		Expect(out.Match).To(Equal(match))
		Expect(out.Status).To(Equal(status))
		Expect(out.Err == nil).To(Equal(text == ""))
		Expect(out.Matched()).To(Equal(match != nil && *match))
	},
		Entry("yes", answer(200, "application/json", `{"match":true}`), new(true), 200, ""),
		Entry("no", answer(200, "application/json", `{"match":false}`), new(false), 200, ""),
		Entry("none yet", answer(200, "application/json", `{"check_id":"c1"}`), nil, 200, ""),
		Entry("null", answer(200, "application/json", `{"match":null}`), nil, 200, ""),
		Entry("text", answer(200, "application/json", `{"match":"true"}`), nil, 200,
			`step 8: the app server's answer has a "match" that is not true or false: {"match":"true"}`),
		Entry("refused, whatever it says", answer(403, "application/json", `{"match":true}`), nil, 403, `step 8: the app server answered 403: {"match":true}`),
	)

	It("has no route", func() {
		phone.SetMobileData(false)
		out := app.Verify(ctx, aliceNumber)
		Expect(out.Err).To(MatchError(device.ErrNoRoute))
		Expect(out.Err).To(MatchError(HavePrefix("step 2: ")))
		Expect(out.Status).To(BeZero())
	})

	It("has a base URL that is none", func() {
		_, err := device.NewApp(phone, device.Profile{BaseURL: "https://["}).SubmitNumber(ctx, aliceNumber)
		Expect(err).To(MatchError(HavePrefix("step 2: ")))
	})

	It("gives a call ten seconds", func() {
		srv.start = func(w http.ResponseWriter, r *http.Request) {
			clock.advance(10*time.Second - 1)
			started(w, r)
		}
		srv.finish = func(http.ResponseWriter, *http.Request) { clock.advance(10 * time.Second) }
		out := app.Verify(ctx, aliceNumber)
		Expect(out.CheckID).To(Equal("c1"))
		Expect(out.Err).To(MatchError("step 6: the app server: no answer within 10s: context deadline exceeded"))
		Expect(out.Err).To(MatchError(context.DeadlineExceeded))
	})

	It("ends with the caller's context", func() {
		gone := errors.New("user went away")
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(gone)
		Expect(app.Verify(ctx, aliceNumber).Err).To(MatchError(gone))
	})
})
