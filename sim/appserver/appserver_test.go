package appserver_test

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/phonechecksim/phonechecksim/sim/appserver"
)

func refused(status int, code string) types.GomegaMatcher {
	return And(
		HaveField("Status", status),
		HaveField("Body", And(HaveKeyWithValue("code", code), HaveKeyWithValue("error_message", Not(BeEmpty())), HaveLen(2))),
	)
}

var _ = Describe("Server", func() {
	var b *bench
	var alice *jar
	BeforeEach(func() {
		b, alice = guarded(), &jar{}
	})

	Describe("the flow", func() {
		It("does steps 2 to 4 and 6 to 8", func() {
			g := b.start(alice, "447700900001")
			Expect(g.Status).To(Equal(200))
			Expect(g.Raw).To(Equal(`{"check_id":"check-1","check_url":"https://eu.api.idlayr.com/phone_check/v0.1/checks/check-1/redirect?a=1&b=2"}` + "\n"))
			Expect(g.Header.Get("Content-Type")).To(HavePrefix("application/json"))
			Expect(g.Header.Get("Cache-Control")).To(Equal("no-store"))
			Expect(b.calls).To(HaveLen(2))
			Expect(b.calls[0]).To(Equal(call{"token", "Basic " + base64.StdEncoding.EncodeToString([]byte("client:"+secret)),
				"grant_type=client_credentials&scope=phone_check", api + "/oauth2/v1/token"}))
			Expect(b.calls[1]).To(Equal(call{"create", "Bearer t0ken-canary-1", `{"phone_number":"447700900001"}`, api + "/phone_check/v0.1/checks"}))
			Expect(b.do(alice, "GET", "/me", "", "").Raw).To(Equal(`{"verified":false}` + "\n"))

			g = b.ask(alice, "check-1")
			Expect(g.Status).To(Equal(200))
			Expect(g.Raw).To(Equal(`{"match":true,"check_id":"check-1","status":"COMPLETED"}` + "\n"))
			Expect(b.last("get")).To(Equal(call{"get", "Bearer t0ken-canary-1", "", api + "/phone_check/v0.1/checks/check-1"}))
			Expect(b.do(alice, "GET", "/me", "", "").Raw).To(Equal(`{"verified":true,"phone_number":"447700900001"}` + "\n"))
		})

		DescribeTable("takes the number at each route, as JSON and as a form", func(path, contentType, body string) {
			Expect(b.do(alice, "POST", path, contentType, body)).To(HaveField("Status", 200))
			Expect(b.last("create").Body).To(Equal(`{"phone_number":"447700900001"}`))
		},
			Entry(nil, "/phone-check", "application/json; charset=utf-8", `{"phone_number":"447700900001","redirect_url":"https://evil.example","callback_url":"x"}`),
			Entry(nil, "/check", "", ` {"phone_number":"447700900001"}`),
			Entry(nil, "/v0.1/phone-check", "application/x-www-form-urlencoded", "phone_number=%2B447700900001"),
			Entry(nil, "/check", "", "phone_number=447700900001"),
		)

		DescribeTable("gives the result at each route", func(path string) {
			b.start(alice, "447700900001")
			Expect(b.do(alice, "GET", path+"?check_id=check-1", "", "").Body).To(HaveKeyWithValue("match", true))
		},
			Entry(nil, "/phone-check"), Entry(nil, "/check_status"), Entry(nil, "/v0.1/phone-check"),
		)

		It("takes traces", func() {
			Expect(b.do(nil, "POST", "/traces", "text/plain", strings.Repeat("x", 100_000)).Raw).To(Equal("OK"))
		})

		It("keeps a final answer and asks no more", func() {
			b.result = `"status":"COMPLETED","match":false`
			b.start(alice, "447700900001")
			for range 3 {
				Expect(b.ask(alice, "check-1").Raw).To(Equal(`{"match":false,"check_id":"check-1","status":"COMPLETED"}` + "\n"))
			}
			Expect(b.count("get")).To(Equal(1))
			Expect(b.do(alice, "GET", "/me", "", "").Body).To(Equal(map[string]any{"verified": false}))
		})
	})

	DescribeTable("never calls anything but a COMPLETED true a match",
		func(upstream, want string, asked int) {
			b.result = upstream
			b.start(alice, "447700900001")
			for range 2 {
				g := b.ask(alice, "check-1")
				Expect(g.Raw).To(Equal(want + "\n"))
				Expect(g.Body).NotTo(HaveKey("match"))
			}
			Expect(b.count("get")).To(Equal(asked))
			Expect(b.do(alice, "GET", "/me", "", "").Body).To(Equal(map[string]any{"verified": false}))
		},
		Entry(nil, `"status":"ACCEPTED"`, `{"check_id":"check-1","status":"ACCEPTED"}`, 2),
		Entry(nil, `"status":"PENDING","match":true`, `{"check_id":"check-1","status":"PENDING"}`, 2),
		Entry(nil, `"status":"EXPIRED","match":true`, `{"check_id":"check-1","status":"EXPIRED"}`, 1),
		Entry(nil, `"status":"ERROR","match":true,"error_code":"not_mobile_ip"`, `{"check_id":"check-1","status":"ERROR","error_code":"not_mobile_ip"}`, 1),
		Entry(nil, `"status":"ERROR","error_code":"canary"`, `{"check_id":"check-1","status":"ERROR"}`, 1),
		Entry(nil, `"status":"canary","match":true`, `{"check_id":"check-1","status":"UNKNOWN"}`, 2),
		Entry(nil, `"match":true`, `{"check_id":"check-1","status":"UNKNOWN"}`, 2),
		Entry(nil, `"status":"completed","match":true`, `{"check_id":"check-1","status":"UNKNOWN"}`, 2),
	)

	DescribeTable("takes a result that cannot be for none",
		func(upstream string) {
			b.result = upstream
			b.start(alice, "447700900001")
			Expect(b.ask(alice, "check-1")).To(refused(503, "unavailable"))
			Expect(b.do(alice, "GET", "/me", "", "").Body).To(Equal(map[string]any{"verified": false}))
		},
		Entry(nil, `"status":"COMPLETED"`),
		Entry(nil, `"status":"COMPLETED","match":null`),
		Entry(nil, `"status":"COMPLETED","match":"false"`),
		Entry(nil, `"status":"COMPLETED","match":"true"`),
		Entry(nil, `"status":"COMPLETED","match":1`),
		Entry("another check", `"check_id":"check-2","status":"COMPLETED","match":true`),
		Entry("not JSON", `canary`),
		Entry("wrong types", `"status":7`),
	)

	Describe("numbers", func() {
		DescribeTable("E.164 without plus, whatever the spelling", func(typed, want string) {
			Expect(b.start(alice, typed)).To(HaveField("Status", 200))
			Expect(b.last("create").Body).To(Equal(fmt.Sprintf(`{"phone_number":%q}`, want)))
		},
			Entry(nil, "447700900001", "447700900001"),
			Entry(nil, "+447700900001", "447700900001"),
			Entry(nil, "+44 7700 900001", "447700900001"),
			Entry(nil, "07700900001", "447700900001"),
			Entry(nil, "07700 900 001", "447700900001"),
			Entry(nil, "0044 7700 900001", "447700900001"),
			Entry(nil, "00447700900001", "447700900001"),
			Entry(nil, "(0)7700-900-001", "447700900001"),
			Entry(nil, "+44 (0)7700 900001", "447700900001"),
			Entry(nil, "44 7700 900001", "447700900001"),
			Entry("pasted", "+44\u00a07700\u2011900001", "447700900001"),
			Entry("abroad, no plus", "14155550100", "14155550100"),
			Entry("abroad, no plus, possible at home", "4915123456789", "4915123456789"),
			Entry(nil, "+353 85 123 4567", "353851234567"),
			Entry(nil, "447700900999", "447700900999"),
		)

		DescribeTable("refuses the rest without a call", func(typed, code string) {
			Expect(b.start(alice, typed)).To(refused(400, code))
			Expect(b.calls).To(BeEmpty())
			Expect(alice.cookie).To(BeNil())
		},
			Entry(nil, "", "phone_number_required"),
			Entry("far too short", "07700", "phone_format_invalid"),
			Entry("within one town only", "+4412345678", "phone_format_invalid"),
			Entry("a service", "+49 0000", "phone_format_invalid"),
			Entry("national without its zero", "7700900001", "phone_format_invalid"),
			Entry("a digit too many", "+4477009000012", "phone_format_invalid"),
			Entry("letters for digits", "077OO900001", "phone_format_invalid"),
			Entry("vanity", "0800 FLOWERS", "phone_format_invalid"),
			Entry("an extension", "+447700900001;ext=3", "phone_format_invalid"),
			Entry("two", "07700900001,07700900002", "phone_format_invalid"),
			Entry("two pluses", "+44+7700900001", "phone_format_invalid"),
			Entry("no such country", "+999123456789", "phone_format_invalid"),
			Entry("emergency", "999", "phone_format_invalid"),
			Entry("text", "hello", "phone_format_invalid"),
			Entry("blank", "   ", "phone_format_invalid"),
			Entry("endless", strings.Repeat("4", 1000), "phone_format_invalid"),
		)

		It("reads national numbers as the configured region's", func() {
			s := appserver.New(appserver.Config{Client: &http.Client{Transport: b.platform}, Clock: b.clk, DefaultRegion: "US"})
			defer s.Close()
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest("POST", "/check", strings.NewReader("phone_number=(415) 555-0100")))
			Expect(w.Code).To(Equal(200))
			Expect(b.last("create").Body).To(Equal(`{"phone_number":"14155550100"}`))
		})
	})

	DescribeTable("hostile bodies are answered, not passed on", func(contentType, body string, status int, code string) {
		Expect(b.do(alice, "POST", "/phone-check", contentType, body)).To(refused(status, code))
		Expect(b.calls).To(BeEmpty())
	},
		Entry(nil, "application/json", "", 400, "phone_number_required"),
		Entry(nil, "application/json", "{", 400, "bad_request"),
		Entry(nil, "application/json", "[]", 400, "bad_request"),
		Entry(nil, "application/json", "null", 400, "phone_number_required"),
		Entry(nil, "application/json", `{"phone_number":null}`, 400, "phone_number_required"),
		Entry(nil, "application/json", `{"phone_number":447700900001}`, 400, "phone_format_invalid"),
		Entry(nil, "application/json", `{"phone_number":{"$ne":""}}`, 400, "phone_format_invalid"),
		Entry(nil, "application/json", `{"Phone_Number":"447700900001"}`, 400, "phone_number_required"),
		Entry(nil, "application/json", `{"phone_number":"447700900001"} {}`, 400, "bad_request"),
		Entry(nil, "application/json", strings.Repeat("[", 10_000), 400, "bad_request"),
		Entry(nil, "application/json", `{"phone_number":"`+strings.Repeat("4", 17<<10)+`"}`, 413, "body_too_large"),
		Entry(nil, "application/x-www-form-urlencoded", "phone_number=%zz", 400, "bad_request"),
		Entry(nil, "application/x-www-form-urlencoded", "", 400, "phone_number_required"),
		Entry(nil, "\x00", "\xff\xfe", 400, "phone_number_required"),
	)

	It("answers a body that breaks off", func() {
		r := httptest.NewRequest("POST", "/phone-check", io.MultiReader(strings.NewReader("{"), errReader{}))
		Expect(b.send(alice, r)).To(refused(400, "bad_request"))
	})

	It("knows its routes and methods", func() {
		Expect(b.do(nil, "GET", "/nothing", "", "")).To(refused(404, "not_found"))
		g := b.do(nil, "DELETE", "/phone-check", "", "")
		Expect(g).To(refused(405, "method_not_allowed"))
		Expect(g.Header.Values("Allow")).To(Equal([]string{"GET", "POST"}))
		Expect(b.do(nil, "GET", "/phone-check", "", "")).To(And(refused(400, "check_id_required"),
			HaveField("Body", HaveKeyWithValue("error_message", "check_id parameter is required"))))
		Expect(b.start(nil, "").Body).To(HaveKeyWithValue("error_message", "phone_number parameter is required"))
	})

	Describe("the token", func() {
		It("is used again, and renewed a minute before it ends", func() {
			b.start(alice, "447700900001")
			b.clk.Advance(59*time.Minute - time.Nanosecond)
			b.start(alice, "447700900001")
			Expect(b.count("token")).To(Equal(1))
			b.clk.Advance(time.Nanosecond)
			b.start(alice, "447700900001")
			Expect(b.count("token")).To(Equal(2))
			Expect(b.last("create").Auth).To(Equal("Bearer t0ken-canary-2"))
		})

		It("is renewed halfway when it lives shorter than two minutes", func() {
			b.next("token", reply(200, `{"access_token":"t0ken-canary-x","expires_in":"10","token_type":"bearer"}`))
			b.start(alice, "447700900001")
			b.clk.Advance(5*time.Second - 1)
			b.start(alice, "447700900001")
			Expect(b.count("token")).To(Equal(1))
			b.clk.Advance(1)
			b.start(alice, "447700900001")
			Expect(b.count("token")).To(Equal(2))
		})

		It("is fetched once for many who come together", func() {
			b.gate = make(chan struct{})
			var wg sync.WaitGroup
			got := make(chan int, 20)
			for range 20 {
				wg.Go(func() { got <- b.start(&jar{}, "447700900001").Status })
			}
			Eventually(func() int { return b.count("token") }).Should(Equal(1))
			Consistently(func() int { return b.count("token") }, "20ms").Should(Equal(1))
			close(b.gate)
			wg.Wait()
			close(got)
			for status := range got {
				Expect(status).To(Equal(200))
			}
			Expect(b.count("token")).To(Equal(1))
			Expect(b.count("create")).To(Equal(20))
		})

		It("is replaced once when the platform refuses it, and the call repeated once", func() {
			b.start(alice, "447700900001")
			b.next("create", problem(401, "access_token_error"))
			Expect(b.start(alice, "447700900002")).To(HaveField("Status", 200))
			Expect(b.count("token")).To(Equal(2))
			Expect(b.count("create")).To(Equal(3))
			Expect(b.last("create")).To(And(HaveField("Auth", "Bearer t0ken-canary-2"), HaveField("Body", `{"phone_number":"447700900002"}`)))

			b.next("get", problem(401, "access_token_error"))
			Expect(b.ask(alice, "check-1").Body).To(HaveKeyWithValue("match", true))
			Expect(b.count("token")).To(Equal(3))
		})

		It("is given up after a second refusal", func() {
			b.next("create", problem(401, "access_token_error"), problem(401, "access_token_error"))
			Expect(b.start(alice, "447700900001")).To(refused(503, "unavailable"))
			Expect(b.count("token")).To(Equal(2))
			Expect(b.count("create")).To(Equal(2))
		})

		DescribeTable("cannot be had", func(f func(*http.Request) (*http.Response, error), status int, code string) {
			b.next("token", f)
			Expect(b.start(alice, "447700900001")).To(refused(status, code))
			Expect(b.count("create")).To(Equal(0))
			Expect(b.start(alice, "447700900001")).To(HaveField("Status", 200), "the failure is not kept")
		},
			Entry(nil, reply(401, `{"error":"invalid_client","error_description":"canary"}`), 503, "unavailable"),
			Entry(nil, reply(500, `canary`), 503, "unavailable"),
			Entry(nil, reply(200, `canary`), 503, "unavailable"),
			Entry(nil, reply(200, `{"expires_in":3600}`), 503, "unavailable"),
			Entry(nil, reply(302, ``, "Location", "https://canary.example/"), 503, "unavailable"),
			Entry(nil, func(*http.Request) (*http.Response, error) { return nil, errors.New("canary") }, 503, "unavailable"),
			Entry(nil, problem(429, "too_many_requests"), 429, "too_many_requests"),
		)

		It("survives the first caller's going away", func() {
			b.gate = make(chan struct{})
			r, cancel := cancelled("POST", "/check", "phone_number=447700900001")
			gone := make(chan got, 1)
			go func() { gone <- b.send(nil, r) }()
			Eventually(func() int { return b.count("token") }).Should(Equal(1))
			cancel()
			Eventually(gone).Should(Receive(refused(503, "unavailable")))
			close(b.gate)
			Eventually(func() int { return b.start(alice, "447700900001").Status }).Should(Equal(200))
			Expect(b.count("token")).To(Equal(1))
		})
	})

	Describe("the platform's refusals", func() {
		DescribeTable("become answers of our own", func(f func(*http.Request) (*http.Response, error), status int, code string) {
			b.next("create", f)
			Expect(b.start(alice, "447700900001")).To(refused(status, code))
			Expect(alice.cookie).To(BeNil())

			b.start(alice, "447700900001")
			b.next("get", f)
			Expect(b.ask(alice, "check-2")).To(HaveField("Status", status))
		},
			Entry(nil, problem(400, "phone_format_invalid"), 400, "phone_format_invalid"),
			Entry(nil, problem(400, "mno_not_supported"), 422, "mno_not_supported"),
			Entry(nil, problem(400, "bad_request"), 422, "not_verifiable"),
			Entry(nil, problem(402, "canary"), 503, "unavailable"),
			Entry(nil, problem(403, "forbidden"), 503, "unavailable"),
			Entry(nil, problem(404, "check_not_found"), 404, "check_not_found"),
			Entry(nil, problem(409, "ip_msisdn_mismatch"), 409, "ip_msisdn_mismatch"),
			Entry(nil, reply(412, "canary"), 412, "not_mobile_ip"),
			Entry(nil, problem(501, "mno_redirect_unsupported"), 422, "mno_redirect_unsupported"),
			Entry(nil, problem(500, "canary"), 503, "unavailable"),
			Entry(nil, reply(504, "canary"), 504, "timeout"),
			Entry(nil, reply(418, `{"type":7}`), 422, "not_verifiable"),
			Entry(nil, reply(302, "", "Location", "https://canary.example/"), 503, "unavailable"),
			Entry(nil, reply(200, "canary"), 503, "unavailable"),
			Entry(nil, func(*http.Request) (*http.Response, error) { return nil, errors.New("canary") }, 503, "unavailable"),
		)

		DescribeTable("an unusable check is none", func(body string) {
			b.next("create", reply(201, body))
			Expect(b.start(alice, "447700900001")).To(refused(503, "unavailable"))
		},
			Entry(nil, `{}`),
			Entry(nil, `{"check_id":"x"}`),
			Entry(nil, `{"_links":{"check_url":{"href":"https://eu.api.idlayr.com/x"}}}`),
			Entry(nil, `{"check_id":"x","_links":{"check_url":{"href":"/relative"}}}`),
			Entry(nil, `{"check_id":"x","_links":{"check_url":{"href":"javascript://canary/"}}}`),
		)

		DescribeTable("429 keeps a Retry-After that is one", func(value, want string) {
			b.next("create", reply(429, "", "Retry-After", value))
			g := b.start(alice, "447700900001")
			Expect(g).To(refused(429, "too_many_requests"))
			Expect(g.Header.Get("Retry-After")).To(Equal(want))
			Expect(b.count("create")).To(Equal(1), "and is not repeated")
		},
			Entry(nil, "30", "30"),
			Entry(nil, "Mon, 01 Jun 2020 16:44:30 GMT", "Mon, 01 Jun 2020 16:44:30 GMT"),
			Entry(nil, "", ""), Entry(nil, "-1", ""), Entry(nil, "1.5", ""), Entry(nil, "canary", ""), Entry(nil, "99999999999", ""),
		)
	})

	Describe("deadlines", func() {
		BeforeEach(func() {
			b.start(alice, "447700900001")
		})
		It("ends a stalled creation", func() {
			b.next("create", stall)
			Expect(b.later("create", 5*time.Second, func() got { return b.start(alice, "447700900001") })).To(refused(504, "timeout"))
		})
		It("ends a stalled reading", func() {
			b.next("get", stall)
			Expect(b.later("get", 5*time.Second, func() got { return b.ask(alice, "check-1") })).To(refused(504, "timeout"))
		})
		It("ends a stalled token", func() {
			b.clk.Advance(time.Hour)
			b.next("token", stall)
			Expect(b.later("token", 5*time.Second, func() got { return b.start(alice, "447700900001") })).To(refused(504, "timeout"))
		})
		It("does not end them early", func() {
			b.next("create", stall)
			done := make(chan got, 1)
			go func() { done <- b.start(alice, "447700900001") }()
			Eventually(func() int { return b.count("create") }).Should(Equal(2))
			b.clk.Advance(5*time.Second - 1)
			Consistently(done, "20ms").ShouldNot(Receive())
			b.clk.Advance(1)
			Eventually(done).Should(Receive())
		})
		It("ends a body that stalls", func() {
			b.next("create", func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 201, Header: http.Header{}, Body: io.NopCloser(stalledBody{r})}, nil
			})
			Expect(b.later("create", 5*time.Second, func() got { return b.start(alice, "447700900001") })).To(refused(504, "timeout"))
		})
		It("lets Close end them too", func() {
			b.next("create", stall)
			done := make(chan got, 1)
			go func() { done <- b.start(alice, "447700900001") }()
			Eventually(func() int { return b.count("create") }).Should(Equal(2))
			b.server.Close()
			Eventually(done).Should(Receive(refused(503, "unavailable")))
			Expect(b.start(alice, "447700900001")).To(refused(503, "unavailable"))
		})
	})

	Describe("sessions", func() {
		It("set a cookie that scripts and other sites do not get", func() {
			b.start(alice, "447700900001")
			c := alice.cookie
			Expect(c.HttpOnly).To(BeTrue())
			Expect(c.SameSite).To(Equal(http.SameSiteLaxMode))
			Expect(c.Secure).To(BeFalse())
			Expect(c.Path).To(Equal("/"))
			Expect(c.Value).To(HaveLen(32))
			r := httptest.NewRequest("POST", "/check", strings.NewReader("phone_number=447700900001"))
			r.TLS = &tls.ConnectionState{}
			bob := &jar{}
			b.send(bob, r)
			Expect(bob.cookie.Secure).To(BeTrue())
			Expect(bob.cookie.Value).NotTo(Equal(c.Value))
		})

		It("give a result only to whom it belongs", func() {
			b.start(alice, "447700900001")
			bob := &jar{}
			b.start(bob, "447700900002")
			for _, j := range []*jar{bob, {}, {cookie: &http.Cookie{Name: "session", Value: "made-up"}}, nil} {
				Expect(b.ask(j, "check-1")).To(refused(404, "check_not_found"))
			}
			Expect(b.ask(alice, "never-was")).To(refused(404, "check_not_found"))
			Expect(b.count("get")).To(Equal(0))
			Expect(b.ask(alice, "check-1").Body).To(HaveKeyWithValue("match", true))
			Expect(b.ask(bob, "check-1")).To(refused(404, "check_not_found"), "also when it is in memory")
			Expect(b.do(bob, "GET", "/me", "", "").Body).To(Equal(map[string]any{"verified": false}))
			Expect(b.do(nil, "GET", "/me", "", "").Body).To(Equal(map[string]any{"verified": false}))
		})

		It("are never those that somebody else chose", func() {
			mallory := &jar{cookie: &http.Cookie{Name: "session", Value: "chosen"}}
			b.start(mallory, "447700900001")
			Expect(mallory.cookie.Value).NotTo(Equal("chosen"))
		})

		It("hold the number that the check was made for", func() {
			b.start(alice, "447700900001")
			b.start(alice, "447700900002")
			Expect(b.do(alice, "GET", "/phone-check?check_id=check-1&phone_number=447700900003&match=true&status=COMPLETED", "", "")).To(HaveField("Status", 200))
			Expect(b.do(alice, "GET", "/me", "", "").Body).To(HaveKeyWithValue("phone_number", "447700900001"))
		})

		It("remember the last ten checks", func() {
			for range 11 {
				b.start(alice, "447700900001")
			}
			Expect(b.ask(alice, "check-1")).To(refused(404, "check_not_found"))
			Expect(b.ask(alice, "check-2")).To(HaveField("Status", 200))
			Expect(b.ask(alice, "check-11")).To(HaveField("Status", 200))
		})

		It("end half an hour after their last use", func() {
			b.start(alice, "447700900001")
			b.clk.Advance(30*time.Minute - 1)
			Expect(b.ask(alice, "check-1")).To(HaveField("Status", 200))
			b.clk.Advance(30*time.Minute - 1)
			Expect(b.do(alice, "GET", "/me", "", "").Body).To(HaveKeyWithValue("verified", true))
			b.clk.Advance(30 * time.Minute)
			Expect(b.do(alice, "GET", "/me", "", "").Body).To(HaveKeyWithValue("verified", false))
			Expect(b.ask(alice, "check-1")).To(refused(404, "check_not_found"))
		})

		It("are bounded: the one unused for the longest time goes first", func() {
			bob := &jar{}
			b.start(alice, "447700900001")
			b.start(bob, "447700900001")
			b.ask(alice, "check-1")
			for range 9_999 {
				b.start(nil, "447700900001")
			}
			Expect(b.ask(bob, "check-2")).To(refused(404, "check_not_found"))
			Expect(b.ask(alice, "check-1")).To(HaveField("Status", 200))
		})

		It("cannot be had without randomness", func() {
			s := appserver.New(appserver.Config{Client: &http.Client{Transport: b.platform}, Clock: b.clk, Rand: errReader{}})
			defer s.Close()
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest("POST", "/check", strings.NewReader("phone_number=447700900001")))
			Expect(w.Code).To(Equal(503))
		})
	})
})

func FuzzStart(f *testing.F) {
	f.Add("application/json", []byte(`{"phone_number":"+44 7700 900001"}`))
	f.Add("application/x-www-form-urlencoded", []byte("phone_number=07700900001"))
	f.Add("", []byte("\xff{"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		b := newBench()
		defer b.server.Close()
		g := b.do(nil, "POST", "/phone-check", contentType, string(body))
		switch g.Status {
		case 200:
			sent := b.last("create").Body
			number := strings.TrimSuffix(strings.TrimPrefix(sent, `{"phone_number":"`), `"}`)
			if len(number) < 7 || len(number) > 15 || strings.Trim(number, "0123456789") != "" || number[0] == '0' {
				t.Errorf("sent %q", sent)
			}
		case 400, 413:
			if len(b.calls) > 0 {
				t.Errorf("called the platform for %q", body)
			}
		default:
			t.Errorf("status %d for %q", g.Status, body)
		}
	})
}
