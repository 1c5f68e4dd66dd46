package idlayrfake_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

const forAlice = `{"phone_number":"447700900001"}`

var beWrongPatchMedia = beProblem(415, "unsupported_media_type", "Unsupported Media Type in 'Content-Type' header", "The request body must be application/json-patch+json")

var _ = Describe("PhoneCheck v0.2", func() {
	const v02 = "phone_check/v0.2"

	It("goes all the way to the code and redeems it", func() {
		a := newAPI(v02)
		defer a.Close()
		rec := a.post(`{"phone_number":"447700900001","reference_id":"r1"}`)
		Expect(rec.Code).To(Equal(201))
		id := object(rec)["check_id"].(string)
		self := "http://eu.api.idlayr.com/phone_check/v0.2/checks/" + id
		Expect(rec.Body.String()).To(ContainSubstring(`"_links":{"self":{"href":"` + self + `"},"check_url":{"href":"` + self + `/redirect"}}`))

		rec = a.open(id, onO2)
		Expect(rec.Code).To(Equal(302))
		Expect(rec.Header().Get("Location")).To(HavePrefix("http://sna.23410.example/start?session="))
		session, back := hop(rec)
		Expect(back).To(MatchRegexp(`^http://eu\.api\.idlayr\.com/phone_check/v0\.2/checks/` + id + `/complete\?state=[\w-]{22}$`))

		rec = a.send("GET", back, onO2, "", "")
		Expect(rec.Code).To(Equal(200))
		Expect(rec.Header().Get("Content-Type")).To(Equal("application/hal+json"))
		Expect(rec.Header().Get("Content-Length")).To(Equal(fmt.Sprint(rec.Body.Len())))
		code := object(rec)["code"].(string)
		Expect(code).To(MatchRegexp(`^[0-9a-f]{10}$`))
		Expect(rec.Body.String()).To(Equal(`{"check_id":"` + id + `","code":"` + code + `","reference_id":"r1"}`))
		Expect(a.operator.questions()).To(BeZero())

		Expect(object(a.get(id))).To(HaveKeyWithValue("status", "PENDING"), "GET only reads: a check_id is no proof (U7)")
		Expect(a.operator.questions()).To(BeZero())

		a.clock.advance(time.Second)
		rec = a.patch(id, code)
		Expect(rec.Code).To(Equal(200))
		Expect(rec.Header().Get("Content-Type")).To(Equal("application/hal+json"))
		Expect(rec.Body.String()).To(Equal(`{"check_id":"` + id + `","reference_id":"r1","status":"COMPLETED","match":true,` +
			`"charge_amount":1,"charge_currency":"API","created_at":"2020-06-01T16:43:30+00:00","updated_at":"2020-06-01T16:43:31+00:00"}`))
		Expect(a.operator.asked[0].URL.String()).To(Equal("https://api.23410.example/results/" + session))
		Expect(object(a.get(id))).To(And(HaveKeyWithValue("status", "COMPLETED"), HaveKeyWithValue("match", true), HaveKey("_links")))

		Expect(a.patch(id, code).Body.String()).To(Equal(rec.Body.String()), "a replay changes nothing (U8)")
		Expect(a.operator.questions()).To(Equal(1))
		a.clock.advance(59 * time.Second)
		Expect(a.patch(id, code)).To(beCheckNotFound, "a code lives as long as its check (U8)")
	})

	DescribeTable("PATCH",
		func(do func(a api, id, code string) any, be OmegaMatcher) {
			a := newAPI(v02)
			id := a.create(forAlice)
			code := a.code(id)
			Expect(do(a, id, code)).To(be)
			Expect(a.operator.questions()).To(BeZero())
			Expect(object(a.get(id))).NotTo(HaveKey("match"))
		},
		Entry("404 unknown check", func(a api, _, code string) any { return a.patch("c69bc0e6-a429-11ea-bb37-0242ac130002", code) }, beCheckNotFound),
		Entry("404 wrong code", func(a api, id, _ string) any { return a.patch(id, "0000000000") }, beCheckNotFound),
		Entry("404 code of another check", func(a api, id, _ string) any { return a.patch(id, a.code(a.create(forAlice))) }, beCheckNotFound),
		Entry("404 the check URL was not opened", func(a api, _, code string) any { return a.patch(a.create(forAlice), code) }, beCheckNotFound),
		Entry("404 the check URL was opened only", func(a api, _, code string) any {
			id := a.create(forAlice)
			a.open(id, onO2)
			return a.patch(id, code)
		}, beCheckNotFound),
		Entry("404 in another version", func(a api, id, code string) any { return a.at("subscriber_check/v0.2").patch(id, code) }, beCheckNotFound),
		Entry("404 for another project", func(a api, id, code string) any {
			a.token = "Bearer " + a.world.token("two+2", "a+b%c:d e", "", "")
			return a.patch(id, code)
		}, beCheckNotFound),
		Entry("405 in v0.1", func(a api, id, code string) any { return a.at("phone_check/v0.1").patch(id, code) }, beWrongMethod),
		Entry("415 JSON", func(a api, id, code string) any {
			return a.send("PATCH", a.checks(id), onWiFi, `[{"op":"add","path":"/code","value":"`+code+`"}]`, "application/json")
		}, beWrongPatchMedia),
		Entry("401 without a token", func(a api, id, code string) any {
			a.token = ""
			return a.patch(id, code).Code
		}, Equal(401)),
		Entry("403 with a token for something else", func(a api, id, code string) any {
			a.token = "Bearer " + a.world.token("one", "s3cret", "sim_check", "")
			return a.patch(id, code).Code
		}, Equal(403)),
	)

	DescribeTable("PATCH: 400 for another patch",
		func(body string) {
			a := newAPI(v02)
			id := a.create(forAlice)
			body = strings.ReplaceAll(body, "CODE", a.code(id))
			Expect(a.send("PATCH", a.checks(id), onWiFi, body, patchType)).To(beBadRequest)
			Expect(a.operator.questions()).To(BeZero())
		},
		Entry("nothing", ``),
		Entry("null", `null`),
		Entry("no array", `{"op":"add","path":"/code","value":"CODE"}`),
		Entry("no operation", `[]`),
		Entry("two operations", `[{"op":"add","path":"/code","value":"CODE"},{"op":"add","path":"/code","value":"CODE"}]`),
		Entry("null operation", `[null]`),
		Entry("replace", `[{"op":"replace","path":"/code","value":"CODE"}]`),
		Entry("another path", `[{"op":"add","path":"/match","value":"CODE"}]`),
		Entry("no path", `[{"op":"add","value":"CODE"}]`),
		Entry("no value", `[{"op":"add","path":"/code"}]`),
		Entry("null value", `[{"op":"add","path":"/code","value":null}]`),
		Entry("empty value", `[{"op":"add","path":"/code","value":""}]`),
		Entry("value of another type", `[{"op":"add","path":"/code","value":["CODE"]}]`),
		Entry("names of another case", `[{"Op":"add","Path":"/code","Value":"CODE"}]`),
		Entry("trailing garbage", `[{"op":"add","path":"/code","value":"CODE"}]]`),
	)

	DescribeTable("PATCH: as clients send it",
		func(method, contentType, body string) {
			a := newAPI(v02)
			id := a.create(forAlice)
			body = strings.ReplaceAll(body, "CODE", a.code(id))
			rec := a.send(method, a.checks(id), onWiFi, body, contentType)
			Expect(rec.Code).To(Equal(200))
			Expect(object(rec)).To(HaveKeyWithValue("match", true))
		},
		Entry("fetch libraries that keep lower case (ssh-auth)", "patch", patchType, `[{"op":"add","path":"/code","value":"CODE"}]`),
		Entry("with a charset", "PATCH", patchType+"; charset=UTF-8", `[{"op":"add","path":"/code","value":"CODE"}]`),
		Entry("without a type", "PATCH", "", `[{"op":"add","path":"/code","value":"CODE"}]`),
		Entry("with a member of its own", "PATCH", patchType, `[{"path":"/code","x":1,"value":"CODE","op":"add"}]`),
	)

	DescribeTable("PATCH: what the operator answers",
		func(answer func(*http.Request) (*http.Response, error), status int, want string) {
			a := newAPI(v02)
			a.operator.answer = answer
			id := a.create(forAlice)
			rec := a.patch(id, a.code(id))
			Expect(rec.Code).To(Equal(status))
			if want == "" {
				Expect(rec).To(beCheckNotFound)
				Expect(object(a.get(id))).To(HaveKeyWithValue("status", "PENDING"))
				return
			}
			Expect(rec.Body.String()).To(ContainSubstring(want))
			if !strings.Contains(want, "match") {
				Expect(object(rec)).NotTo(HaveKey("match"))
			}
		},
		Entry("the number", subscriber(alice), 200, `"status":"COMPLETED","match":true`),
		Entry("another number", subscriber(bob), 200, `"status":"COMPLETED","match":false`),
		Entry("no subscriber", says(404, `{"error":"subscriber_not_found"}`), 200, `"status":"ERROR",`),
		Entry("a fault", says(503, ``), 200, `"status":"ERROR",`),
		Entry("no session: the device did not go there", says(404, `{"error":"session_not_found"}`), 404, ``),
	)

	It("answers the code of an expired check with EXPIRED", func() {
		a := newAPI(v02)
		id := a.create(forAlice)
		code := a.code(id)
		a.clock.advance(time.Minute)
		rec := a.patch(id, code)
		Expect(rec.Code).To(Equal(200))
		Expect(object(rec)).To(HaveKeyWithValue("status", "EXPIRED"))
		Expect(object(rec)).NotTo(HaveKey("match"))
		Expect(a.patch(id, "0000000000")).To(beCheckNotFound)
		Expect(a.operator.questions()).To(BeZero())
	})

	It("asks again with a code whose device comes late", func() {
		a := newAPI(v02)
		id := a.create(forAlice)
		code := a.code(id)
		a.operator.answer = says(404, `{"error":"session_not_found"}`)
		Expect(a.patch(id, code)).To(beCheckNotFound)
		a.operator.answer = subscriber(alice)
		Expect(a.patch(id, code).Code).To(Equal(200))
	})

	It("keeps several devices apart", func() {
		a := newAPI(v02)
		id := a.create(forAlice)
		sessionA, backA := hop(a.open(id, onO2))
		sessionB, backB := hop(a.open(id, "10.10.0.6:1"))
		Expect(sessionB).NotTo(Equal(sessionA))
		codeA := object(a.send("GET", backA, onO2, "", ""))["code"].(string)
		codeB := object(a.send("GET", backB, onO2, "", ""))["code"].(string)
		Expect(codeB).NotTo(Equal(codeA))
		Expect(object(a.send("GET", backA, onO2, "", ""))).To(HaveKeyWithValue("code", codeA), "who comes back again gets the same")

		Expect(object(a.patch(id, codeB))).To(HaveKeyWithValue("match", true))
		Expect(a.operator.asked[0].URL.Path).To(Equal("/results/" + sessionB))
		Expect(a.patch(id, codeA)).To(beCheckNotFound, "one code settles a check")
		Expect(a.patch(id, codeB).Code).To(Equal(200))
	})

	It("bounds how often a check URL is opened", func() {
		a := newAPI(v02)
		id := a.create(forAlice)
		first := a.code(id)
		for range 15 {
			Expect(a.open(id, onO2).Code).To(Equal(302))
		}
		Expect(a.open(id, onO2)).To(beCheckNotFound)
		Expect(a.patch(id, first).Code).To(Equal(200))
	})

	It("asks once for devices and codes that come together", func() {
		a := newAPI(v02)
		id := a.create(forAlice)
		codes := []string{a.code(id), a.code(id)}
		entered, leave := make(chan struct{}, 4), make(chan struct{})
		a.operator.answer = func(r *http.Request) (*http.Response, error) {
			entered <- struct{}{}
			<-leave
			return subscriber(alice)(r)
		}
		var mu sync.Mutex
		answers := map[string]int{}
		var all sync.WaitGroup
		redeem := func(code string) {
			all.Go(func() {
				rec := a.patch(id, code)
				mu.Lock()
				defer mu.Unlock()
				answers[fmt.Sprint(code == codes[0], rec.Code)]++
			})
		}
		redeem(codes[0])
		<-entered
		for range 3 {
			redeem(codes[0])
			redeem(codes[1])
		}
		close(leave)
		all.Wait()
		Expect(answers).To(Equal(map[string]int{"true 200": 4, "false 404": 3}))
		Expect(a.operator.questions()).To(Equal(1))
	})

	It("is another API than v0.1", func() {
		a := newAPI(v02)
		old := a.at("phone_check/v0.1")
		id := a.create(forAlice)
		Expect(old.get(id)).To(beCheckNotFound)
		Expect(old.open(id, onO2)).To(beCheckNotFound)
		oldID := old.create(forAlice)
		Expect(a.get(oldID)).To(beCheckNotFound)
		Expect(a.open(oldID, onO2)).To(beCheckNotFound)
		Expect(a.patch(oldID, "0000000000")).To(beCheckNotFound)
		_, back := hop(old.open(oldID, onO2))
		Expect(back).To(BeEmpty(), "the chain of v0.1 ends at the operator")
		Expect(old.send("GET", old.checks(oldID)+"/complete?state=", onO2, "", "")).To(beRouteNotFound)
	})

	Describe("the end of the chain", func() {
		It("is nobody's without its state", func() {
			a := newAPI(v02)
			id := a.create(forAlice)
			_, back := hop(a.open(id, onO2))
			for _, target := range []string{
				a.checks(id) + "/complete", a.checks(id) + "/complete?state=", a.checks(id) + "/complete?state=x",
				strings.Replace(back, id, a.create(forAlice), 1),
			} {
				Expect(a.send("GET", target, onO2, "", "")).To(beCheckNotFound)
			}
			Expect(a.send("HEAD", back, onO2, "", "").Code).To(Equal(405))
			Expect(a.send("GET", back, onO2, "", "").Code).To(Equal(200))
		})

		It("says what went wrong after the first hop", func() {
			a := newAPI(v02)
			id := a.create(`{"phone_number":"447700900001","reference_id":"r1"}`)
			_, back := hop(a.open(id, onO2))
			a.clock.advance(time.Minute)
			rec := a.send("GET", back, onO2, "", "")
			Expect(rec.Code).To(Equal(200))
			Expect(rec.Header().Get("Content-Type")).To(Equal("application/hal+json"))
			Expect(rec.Body.String()).To(Equal(`{"check_id":"` + id + `","error":"check_expired","error_description":"Check expired","reference_id":"r1"}`))
		})

		It("gives no code once another one was redeemed", func() {
			a := newAPI(v02)
			id := a.create(forAlice)
			_, back := hop(a.open(id, onO2))
			a.patch(id, a.code(id))
			Expect(object(a.send("GET", back, onO2, "", ""))).To(And(HaveKeyWithValue("error", "check_completed"), Not(HaveKey("code"))))
		})

		It("gives no code once the operator failed", func() {
			a := newAPI(v02)
			a.operator.answer = says(404, `{"error":"subscriber_not_found"}`)
			id := a.create(forAlice)
			_, back := hop(a.open(id, onO2))
			a.patch(id, a.code(id))
			Expect(object(a.send("GET", back, onO2, "", ""))).To(And(
				HaveKeyWithValue("error", "mno_user_not_found"), HaveKeyWithValue("error_description", "MNO user not found"), Not(HaveKey("code"))))
		})

		DescribeTable("redirect_url",
			func(body, project, want string) {
				a := newAPI(v02, func(c *idlayrfake.Config) { c.Projects[0].PhoneCheck.RedirectURL = project })
				rec := a.post(body)
				if want == "400" {
					Expect(rec).To(beBadRequest)
					Expect(a.Checks()).To(BeEmpty())
					return
				}
				end := a.chain(object(rec)["check_id"].(string), onO2)
				if want == "" {
					Expect(end.Code).To(Equal(200))
					return
				}
				Expect(end.Code).To(Equal(302))
				Expect(end.Header().Get("Location")).To(HavePrefix(want + "?check_id="))
			},
			Entry("none", forAlice, "", ""),
			Entry("the check's", `{"phone_number":"447700900001","redirect_url":"https://app.example/done"}`, "", "https://app.example/done"),
			Entry("the project's", forAlice, "https://app.example/default", "https://app.example/default"),
			Entry("the check's before the project's", `{"phone_number":"447700900001","redirect_url":"https://app.example/done"}`, "https://app.example/default", "https://app.example/done"),
			Entry("empty, as clients without one send it", `{"phone_number":"447700900001","redirect_url":""}`, "", ""),
			Entry("empty, for the project's", `{"phone_number":"447700900001","redirect_url":null}`, "https://app.example/default", "https://app.example/default"),
			Entry("a number", `{"phone_number":"447700900001","redirect_url":7}`, "", "400"),
			Entry("a script", `{"phone_number":"447700900001","redirect_url":"javascript:alert(1)"}`, "", "400"),
			Entry("no host a browser takes", `{"phone_number":"447700900001","redirect_url":"https://a|b/"}`, "", "400"),
			Entry("no port", `{"phone_number":"447700900001","redirect_url":"https://app.example:65536/"}`, "", "400"),
			Entry("relative", `{"phone_number":"447700900001","redirect_url":"/done"}`, "", "400"),
		)
	})

	DescribeTable("first hop: refusals stay problems, except 501 where there is somewhere to go (C23)",
		func(number, from, redirectURL string, be OmegaMatcher, location string) {
			a := newAPI(v02)
			id := a.create(`{"phone_number":"` + number + `","redirect_url":"` + redirectURL + `"}`)
			rec := a.open(id, from)
			if location == "" {
				Expect(rec).To(be)
			} else {
				Expect(rec.Code).To(Equal(302))
				Expect(rec.Header().Get("Location")).To(Equal(strings.ReplaceAll(location, "ID", id)))
			}
			Expect(object(a.get(id))).To(HaveKeyWithValue("status", "ERROR"))
			Expect(a.open(id, onO2)).To(beCheckNotFound)
		},
		Entry("412", alice, onWiFi, "https://app.example/", beNotMobile, ""),
		Entry("409", bob, onO2, "https://app.example/", beNumberMismatch, ""),
		Entry("400", alice, "10.20.0.1:1", "https://app.example/", beNotSupported, ""),
		Entry("501", alice, "10.10.15.1:1", "", beNoRedirect, ""),
		Entry("302", alice, "10.10.15.1:1", "https://app.example/?a=b", nil,
			"https://app.example/?a=b&check_id=ID&error=mno_redirect_unsupported&error_description=MNO+redirect+unsupported"),
	)

	It("follows the number's end in sandbox mode, back to the code", func() {
		a := newAPI(v02, func(c *idlayrfake.Config) { c.Projects[0].Mode = "sandbox" })
		id := a.create(forAlice)
		rec := a.open(id, onWiFi)
		Expect(rec.Code).To(Equal(302))
		rec = a.send("GET", rec.Header().Get("Location"), onWiFi, "", "")
		Expect(rec.Code).To(Equal(302))
		rec = a.send("GET", rec.Header().Get("Location"), onWiFi, "", "")
		Expect(rec.Code).To(Equal(200))
		Expect(object(a.patch(id, object(rec)["code"].(string)))).To(HaveKeyWithValue("match", false))
		Expect(a.operator.questions()).To(BeZero())
	})
})
