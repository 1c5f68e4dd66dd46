package idlayrfake_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

// changedSIM is an operator that says when the SIM was changed.
func changedSIM(at string) func(*http.Request) (*http.Response, error) {
	return says(200, `{"msisdn":"447700900001","network_id":"23410","sim_changed_at":"`+at+`"}`)
}

func ago(d time.Duration) string { return start.Add(-d).Format(time.RFC3339) }

const day = 24 * time.Hour

var _ = Describe("SubscriberCheck", func() {
	for _, version := range []string{"v0.1", "v0.2"} {
		// result is a check's, as its version has it.
		result := func(a api, body string) map[string]any {
			rec := a.post(body)
			Expect(rec.Code).To(Equal(201))
			Expect(object(rec)).NotTo(HaveKey("no_sim_change"))
			id := object(rec)["check_id"].(string)
			Expect(rec.Body.String()).To(ContainSubstring("/subscriber_check/" + version + "/checks/" + id + "/redirect"))
			if version == "v0.1" {
				Expect(a.open(id, onO2).Code).To(Equal(302))
				return object(a.get(id))
			}
			return object(a.patch(id, a.code(id)))
		}

		DescribeTable(version+": the SIM's age decides",
			func(age time.Duration, period string, same bool, within int) {
				a := newAPI("subscriber_check/" + version)
				a.operator.answer = changedSIM(ago(age))
				m := result(a, `{"phone_number":"447700900001"`+period+`}`)
				Expect(m).To(HaveKeyWithValue("status", "COMPLETED"))
				Expect(m).To(HaveKeyWithValue("match", true))
				Expect(m).To(HaveKeyWithValue("no_sim_change", same))
				Expect(m).To(HaveKeyWithValue("sim_change_within", float64(within)))
				if version == "v0.1" {
					minutes := 10080
					_, _ = fmt.Sscanf(period, `,"period":%d`, &minutes)
					Expect(m).To(HaveKeyWithValue("no_sim_change_period", float64(minutes)))
					Expect(m).To(HaveKeyWithValue("network_id", "23410"))
				} else {
					Expect(m).NotTo(Or(HaveKey("no_sim_change_period"), HaveKey("_links"), HaveKey("ttl"), HaveKey("network_id")))
					Expect(m).To(HaveKey("updated_at"))
				}
			},
			Entry("just now", time.Duration(0), "", false, 60),
			Entry("in an hour, says a clock that is ahead", -time.Hour, "", false, 60),
			Entry("1 h", time.Hour, "", false, 60),
			Entry("more", time.Hour+time.Second, "", false, 360),
			Entry("6 h", 6*time.Hour, "", false, 360),
			Entry("12 h", 12*time.Hour, "", false, 720),
			Entry("1 d", day, "", false, 1440),
			Entry("2 d", 2*day, "", false, 2880),
			Entry("3 d", 3*day, "", false, 4320),
			Entry("7 d, the default period", 7*day, "", false, 10080),
			Entry("more", 7*day+time.Second, "", true, 43200),
			Entry("90 d", 90*day, "", true, 129600),
			Entry("180 d", 180*day, "", true, 259200),
			Entry("a year", 365*day, "", true, 525600),
			Entry("more", 365*day+time.Second, "", true, 525601),
			Entry("a period of an hour", 2*time.Hour, `,"period":60`, true, 360),
			Entry("a period of more than a year", 370*day, `,"period":540000`, false, 525601),
		)

		It(version+": leaves out what the operator does not say", func() {
			a := newAPI("subscriber_check/" + version)
			m := result(a, forAlice)
			Expect(m).To(HaveKeyWithValue("no_sim_change", true))
			Expect(m).NotTo(HaveKey("sim_change_within"))
		})

		It(version+": is in ERROR when the operator says nonsense", func() {
			a := newAPI("subscriber_check/" + version)
			a.operator.answer = changedSIM("yesterday")
			m := result(a, forAlice)
			Expect(m).To(HaveKeyWithValue("status", "ERROR"))
			Expect(m).NotTo(Or(HaveKey("match"), HaveKey("no_sim_change")))
			Expect(a.Checks()[0].ErrorCode).To(Equal("mno_response_error"))
		})

		DescribeTable(version+": never 409",
			func(body, from string, be OmegaMatcher, code string) {
				a := newAPI("subscriber_check/" + version)
				id := a.create(body)
				Expect(id).NotTo(BeEmpty(), "the address is judged when it is seen")
				Expect(a.open(id, from)).To(be)
				Expect(object(a.get(id))).To(HaveKeyWithValue("error_code", code))
			},
			Entry("another operator's number", `{"phone_number":"447700900002"}`, onO2, beProblem(400, "ip_msisdn_mismatch", "Bad Request", "ip_msisdn_mismatch"), "ip_msisdn_mismatch"),
			Entry("another address", `{"phone_number":"447700900001","phone_ip":"10.10.0.6"}`, onO2, beProblem(400, "ip_mismatch", "Bad Request", "ip_mismatch"), "ip_mismatch"),
			Entry("the address of a fixed line", `{"phone_number":"447700900001","phone_ip":"192.0.2.7"}`, onWiFi, beNotMobile, "not_mobile_ip"),
			Entry("an address of another operator", `{"phone_number":"447700900002","phone_ip":"10.10.0.5"}`, onO2, beProblem(400, "ip_msisdn_mismatch", "Bad Request", "ip_msisdn_mismatch"), "ip_msisdn_mismatch"),
			Entry("an operator without redirects", forAlice, "10.10.15.1:1", beNoRedirect, "mno_not_supported"),
		)

		DescribeTable(version+" create: refuses, and keeps nothing",
			func(member string, be OmegaMatcher) {
				a := newAPI("subscriber_check/" + version)
				Expect(a.post(`{"phone_number":"447700900001",` + member + `}`)).To(be)
				Expect(a.Checks()).To(BeEmpty())
			},
			Entry("a short period", `"period":59`, beBadRequest),
			Entry("a long one", `"period":540001`, beBadRequest),
			Entry("half a minute", `"period":60.5`, beBadRequest),
			Entry("a word", `"period":"10080"`, beBadRequest),
			Entry("a huge one", `"period":1e400`, beBadRequest),
			Entry("phone_ip of an unsupported operator", `"phone_ip":"10.20.0.1"`, beNotSupported),
		)

		It(version+": needs its scope", func() {
			a := newAPI("subscriber_check/" + version)
			a.token = "Bearer " + a.world.token("one", "s3cret", "phone_check", "")
			Expect(a.post(forAlice).Code).To(Equal(403))
		})

		DescribeTable(version+" in sandbox mode",
			func(number string, match, same any) {
				a := newAPI("subscriber_check/"+version, func(c *idlayrfake.Config) { c.Projects[0].Mode = "sandbox" })
				id := a.create(`{"phone_number":"` + number + `"}`)
				end := a.open(id, onWiFi)
				if version == "v0.2" {
					end = a.send("GET", end.Header().Get("Location"), onWiFi, "", "")
					end = a.send("GET", end.Header().Get("Location"), onWiFi, "", "")
					a.patch(id, object(end)["code"].(string))
				}
				m := object(a.get(id))
				Expect([]any{m["match"], m["no_sim_change"]}).To(Equal([]any{match, same}))
			},
			Entry("even", "447700900002", true, true),
			Entry("odd", "447700900001", false, false),
			Entry("99", "447700900099", nil, nil),
		)
	}

	It("tells its callback", func() {
		h := &hook{}
		a := newAPI("subscriber_check/v0.1", func(c *idlayrfake.Config) {
			c.Projects[0].SubscriberCheck.CallbackURL = "https://app.example/cb"
			c.Callbacks.Client = &http.Client{Transport: h}
		})
		h.answer, h.clock = says(200, ""), a.clock
		a.operator.answer = changedSIM(ago(time.Minute))
		a.open(a.create(forAlice), onO2)
		a.clock.advance(30 * time.Second)
		Expect(h.calls).To(HaveLen(1))
		Expect(h.calls[0].member("no_sim_change")).To(BeFalse())
		Expect(h.calls[0].member("no_sim_change_period")).To(Equal(10080.0))
		Expect(h.calls[0].member("sim_change_within")).To(Equal(60.0))
	})
})

var _ = Describe("SIMCheck v0.1", func() {
	const v01 = "sim_check/v0.1"

	It("is finished when it is created", func() {
		a := newAPI(v01)
		defer a.Close()
		a.operator.answer = changedSIM(ago(time.Hour))
		rec := a.post(`{"phone_number":"447700900001","reference_id":"r1","phone_ip":"10.10.0.5"}`)
		Expect(rec.Code).To(Equal(201))
		Expect(rec.Header().Get("Content-Type")).To(Equal("application/hal+json"))
		id := object(rec)["check_id"].(string)
		body := `{"check_id":"` + id + `","reference_id":"r1","status":"COMPLETED","no_sim_change":false,"no_sim_change_period":10080,"sim_change_within":60,` +
			`"network_id":"23410","charge_amount":1,"charge_currency":"API","created_at":"2020-06-01T16:43:30+00:00",` +
			`"_links":{"self":{"href":"http://eu.api.idlayr.com/sim_check/v0.1/checks/` + id + `"}}`
		Expect(rec.Body.String()).To(Equal(body + `,"snapshot_balance":100}`))
		Expect(a.operator.asked[0].URL.String()).To(Equal("https://api.23410.example/subscribers/447700900001"))
		Expect(a.operator.asked[0].Header.Get("Authorization")).To(Equal(basic("idlayr", "back")))
		Expect(a.transitions()).To(Equal([]idlayrfake.Status{"COMPLETED"}))
		a.clock.advance(2 * time.Minute)
		Expect(a.get(id).Body.String()).To(Equal(body+`}`), "it does not expire")
		Expect(a.open(id, onO2)).To(beRouteNotFound)
		Expect(a.patch(id, "0000000000")).To(beWrongMethod)
		Expect(a.operator.questions()).To(Equal(1))
	})

	DescribeTable("what the operator answers",
		func(answer func(*http.Request) (*http.Response, error), code string) {
			a := newAPI(v01)
			a.operator.answer = answer
			rec := a.post(`{"phone_number":"447700900001","phone_ip":"10.10.0.5"}`)
			Expect(rec.Code).To(Equal(201))
			m := object(rec)
			if code == "" {
				Expect(m).To(HaveKeyWithValue("status", "COMPLETED"))
				Expect(m).To(HaveKeyWithValue("snapshot_balance", 100.0))
				return
			}
			Expect(m).To(HaveKeyWithValue("status", "ERROR"))
			Expect(m).To(HaveKeyWithValue("error_code", code))
			Expect(m).To(HaveKeyWithValue("snapshot_balance", 101.0))
			Expect(m).NotTo(Or(HaveKey("no_sim_change"), HaveKey("network_id"), HaveKey("match")))
			Expect(a.Checks()[0].Charged).To(BeFalse())
		},
		Entry("the number", subscriber(alice), ""),
		Entry("another number", subscriber(bob), "mno_response_error"),
		Entry("no subscriber", says(404, `{"error":"subscriber_not_found"}`), "mno_user_not_found"),
		Entry("no session, of which there was no word", says(404, `{"error":"session_not_found"}`), "mno_response_error"),
		Entry("no data", says(403, ``), "mno_no_data_available"),
		Entry("unauthorized", says(401, `{"error":"unauthorized"}`), "mno_response_error"),
		Entry("garbage", says(200, `<html>`), "mno_response_error"),
		Entry("a garbled date", changedSIM("2020"), "mno_response_error"),
		Entry("a fault", says(502, ``), "mno_server_error"),
		Entry("a refused connection", func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }, "mno_server_error"),
		Entry("a timeout", func(*http.Request) (*http.Response, error) { return nil, timeout{} }, "mno_timeout"),
	)

	DescribeTable("create: refuses, and keeps nothing",
		func(body string, be OmegaMatcher) {
			a := newAPI(v01, func(c *idlayrfake.Config) {
				c.NumberNetwork = func(msisdn string) (string, bool) {
					id, ok := map[string]string{"447700900003": "23420", "447700900004": "99999"}[msisdn]
					return id, ok
				}
			})
			Expect(a.post(body)).To(be)
			Expect(a.Checks()).To(BeEmpty())
			Expect(a.operator.questions()).To(BeZero())
		},
		Entry("no number", `{}`, beBadRequest),
		Entry("a national number", `{"phone_number":"07700900001"}`, beFormatInvalid),
		Entry("a period out of range", `{"phone_number":"447700900001","period":1}`, beBadRequest),
		Entry("phone_ip of a fixed line", `{"phone_number":"447700900001","phone_ip":"192.0.2.7"}`, beNotMobile),
		Entry("phone_ip of an unsupported operator", `{"phone_number":"447700900001","phone_ip":"10.20.0.1"}`, beNotSupported),
		Entry("number of an unsupported operator", `{"phone_number":"447700900003"}`, beNotSupported),
		Entry("number of an operator unheard of", `{"phone_number":"447700900004"}`, beNotSupported),
		Entry("number of a country without one", `{"phone_number":"337700900004"}`, beNotSupported),
	)

	It("never conflicts, and takes neither callback nor redirect", func() {
		a := newAPI(v01)
		a.operator.answer = subscriber(bob)
		rec := a.post(`{"phone_number":"447700900002","phone_ip":"10.10.0.5","callback_url":7,"redirect_url":7}`)
		Expect(object(rec)).To(HaveKeyWithValue("status", "COMPLETED"))
		Expect(a.operator.asked[0].URL.Host).To(Equal("api.23430.example"), "the number decides, not the address")
	})

	It("asks one operator after the other about a number nobody knows", func() {
		a := newAPI(v01)
		a.operator.answer = func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Host, "23430") {
				return subscriber(alice)(r)
			}
			return says(404, `{"error":"subscriber_not_found"}`)(r)
		}
		Expect(object(a.post(forAlice))).To(And(HaveKeyWithValue("status", "COMPLETED"), HaveKeyWithValue("network_id", "23430")))
		Expect(a.operator.questions()).To(Equal(2))
	})

	It("waits for an operator as long as it may, on the clock", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.OperatorTimeout = 2 * time.Minute })
		entered := make(chan struct{})
		a.operator.answer = func(r *http.Request) (*http.Response, error) {
			close(entered)
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		answered := make(chan map[string]any)
		go func() { answered <- object(a.post(`{"phone_number":"447700900001","phone_ip":"10.10.0.5"}`)) }()
		<-entered
		a.clock.advance(2 * time.Minute)
		Expect(<-answered).To(And(HaveKeyWithValue("error_code", "mno_timeout"), HaveKeyWithValue("status", "ERROR")))
	})

	It("is let go like any finished check", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.MaxChecks = 2 })
		a.operator.answer = subscriber(alice)
		first := a.create(forAlice)
		a.create(forAlice)
		Expect(a.get(first).Code).To(Equal(200))
		a.create(forAlice)
		Expect(a.get(first)).To(beCheckNotFound)
		Expect(a.Checks()).To(HaveLen(2))
	})

	DescribeTable("in sandbox mode",
		func(number, status string, same any) {
			a := newAPI(v01, func(c *idlayrfake.Config) { c.Projects[0].Mode = "sandbox" })
			m := object(a.post(`{"phone_number":"` + number + `"}`))
			Expect(m).To(HaveKeyWithValue("status", status))
			Expect(m).To(HaveKeyWithValue("snapshot_balance", 101.0))
			if same == nil {
				Expect(m).NotTo(HaveKey("no_sim_change"))
			} else {
				Expect(m).To(HaveKeyWithValue("no_sim_change", same))
			}
			Expect(a.operator.questions()).To(BeZero())
		},
		Entry("even", "447700900002", "COMPLETED", true),
		Entry("odd", "447700900001", "COMPLETED", false),
		Entry("99", "447700900099", "ERROR", nil),
	)
})

var _ = Describe("MO check v0.1", func() {
	const v01 = "mo_check/v0.1"

	It("is verified by a text message from the number", func(ctx SpecContext) {
		a := newAPI(v01)
		a.token = "Bearer " + a.world.token("one", "s3cret", "mo_check", "")
		rec := a.post(forAlice)
		Expect(rec.Code).To(Equal(201))
		m := object(rec)
		Expect(m).To(HaveLen(3))
		id, body, to := m["check_id"].(string), m["mo_body"].(string), m["mo_receiver"].(string)
		unverified := `{"check_id":"` + id + `","verified":false}`
		Expect(a.get(id).Body.String()).To(Equal(unverified))
		for _, wrong := range [][3]string{{bob, to, body}, {alice, bob, body}, {alice, to, "x"}, {alice, to, ""}} {
			Expect(a.ReceiveSMS(ctx, wrong[0], wrong[1], wrong[2])).To(BeFalse())
		}
		Expect(a.get(id).Body.String()).To(Equal(unverified))
		Expect(a.ReceiveSMS(ctx, alice, to, body)).To(BeTrue())
		Expect(a.ReceiveSMS(ctx, alice, to, body)).To(BeFalse())
		Expect(a.get(id).Body.String()).To(Equal(`{"check_id":"` + id + `","verified":true}`))
		Expect(a.open(id, onO2)).To(beRouteNotFound)
	})

	It("expires", func(ctx SpecContext) {
		a := newAPI(v01)
		a.token = "Bearer " + a.world.token("one", "s3cret", "mo_check", "")
		m := object(a.post(forAlice))
		a.clock.advance(time.Minute)
		Expect(a.ReceiveSMS(ctx, alice, m["mo_receiver"].(string), m["mo_body"].(string))).To(BeFalse())
		Expect(object(a.get(m["check_id"].(string)))).To(HaveKeyWithValue("verified", false))
	})
})
