package appserver_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/appserver"
)

// made is one product as the device and as the platform name it.
type made struct{ route, path, scope string }

var (
	phone1      = made{"/phone-check", "/phone_check/v0.1/checks", "phone_check"}
	phone2      = made{"/v0.2/phone-check", "/phone_check/v0.2/checks", "phone_check"}
	subscriber1 = made{"/subscriber-check", "/subscriber_check/v0.1/checks", "subscriber_check"}
	subscriber2 = made{"/v0.2/subscriber-check", "/subscriber_check/v0.2/checks", "subscriber_check"}
)

const (
	matched = `"status":"COMPLETED","match":true`
	both    = matched + `,"no_sim_change":true,"no_sim_change_period":10080,"sim_change_within":43200`
)

var _ = Describe("Products", func() {
	var b *bench
	var alice, mallory *jar
	BeforeEach(func() { b, alice, mallory = guarded(), &jar{}, &jar{} })

	redeem := func(j *jar, route, id, code string) got {
		return b.do(j, "POST", route+"/exchange-code", "application/json", fmt.Sprintf(`{"check_id":%q,"code":%q,"reference_id":"x"}`, id, code))
	}

	DescribeTable("v0.1 do the flow", func(route string, m made, result, want string) {
		b.result = result
		id := b.begin(alice, route, "447700900001")
		Expect(b.last("token").Body).To(Equal("grant_type=client_credentials&scope=" + m.scope))
		Expect(b.last("create")).To(And(HaveField("URL", api+m.path), HaveField("Body", `{"phone_number":"447700900001"}`)))
		for range 2 {
			Expect(b.do(alice, "GET", route+"?check_id="+id, "", "").Raw).To(Equal(want + "\n"))
		}
		Expect(b.last("get").URL).To(Equal(api + m.path + "/" + id))
		Expect(b.count("get")).To(Equal(1))
		Expect(b.me(alice)).To(Equal("447700900001"))
	},
		Entry(nil, "/v0.1/phone-check", phone1, both, `{"match":true,"check_id":"check-1","status":"COMPLETED"}`),
		Entry(nil, "/subscriber-check", subscriber1, both, `{"match":true,"check_id":"check-1","status":"COMPLETED","no_sim_change":true,"no_sim_change_period":10080,"sim_change_within":43200}`),
		Entry(nil, "/v0.1/subscriber-check", subscriber1, matched+`,"no_sim_change":true`, `{"match":true,"check_id":"check-1","status":"COMPLETED","no_sim_change":true}`),
	)

	DescribeTable("a subscriber check verifies with both or not at all", func(result string, want, proved any) {
		for _, m := range []made{subscriber1, subscriber2} {
			b.result = result
			j := &jar{}
			id := b.begin(j, m.route, "447700900001")
			var g got
			if m == subscriber1 {
				g = b.do(j, "GET", m.route+"?check_id="+id, "", "")
			} else {
				g = redeem(j, m.route, id, "c0de")
			}
			if want == nil {
				Expect(g).To(refused(503, "unavailable"))
			} else {
				Expect(g.Status).To(Equal(200))
				Expect(strings.TrimSpace(g.Raw)).To(MatchJSON(fmt.Sprintf(want.(string), id)))
			}
			Expect(b.me(j)).To(Equal(proved))
		}
	},
		Entry(nil, both, `{"check_id":%q,"status":"COMPLETED","match":true,"no_sim_change":true,"no_sim_change_period":10080,"sim_change_within":43200}`, "447700900001"),
		Entry("a fresh SIM", matched+`,"no_sim_change":false`, `{"check_id":%q,"status":"COMPLETED","match":true,"no_sim_change":false}`, ""),
		Entry("another number", `"status":"COMPLETED","match":false,"no_sim_change":true`, `{"check_id":%q,"status":"COMPLETED","match":false,"no_sim_change":true}`, ""),
		Entry("nobody says", matched, `{"check_id":%q,"status":"COMPLETED","match":true}`, ""),
		Entry("null", matched+`,"no_sim_change":null`, `{"check_id":%q,"status":"COMPLETED","match":true}`, ""),
		Entry("text", matched+`,"no_sim_change":"true"`, nil, ""),
		Entry("only the SIM", `"status":"COMPLETED","no_sim_change":true`, nil, ""),
		Entry("not completed", `"status":"EXPIRED","match":true,"no_sim_change":true`, `{"check_id":%q,"status":"EXPIRED"}`, ""),
		Entry("odd numbers", both+`,"no_sim_change_period":"canary","sim_change_within":-1`, `{"check_id":%q,"status":"COMPLETED","match":true,"no_sim_change":true}`, "447700900001"),
	)

	Describe("v0.2", func() {
		DescribeTable("redeems a code", func(m made, method string) {
			b.result = both
			g := b.do(alice, "POST", m.route, "", "phone_number=447700900001")
			Expect(g.Body).To(HaveKeyWithValue("check_url", HaveSuffix(m.path+"/check-1/redirect?a=1&b=2")))
			Expect(b.last("create").URL).To(Equal(api + m.path))
			var media string
			b.next("patch", func(r *http.Request) (*http.Response, error) {
				media = r.Header.Get("Content-Type")
				return reply(200, `{"check_id":"check-1",`+both+`,"charge_amount":1}`)(r)
			})
			if method == "GET" {
				g = b.do(alice, "GET", m.route+"/exchange-code?check_id=check-1&code=94dae426fg&reference_id=", "", "")
			} else {
				g = redeem(alice, m.route, "check-1", "94dae426fg")
			}
			Expect(g.Body).To(And(HaveKeyWithValue("match", true), HaveKeyWithValue("check_id", "check-1")))
			Expect(g.Header.Get("Referrer-Policy")).To(Equal("no-referrer"))
			Expect(b.last("patch")).To(Equal(call{"patch", "Bearer t0ken-canary-1", `[{"op":"add","path":"/code","value":"94dae426fg"}]`, api + m.path + "/check-1"}))
			Expect(media).To(Equal("application/json-patch+json"))
			Expect(b.me(alice)).To(Equal("447700900001"))

			Expect(redeem(alice, m.route, "check-1", "94dae426fg").Raw).To(Equal(g.Raw), "the answer may have been lost")
			Expect(b.do(alice, "GET", m.route+"?check_id=check-1", "", "").Raw).To(Equal(g.Raw))
			Expect([]int{b.count("patch"), b.count("get")}).To(Equal([]int{1, 0}))
		},
			Entry(nil, phone2, "POST"), Entry(nil, phone2, "GET"), Entry(nil, subscriber2, "POST"), Entry(nil, subscriber2, "GET"),
		)

		It("takes nothing from the query of a POST, nor from the body of a GET", func() {
			id := b.begin(alice, phone2.route, "447700900001")
			Expect(b.do(alice, "POST", phone2.route+"/exchange-code?check_id="+id+"&code=c", "", "")).To(refused(400, "check_id_required"))
			Expect(b.do(alice, "GET", phone2.route+"/exchange-code", "", "check_id="+id+"&code=c")).To(refused(400, "check_id_required"))
			Expect(b.count("patch")).To(Equal(0))
		})

		DescribeTable("refuses requests that cannot be meant", func(method, contentType, query, body string, status int, code string) {
			b.begin(alice, phone2.route, "447700900001")
			Expect(b.do(alice, method, phone2.route+"/exchange-code"+query, contentType, body)).To(refused(status, code))
			Expect(b.count("patch")).To(Equal(0))
		},
			Entry(nil, "PUT", "", "?check_id=check-1&code=c", "", 405, "method_not_allowed"),
			Entry(nil, "PATCH", "", "", `[{"op":"add","path":"/code","value":"c"}]`, 405, "method_not_allowed"),
			Entry(nil, "GET", "", "?code=c", "", 400, "check_id_required"),
			Entry(nil, "GET", "", "?check_id=check-1", "", 400, "code_required"),
			Entry("the chain failed", "GET", "", "?check_id=check-1&error=mno_redirect_unsupported", "", 400, "code_required"),
			Entry(nil, "POST", "application/json", "", `{"check_id":"check-1","code":null}`, 400, "code_required"),
			Entry(nil, "POST", "application/json", "", `{"check_id":"check-1","code":["c"]}`, 400, "bad_request"),
			Entry(nil, "POST", "application/json", "", `{"check_id":7,"code":"c"}`, 400, "bad_request"),
			Entry(nil, "POST", "application/json", "", `{`, 400, "bad_request"),
			Entry(nil, "POST", "application/json", "", `{"check_id":"check-1","code":"`+strings.Repeat("c", 300)+`"}`, 422, "code_refused"),
			Entry(nil, "POST", "application/json", "", `{"code":"`+strings.Repeat("c", 17<<10)+`"}`, 413, "body_too_large"),
		)

		It("is the only one with codes", func() {
			for _, m := range []made{phone1, subscriber1, {route: "/v0.1/phone-check"}, {route: "/v0.1/subscriber-check"}} {
				Expect(redeem(alice, m.route, "check-1", "c")).To(refused(404, "not_found"))
			}
		})

		It("names the parameters that are missing", func() {
			Expect(b.do(alice, "GET", phone2.route+"/exchange-code?check_id=x", "", "").Body).To(HaveKeyWithValue("error_message", "code parameter is required"))
		})

		It("tries a code once, and few of them", func() {
			id := b.begin(alice, phone2.route, "447700900001")
			for i := range 5 {
				b.next("patch", problem(404, "check_not_found"))
				code := fmt.Sprint("guess", i)
				Expect(redeem(alice, phone2.route, id, code)).To(refused(422, "code_refused"))
				Expect(redeem(alice, phone2.route, id, code)).To(refused(409, "code_used"))
				Expect(b.count("patch")).To(Equal(i + 1))
			}
			Expect(redeem(alice, phone2.route, id, "right")).To(refused(422, "code_refused"))
			Expect(b.count("patch")).To(Equal(5))
			Expect(b.me(alice)).To(Equal(""))
		})

		DescribeTable("gives an answer of its own to what the platform says", func(f func(*http.Request) (*http.Response, error), status int, code string) {
			id := b.begin(alice, phone2.route, "447700900001")
			b.next("patch", f)
			Expect(redeem(alice, phone2.route, id, "c0de")).To(refused(status, code))
			Expect(redeem(alice, phone2.route, id, "c0de")).To(refused(409, "code_used"))
			Expect(b.count("patch")).To(Equal(1))
			Expect(b.me(alice)).To(Equal(""))
		},
			Entry(nil, problem(404, "check_not_found"), 422, "code_refused"),
			Entry("not problem+json", reply(404, "canary"), 422, "code_refused"),
			Entry(nil, problem(400, "bad_request"), 422, "not_verifiable"),
			Entry(nil, problem(429, "too_many_requests"), 429, "too_many_requests"),
			Entry(nil, reply(500, "canary"), 503, "unavailable"),
			Entry(nil, reply(200, "canary"), 503, "unavailable"),
			Entry(nil, reply(200, `{"check_id":"check-9","status":"COMPLETED","match":true}`), 503, "unavailable"),
			Entry(nil, reply(200, `{"check_id":"check-1","status":"COMPLETED","match":"true"}`), 503, "unavailable"),
			Entry(nil, func(*http.Request) (*http.Response, error) { return nil, errors.New("canary") }, 503, "unavailable"),
		)

		It("repeats a call once when the token was refused", func() {
			id := b.begin(alice, phone2.route, "447700900001")
			b.next("patch", problem(401, "access_token_error"))
			Expect(redeem(alice, phone2.route, id, "c0de").Body).To(HaveKeyWithValue("match", true))
			Expect([]int{b.count("patch"), b.count("token")}).To(Equal([]int{2, 2}))
		})

		DescribeTable("passes on what the redeemed check is", func(result, want string) {
			b.result = result
			id := b.begin(alice, phone2.route, "447700900001")
			Expect(redeem(alice, phone2.route, id, "c0de").Raw).To(Equal(want + "\n"))
			Expect(b.me(alice)).To(Equal(""))
		},
			Entry(nil, `"status":"COMPLETED","match":false`, `{"match":false,"check_id":"check-1","status":"COMPLETED"}`),
			Entry(nil, `"status":"EXPIRED","match":true`, `{"check_id":"check-1","status":"EXPIRED"}`),
			Entry(nil, `"status":"PENDING","match":true`, `{"check_id":"check-1","status":"PENDING"}`),
			Entry(nil, `"status":"ERROR","error_code":"mno_timeout"`, `{"check_id":"check-1","status":"ERROR","error_code":"mno_timeout"}`),
		)

		It("keeps a check that cannot be redeemed any more", func() {
			b.result = `"status":"EXPIRED"`
			id := b.begin(alice, phone2.route, "447700900001")
			Expect(b.do(alice, "GET", phone2.route+"?check_id="+id, "", "").Body).To(HaveKeyWithValue("status", "EXPIRED"))
			b.result = matched
			Expect(redeem(alice, phone2.route, id, "c0de").Body).To(Equal(map[string]any{"check_id": id, "status": "EXPIRED"}))
			Expect(b.count("patch")).To(Equal(0))
		})
	})

	It("uses one token for all when it is given the scopes", func() {
		b := guarded(func(c *appserver.Config) {
			c.Scopes = []string{"phone_check", "subscriber_check", "sim_check", "coverage"}
		})
		for _, m := range []made{phone1, phone2, subscriber1, subscriber2} {
			b.begin(alice, m.route, "447700900001")
		}
		Expect(b.count("token")).To(Equal(1))
		Expect(b.last("token").Body).To(HaveSuffix("scope=phone_check+subscriber_check+sim_check+coverage"))
		b.do(alice, "GET", "/coverage-access-token", "", "")
		Expect(b.last("token").Body).To(HaveSuffix("scope=coverage"), "never that one for a device")
	})

	Describe("SIM check", func() {
		DescribeTable("says whether the SIM was changed", func(route, result, want string) {
			b.result = result
			Expect(b.do(alice, "POST", route, "application/json", `{"phone_number":"+44 7700 900001","period":"canary"}`).Raw).To(Equal(want + "\n"))
			Expect(b.last("token").Body).To(HaveSuffix("scope=sim_check"))
			Expect(b.last("create")).To(And(HaveField("URL", api+"/sim_check/v0.1/checks"), HaveField("Body", `{"phone_number":"447700900001"}`)))
			Expect(alice.cookie).To(BeNil(), "no session comes of it")
		},
			Entry(nil, "/sim-check", `"status":"COMPLETED","no_sim_change":true`, `{"status":"COMPLETED","no_sim_change":true}`),
			Entry(nil, "/v0.1/sim-check", `"status":"COMPLETED","no_sim_change":false,"no_sim_change_period":10080`, `{"status":"COMPLETED","no_sim_change":false,"no_sim_change_period":10080}`),
			Entry(nil, "/sim-check", `"status":"ERROR","no_sim_change":true,"error_code":"mno_user_not_found"`, `{"status":"ERROR","error_code":"mno_user_not_found"}`),
		)

		DescribeTable("has no other answers", func(result string) {
			b.result = result
			Expect(b.do(alice, "POST", "/sim-check", "", "phone_number=447700900001")).To(refused(503, "unavailable"))
		},
			Entry(nil, `"status":"COMPLETED"`), Entry(nil, `"status":"COMPLETED","no_sim_change":"true"`),
			Entry(nil, `"status":"PENDING"`), Entry(nil, `"status":"canary"`),
		)

		It("refuses numbers that are none", func() {
			Expect(b.do(alice, "POST", "/sim-check", "", "phone_number=hello")).To(refused(400, "phone_format_invalid"))
			Expect(b.do(alice, "POST", "/sim-check", "", "")).To(refused(400, "phone_number_required"))
			Expect(b.do(alice, "GET", "/sim-check?phone_number=447700900001", "", "")).To(refused(405, "method_not_allowed"))
			Expect(b.calls).To(BeEmpty())
		})

		It("passes on refusals in its own words", func() {
			b.next("create", problem(400, "mno_not_supported"))
			Expect(b.do(alice, "POST", "/sim-check", "", "phone_number=447700900001")).To(refused(422, "mno_not_supported"))
		})
	})

	Describe("attacks", func() {
		It("another session's code is worth nothing (forwarding)", func() {
			for _, m := range []made{phone2, subscriber2} {
				b.result = both
				id := b.begin(mallory, m.route, "447700900001")
				b.begin(alice, m.route, "447700900001")
				before := b.count("patch")
				// The victim's phone has opened mallory's check URL and holds the code.
				for _, j := range []*jar{alice, {}, nil, {cookie: &http.Cookie{Name: "session", Value: "made-up"}}} {
					Expect(redeem(j, m.route, id, "c0de")).To(refused(404, "check_not_found"))
					Expect(b.do(j, "GET", m.route+"/exchange-code?check_id="+id+"&code=c0de", "", "")).To(refused(404, "check_not_found"))
				}
				Expect(b.count("patch")).To(Equal(before), "no call to the platform, which would spend the code")
			}
			Expect(b.me(mallory)).To(Equal(""))
			Expect(b.me(alice)).To(Equal(""))
		})

		It("asking brings nothing that needs a code, whoever has redeemed it", func() {
			for _, m := range []made{phone2, subscriber2} {
				b.result = both
				mallory := &jar{}
				id := b.begin(mallory, m.route, "447700900001")
				for _, route := range []string{m.route, m.route + "/", "/phone-check", "/check_status", "/v0.1/phone-check", "/subscriber-check", "/v0.1/subscriber-check"} {
					Expect(b.do(mallory, "GET", route+"?check_id="+id, "", "").Body).NotTo(Or(HaveKey("match"), HaveKey("no_sim_change")), route)
				}
				Expect(b.do(mallory, "GET", m.route+"?check_id="+id, "", "").Body).To(Equal(map[string]any{"check_id": id, "status": "COMPLETED"}))
				Expect(b.me(mallory)).To(Equal(""))
				Expect(redeem(mallory, m.route, id, "c0de").Body).To(HaveKeyWithValue("match", true), "with the code it does")
			}
		})

		It("a check of one product or version is none of another", func() {
			b.result = both
			all := []made{phone1, phone2, subscriber1, subscriber2}
			for _, of := range all {
				id := b.begin(alice, of.route, "447700900001")
				for _, at := range all {
					if at == of {
						continue
					}
					Expect(b.do(alice, "GET", at.route+"?check_id="+id, "", "")).To(refused(404, "check_not_found"))
					if at == phone2 || at == subscriber2 {
						Expect(redeem(alice, at.route, id, "c0de")).To(refused(404, "check_not_found"))
					}
				}
			}
			Expect(b.count("get") + b.count("patch")).To(Equal(0))
		})

		DescribeTable("a client has no say in where the code or the callback goes", func(route, configured, want string) {
			b := guarded(func(c *appserver.Config) { c.RedirectURL = configured })
			for _, body := range []string{
				`{"phone_number":"447700900001","redirect_url":"https://evil.example","callback_url":"https://evil.example"}`,
				`{"phone_number":"447700900001","redirect_url":""}`,
			} {
				Expect(b.do(alice, "POST", route+"?redirect_url=https://evil.example", "application/json", body)).To(HaveField("Status", 200))
				Expect(b.last("create").Body).To(MatchJSON(want))
			}
		},
			Entry(nil, "/v0.2/phone-check", "", `{"phone_number":"447700900001"}`),
			Entry(nil, "/v0.2/phone-check", "https://app.example/landing", `{"phone_number":"447700900001","redirect_url":"https://app.example/landing"}`),
			Entry(nil, "/v0.2/subscriber-check", "https://app.example/landing", `{"phone_number":"447700900001","redirect_url":"https://app.example/landing"}`),
			Entry("v0.1 has none", "/phone-check", "https://app.example/landing", `{"phone_number":"447700900001"}`),
		)

		It("headers about the subscriber are not read", func() {
			for _, m := range []made{phone1, phone2, subscriber1, subscriber2} {
				b.result = `"status":"COMPLETED","match":false`
				r := httptest.NewRequest("POST", m.route, strings.NewReader("phone_number=447700900001"))
				for _, h := range []string{"X-MSISDN", "X-UP-CALLING-LINE-ID", "X-Forwarded-For"} {
					r.Header.Set(h, "447700900009")
				}
				b.send(alice, r)
				Expect(b.last("create").Body).To(Equal(`{"phone_number":"447700900001"}`))
			}
		})

		It("results that a client sends are not read", func() {
			b.result = `"status":"PENDING"`
			const claim = "&match=true&verified=true&status=COMPLETED&no_sim_change=true"
			for _, m := range []made{phone1, phone2, subscriber1, subscriber2} {
				id := b.begin(alice, m.route, "447700900001")
				Expect(b.do(alice, "GET", m.route+"?check_id="+id+claim, "", "").Body).To(HaveKeyWithValue("status", "PENDING"))
				if strings.HasPrefix(m.route, "/v0.2") {
					Expect(b.do(alice, "POST", m.route+"/exchange-code", "", "code=c&check_id="+id+claim).Body).To(HaveKeyWithValue("status", "PENDING"))
				}
			}
			Expect(b.me(alice)).To(Equal(""))
		})

		It("checks of somebody else are not there", func() {
			for _, m := range []made{phone1, phone2, subscriber1, subscriber2} {
				id := b.begin(alice, m.route, "447700900001")
				b.begin(mallory, m.route, "447700900009")
				for _, j := range []*jar{mallory, {}, nil} {
					Expect(b.do(j, "GET", m.route+"?check_id="+id, "", "")).To(refused(404, "check_not_found"))
				}
			}
			Expect(b.count("get")).To(Equal(0))
		})
	})
})
