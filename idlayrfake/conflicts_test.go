package idlayrfake_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

const (
	v01 = "phone_check/v0.1"
	v02 = "phone_check/v0.2"
)

type change = func(*idlayrfake.Config)

// finished is a check that is opened from O2 and asked for, as GET shows it.
func finished(a api, body string) map[string]any {
	id := a.create(body)
	a.open(id, onO2)
	return object(a.get(id))
}

// called makes checks of a platform tell a hook.
func called(path string, changes ...change) (api, *hook) {
	h := &hook{answer: says(200, "OK")}
	a := newAPI(path, append([]change{func(c *idlayrfake.Config) {
		c.Projects[0].PhoneCheck.CallbackURL = "http://app.example/cb"
		c.Projects[0].SubscriberCheck.CallbackURL = "http://app.example/cb"
		c.Callbacks.Client = &http.Client{Transport: h}
	}}, changes...)...)
	h.clock = a.clock
	return a, h
}

func sandboxed(c *idlayrfake.Config) { c.Projects[0].Mode = "sandbox" }

// covers is a platform whose token may ask for coverage.
func covers() api {
	return newAPI("", func(c *idlayrfake.Config) { c.Projects[0].Scopes = []string{"coverage"} })
}

func (a api) look(path string) *httptest.ResponseRecorder { return a.send("GET", path, onO2, "", "") }

var _ = Describe("where the sources disagree", func() {
	It("C1: links are at the host that was asked, any host will do", func() {
		for _, host := range []string{"eu.api.idlayr.com", "eu.api.tru.id", "127.0.0.1:8080"} {
			w := newWorld()
			rec := w.do(req{method: "POST", path: listPath, host: host, body: forAlice, header: headers("Authorization", w.bearer())})
			Expect(rec.Body.String()).To(ContainSubstring(`"self":{"href":"http://` + host + listPath + "/"))
		}
	})
	It("C1: or at Config.PublicURL", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.PublicURL = "https://eu.api.idlayr.com" })
		Expect(a.post(forAlice).Body.String()).To(ContainSubstring(`"check_url":{"href":"https://eu.api.idlayr.com` + listPath + "/"))
	})
	It("C2: ttl is 60 seconds", func() {
		a := newAPI(v01)
		Expect(object(a.post(forAlice))).To(HaveKeyWithValue("ttl", 60.0))
	})
	It("C2: or Config.TTL", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.TTL = 120 * time.Second })
		rec := a.post(forAlice)
		Expect(object(rec)).To(HaveKeyWithValue("ttl", 120.0))
		a.clock.advance(120*time.Second - 1)
		id := object(rec)["check_id"].(string)
		Expect(object(a.get(id))).To(HaveKeyWithValue("status", "ACCEPTED"))
		a.clock.advance(1)
		Expect(object(a.get(id))).To(HaveKeyWithValue("status", "EXPIRED"))
	})
	tokenOf := func(changes ...change) map[string]any {
		return object(newWorld(changes...).do(req{method: "POST", path: "/oauth2/v1/token", body: "grant_type=client_credentials",
			header: headers("Authorization", basic("one", "s3cret"), "Content-Type", formType)}))
	}
	It("C3: there is an id_token", func() {
		Expect(tokenOf()).To(HaveKeyWithValue("id_token", MatchRegexp(`^[\w-]+\.[\w-]+\.[\w-]+$`)))
	})
	It("C4: expires_in is 3600", func() { Expect(tokenOf()).To(HaveKeyWithValue("expires_in", 3600.0)) })
	It("C4: or Config.TokenTTL", func() {
		Expect(tokenOf(func(c *idlayrfake.Config) { c.TokenTTL = 3599 * time.Second })).To(HaveKeyWithValue("expires_in", 3599.0))
	})
	It("C5: ttl and check_url are read, too", func() {
		a := newAPI(v01)
		Expect(finished(a, forAlice)).To(SatisfyAll(HaveKeyWithValue("status", "COMPLETED"), HaveKeyWithValue("ttl", 60.0), HaveKeyWithValue("_links", HaveKey("check_url"))))
	})
	It("C6: updated_at and network_id are not read", func() {
		Expect(finished(newAPI(v01), forAlice)).NotTo(SatisfyAny(HaveKey("updated_at"), HaveKey("network_id")))
	})
	It("C6: but with Config.FullProfile, network_id once COMPLETED", func() {
		full := func(c *idlayrfake.Config) { c.FullProfile = true }
		Expect(finished(newAPI(v01, full), forAlice)).To(SatisfyAll(HaveKey("updated_at"), HaveKeyWithValue("network_id", "23410")))
		a := newAPI(v01, full)
		a.operator.answer = says(503, "")
		Expect(finished(a, forAlice)).To(SatisfyAll(HaveKey("updated_at"), Not(HaveKey("network_id"))))
	})
	It("C6: PATCH always has updated_at, and so have callbacks, which have network_id as well", func() {
		for _, full := range []bool{false, true} {
			a, h := called(v02, func(c *idlayrfake.Config) { c.FullProfile = full })
			id := a.create(forAlice)
			Expect(object(a.patch(id, a.code(id)))).To(SatisfyAll(HaveKey("updated_at"), Not(HaveKey("network_id"))))
			a.clock.advance(time.Second)
			Expect(h.calls[0].member("updated_at")).NotTo(BeNil())
			Expect(h.calls[0].member("network_id")).To(Equal("23410"))
		}
	})
	It("C7: the first snapshot_balance is 100, the next is less", func() {
		a := newAPI(v01)
		Expect([]any{balanceOf(a.post(forAlice)), balanceOf(a.post(forAlice))}).To(Equal([]any{100.0, 99.0}))
	})
	It("C7: or always Config.FixedBalance", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.FixedBalance = 100 })
		Expect([]any{balanceOf(a.post(forAlice)), balanceOf(a.post(forAlice))}).To(Equal([]any{100.0, 100.0}))
	})
	It("C8: times of checks have an offset, those of traces Z and milliseconds", func() {
		a := newAPI(v01)
		id := a.create(forAlice)
		Expect(object(a.get(id))).To(HaveKeyWithValue("created_at", "2020-06-01T16:43:30+00:00"))
		Expect(a.look(a.checks(id) + "/traces").Body.String()).To(ContainSubstring(`"timestamp":"2020-06-01T16:43:30.000Z"`))
	})
	It("C9: products are in the singular", func() {
		for _, product := range []string{v01, v02, "subscriber_check/v0.1", "subscriber_check/v0.2", "sim_check/v0.1"} {
			Expect(newAPI(product).look("/" + product + "/checks").Code).To(Equal(200))
			Expect(newAPI(product).look("/" + strings.Replace(product, "/", "s/", 1) + "/checks")).To(beRouteNotFound)
		}
	})
	It("C10: a number with a plus is one, and is kept without", func() {
		a := newAPI(v01)
		Expect(a.post(`{"phone_number":"+447700900001"}`).Code).To(Equal(201))
		Expect(a.post(forAlice).Code).To(Equal(201))
		Expect(a.Checks()).To(HaveEach(HaveField("PhoneNumber", alice)))
	})
	It("C11: the GET that asks for the result has it", func() {
		a := newAPI(v01)
		Expect(finished(a, forAlice)).To(HaveKeyWithValue("status", "COMPLETED"))
		Expect(a.operator.questions()).To(Equal(1))
	})
	It("C11: or is PENDING for Config.ResultDelay", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.ResultDelay = 3 * time.Second })
		a.clock.advance(10 * time.Second)
		id := a.create(forAlice)
		a.clock.advance(10 * time.Second)
		a.open(id, onO2)
		a.clock.advance(3*time.Second - 1)
		Expect(object(a.get(id))).To(SatisfyAll(HaveKeyWithValue("status", "PENDING"), Not(HaveKey("match"))))
		Expect(a.operator.questions()).To(BeZero())
		a.clock.advance(1)
		Expect(object(a.get(id))).To(HaveKeyWithValue("match", true))
	})
	It("C11: with Config.ResultDelay, callbacks come later and codes do as ever", func() {
		a, h := called(v01, func(c *idlayrfake.Config) { c.ResultDelay = 3 * time.Second })
		a.open(a.create(forAlice), onO2)
		a.clock.advance(time.Minute)
		Expect(h.times()).To(Equal([]time.Duration{3*time.Second + 100*time.Millisecond}))
		a = a.at(v02)
		id := a.create(forAlice)
		Expect(object(a.patch(id, a.code(id)))).To(HaveKeyWithValue("match", true))
	})
	It("C12: checks expire, opened or not", func() {
		a := newAPI(v01)
		a.operator.answer = says(404, `{"error":"session_not_found"}`)
		ids := []string{a.create(forAlice), a.create(forAlice)}
		a.open(ids[1], onO2)
		a.clock.advance(time.Minute)
		for _, id := range ids {
			Expect(object(a.get(id))).To(HaveKeyWithValue("status", "EXPIRED"))
		}
	})
	const failing = `{"phone_number":"447700900099"}`
	It("C13: a check in ERROR has no match", func() {
		for _, f := range []change{sandboxed, func(c *idlayrfake.Config) { c.SandboxErrorMatch = true }} {
			a := newAPI(v01, f)
			a.operator.answer = says(503, "")
			Expect(finished(a, failing)).To(SatisfyAll(HaveKeyWithValue("status", "ERROR"), Not(HaveKey("match"))))
		}
	})
	It("C13: but of false with Config.SandboxErrorMatch, in a sandbox, where there is one", func() {
		with := func(c *idlayrfake.Config) { c.SandboxErrorMatch = true }
		a := newAPI(v01, sandboxed, with)
		Expect(finished(a, failing)).To(SatisfyAll(HaveKeyWithValue("status", "ERROR"), HaveKeyWithValue("match", false)))
		Expect(object(a.get(a.create(failing)))).NotTo(HaveKey("match"), "ACCEPTED")
		Expect(object(newAPI("sim_check/v0.1", sandboxed, with).post(failing))).To(SatisfyAll(HaveKeyWithValue("status", "ERROR"), Not(HaveKey("match"))))
	})
	It("C14: next and prev are absent where there is no such page", func() {
		a := newAPI(v01)
		a.create(forAlice)
		a.create(forAlice)
		links := func(query string) any { return object(a.call(a.token, a.checks("")+query))["_links"] }
		Expect(links("")).To(SatisfyAll(HaveLen(3), HaveKey("self"), HaveKey("first"), HaveKey("last")))
		Expect(links("?size=1")).To(SatisfyAll(HaveKey("next"), Not(HaveKey("prev"))))
		Expect(links("?size=1&page=2")).To(SatisfyAll(HaveKey("prev"), Not(HaveKey("next"))))
	})
	It("C15: traces need a token", func() {
		a := newAPI(v01)
		id := a.create(forAlice)
		Expect(a.call(a.token, a.checks(id)+"/traces").Code).To(Equal(200))
		Expect(a.call("", a.checks(id)+"/traces").Code).To(Equal(401))
	})
	digest := func(changes ...change) (got string, sum []byte) {
		a, h := called(v01, changes...)
		a.open(a.create(forAlice), onWiFi)
		a.clock.advance(time.Second)
		s := sha256.Sum256(h.calls[0].body)
		return h.calls[0].r.Header.Get("Digest"), s[:]
	}
	It("C16: the digest is in hex", func() {
		got, sum := digest()
		Expect(got).To(Equal("SHA-256=" + hex.EncodeToString(sum)))
	})
	It("C16: or in Base64 with Callbacks.Base64Digest", func() {
		got, sum := digest(func(c *idlayrfake.Config) { c.Callbacks.Base64Digest = true })
		Expect(got).To(Equal("SHA-256=" + base64.StdEncoding.EncodeToString(sum)))
	})
	products := func(path string) (list []string) {
		for _, p := range object(covers().look("/coverage/v0.1/" + path))["products"].([]any) {
			list = append(list, p.(map[string]any)["product_id"].(string)+" "+p.(map[string]any)["product_name"].(string))
		}
		return list
	}
	It("C17: product ids are in upper case", func() {
		Expect(products("device_ip")).To(SatisfyAll(HaveLen(3), HaveEach(MatchRegexp(`^(PCK|SCK|SUK) `))))
		Expect(products("countries/GB")).To(SatisfyAll(HaveLen(3), HaveEach(MatchRegexp(`^(PCK|SCK|SUK) `))))
	})
	It("C18: product names have spaces", func() {
		Expect(products("device_ip")).To(Equal([]string{"PCK Phone Check", "SCK Sim Check", "SUK Subscriber Check"}))
	})
	It("C19: dialing_code is a string of a device and a number of a country", func() {
		Expect(object(covers().look("/coverage/v0.1/device_ip"))).To(HaveKeyWithValue("dialing_code", "44"))
		Expect(object(covers().look("/coverage/v0.1/countries/GB"))).To(HaveKeyWithValue("dialing_code", 44.0))
	})
	It("C20: traces say currency", func() {
		a := newAPI(v01)
		body := a.look(a.checks(a.create(forAlice)) + "/traces").Body.String()
		Expect(body).To(SatisfyAll(ContainSubstring(`"attributes":{"amount":1,"currency":"API"}`), Not(ContainSubstring("currency_code"))))
	})
	It("C21: hops are 302 without a body, the end is 200 with JSON, or 302 to redirect_url", func() {
		a := newAPI(v02)
		rec := a.open(a.create(forAlice), onO2)
		Expect(rec.Code).To(Equal(302))
		Expect(rec.Body.Len()).To(BeZero())
		_, back := hop(rec)
		rec = a.look(back)
		Expect(rec.Code).To(Equal(200))
		Expect(object(rec)).To(HaveKey("code"))
		rec = a.chain(a.create(`{"phone_number":"447700900001","redirect_url":"https://app.example/"}`), onO2)
		Expect(rec.Code).To(Equal(302))
		Expect(rec.Header().Get("Location")).To(HavePrefix("https://app.example/?"))
	})
	It("C22: the check URL is for GET, not for POST", func() {
		a := newAPI(v02)
		id := a.create(forAlice)
		Expect(a.send("POST", a.checks(id)+"/redirect", onO2, "", "")).To(beWrongMethod)
		Expect(object(a.get(id))).To(HaveKeyWithValue("status", "ACCEPTED"))
		Expect(a.open(id, onO2).Code).To(Equal(302))
	})
	It("C23: no redirects is 501 at the first hop, and an error where there is a redirect_url", func() {
		const from = "10.10.15.1:1"
		a := newAPI(v02)
		Expect(a.open(a.create(forAlice), from)).To(beNoRedirect)
		Expect(a.open(a.create(`{"phone_number":"447700900001","redirect_url":"https://app.example/"}`), from).Header().Get("Location")).
			To(HaveSuffix("&error=mno_redirect_unsupported&error_description=MNO+redirect+unsupported"))
	})
	It("C24: problems have a status", func() {
		Expect(object(newAPI(v01).get("x"))).To(SatisfyAll(HaveLen(4), HaveKeyWithValue("status", 404.0)))
	})
	It("C25: problem types are at the new host", func() {
		Expect(object(newAPI(v01).get("x"))).To(HaveKeyWithValue("type", "https://developer.idlayr.com/docs/reference/api-errors#check_not_found"))
	})
	It("C25: or at Config.ProblemBase", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.ProblemBase = "https://developer.tru.id/docs/reference/api-errors" })
		Expect(object(a.get("x"))).To(HaveKeyWithValue("type", "https://developer.tru.id/docs/reference/api-errors#check_not_found"))
	})
	It("C26: X-RateLimit-Reset is a point in time", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.RateLimit = 100 })
		Expect(a.post(forAlice).Header()).To(HaveKeyWithValue("X-RateLimit-Reset", []string{fmt.Sprint(start.Add(time.Hour).Unix())}))
	})
	It("C27: too many requests are refused in every version, at the check URL, too", func() {
		for _, path := range []string{v01, v02} {
			a := newAPI(path, func(c *idlayrfake.Config) { c.RateLimit = 2 }) // one was the token
			id := a.create(forAlice)
			Expect([]int{a.post(forAlice).Code, a.get(id).Code, a.look(a.checks("")).Code, a.open(id, onO2).Code}).To(HaveEach(429))
		}
	})
	It("C28: other origins may read every version", func() {
		for _, path := range []string{v01, v02} {
			a := newAPI(path)
			Expect(a.post(forAlice).Header().Get("Access-Control-Allow-Origin")).To(Equal("*"))
			Expect(a.open(a.create(forAlice), onO2).Header().Get("Access-Control-Allow-Origin")).To(Equal("*"))
			Expect(a.get("x").Header().Get("Access-Control-Allow-Origin")).To(Equal("*"))
		}
	})
	It("C29: there is no PATCH in v0.1", func() {
		a := newAPI(v01)
		Expect(a.patch(a.create(forAlice), "f1928033c0")).To(beWrongMethod)
	})
	DescribeTable("C30: in a sandbox the number's end decides, 99 before odd",
		func(number, status string, match OmegaMatcher) {
			m := finished(newAPI(v01, sandboxed), `{"phone_number":"`+number+`"}`)
			Expect(m["status"]).To(Equal(status))
			Expect(m["match"]).To(match)
		},
		Entry(nil, "447700900002", "COMPLETED", BeTrue()),
		Entry(nil, "447700900001", "COMPLETED", BeFalse()),
		Entry(nil, "447700900099", "ERROR", BeNil()),
	)
	It("C31: the status of a problem is a number", func() {
		Expect(newAPI(v01).open("x", onO2).Body.String()).To(ContainSubstring(`"status":404,`))
	})
	It("C32: sim_change_within is a bucket, never 43201", func() {
		buckets := []int{60, 360, 720, 1440, 2880, 4320, 10080, 43200, 129600, 259200, 525600}
		a := newAPI("sim_check/v0.1", func(c *idlayrfake.Config) { c.Balance = 1000 })
		within := func(age time.Duration) any {
			a.operator.answer = changedSIM(ago(age))
			return object(a.post(`{"phone_number":"447700900001","phone_ip":"10.10.0.5"}`))["sim_change_within"]
		}
		for i, bucket := range buckets {
			next := append(slices.Clone(buckets), 525601)[i+1]
			Expect(within(time.Duration(bucket) * time.Minute)).To(Equal(float64(bucket)))
			Expect(within(time.Duration(bucket)*time.Minute + time.Second)).To(Equal(float64(next)))
		}
	})
	It("C33: links of a SubscriberCheck are of the version asked", func() {
		for _, path := range []string{"subscriber_check/v0.1", "subscriber_check/v0.2"} {
			a := newAPI(path)
			Expect(a.post(forAlice).Body.String()).To(SatisfyAll(
				ContainSubstring(`"self":{"href":"http://eu.api.idlayr.com/`+path+`/checks/`), ContainSubstring(`"check_url":{"href":"http://eu.api.idlayr.com/`+path+`/checks/`)))
		}
	})
})

var _ = Describe("where all sources are silent", func() {
	It("U1: the token endpoint fails as in RFC 6749", func() {
		rec := newWorld().do(req{method: "POST", path: "/oauth2/v1/token", body: "grant_type=password", header: headers("Authorization", basic("one", "s3cret"), "Content-Type", formType)})
		Expect(rec.Code).To(Equal(400))
		Expect(rec.Header().Get("Content-Type")).To(Equal("application/json"))
		Expect(object(rec)).To(SatisfyAll(HaveLen(2), HaveKeyWithValue("error", "unsupported_grant_type"), HaveKey("error_description")))
	})
	It("U2: an empty balance refuses nothing", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.Balance = 1 })
		Expect([]any{balanceOf(a.post(forAlice)), balanceOf(a.post(forAlice))}).To(Equal([]any{0.0, -1.0}))
	})
	beInsufficient := beProblem(402, "insufficient_balance", "Payment Required", "Insufficient Balance")
	DescribeTable("U2: but new checks with Config.RefuseEmptyBalance, until there is some again",
		func(path string) {
			a := newAPI(path, func(c *idlayrfake.Config) { c.Balance, c.RefuseEmptyBalance = 1, true })
			a.token = "Bearer " + a.world.token("one", "s3cret", strings.Split(path, "/")[0], "")
			a.operator.answer = subscriber(alice)
			Expect(a.post(forAlice).Code).To(Equal(201))
			Expect(a.post(forAlice)).To(beInsufficient)
			Expect(a.Checks()).To(HaveLen(1))
			a.clock.advance(time.Minute) // what was reserved is given back
			want := 201
			if strings.HasPrefix(path, "sim") {
				want = 402
			}
			Expect(a.post(forAlice).Code).To(Equal(want))
		},
		Entry(nil, v01), Entry(nil, v02), Entry(nil, "subscriber_check/v0.1"), Entry(nil, "subscriber_check/v0.2"), Entry(nil, "sim_check/v0.1"), Entry(nil, "mo_check/v0.1"),
	)
	It("U2: in a sandbox, which costs nothing, Config.RefuseEmptyBalance refuses nothing", func() {
		a := newAPI(v01, sandboxed, func(c *idlayrfake.Config) { c.Balance, c.RefuseEmptyBalance = -1, true })
		Expect(a.post(forAlice).Code).To(Equal(201))
	})
	It("U2: with Config.RefuseEmptyBalance, checks that come together do not overdraw", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.Balance, c.RefuseEmptyBalance = 5, true })
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { a.post(forAlice) })
		}
		all.Wait()
		Expect(a.Checks()).To(HaveLen(5))
	})
	It("U3: refusals of a token are problems, with a challenge", func() {
		a := newAPI(v01)
		for _, c := range []struct {
			token, anchor, challenge string
			status                   int
		}{
			{"", "unauthorized", `Bearer`, 401},
			{"Bearer x", "access_token_error", `Bearer error="invalid_token"`, 401},
			{"Bearer " + a.world.token("one", "s3cret", "sim_check", ""), "forbidden", `Bearer error="insufficient_scope", scope="phone_check"`, 403},
		} {
			rec := a.call(c.token, listPath)
			Expect(rec.Code).To(Equal(c.status))
			Expect(rec.Header().Get("Content-Type")).To(Equal("application/problem+json"))
			Expect(rec.Header().Get("WWW-Authenticate")).To(Equal(c.challenge))
			Expect(object(rec)["type"]).To(HaveSuffix("#" + c.anchor))
		}
	})
	It("U4: the last hop of v0.1 is 200, an image or JSON by Accept (the sandbox's; others are the operator's)", func() {
		a := newAPI(v01, sandboxed)
		last, err := url.Parse(a.open(a.create(forAlice), onWiFi).Header().Get("Location"))
		Expect(err).NotTo(HaveOccurred())
		for accept, contentType := range map[string]string{"image/*": "image/gif", "text/html,*/*": "application/json", "": "application/json"} {
			r := httptest.NewRequest("GET", last.RequestURI(), nil)
			r.Header.Set("Accept", accept)
			rec := httptest.NewRecorder()
			a.ServeHTTP(rec, r)
			Expect(rec.Code).To(Equal(200))
			Expect(rec.Header().Get("Content-Type")).To(Equal(contentType))
			Expect(rec.Body.Len()).NotTo(BeZero())
		}
	})
	It("U5: a refusal at the first hop is final, with its code", func() {
		a := newAPI(v01)
		id := a.create(forAlice)
		Expect(a.open(id, onWiFi)).To(beNotMobile)
		Expect(object(a.get(id))).To(SatisfyAll(HaveKeyWithValue("status", "ERROR"), HaveKeyWithValue("error_code", "not_mobile_ip")))
		Expect(a.open(id, onO2)).To(beCheckNotFound)
	})
	It("U5: but not with Config.RefusalKeepsAccepted", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.RefusalKeepsAccepted = true })
		id := a.create(forAlice)
		Expect(a.open(id, onWiFi)).To(beNotMobile)
		Expect(object(a.get(id))).To(HaveKeyWithValue("status", "ACCEPTED"))
		Expect(a.open(id, onO2).Code).To(Equal(302))
	})
	It("U6: the check URL may be opened again while PENDING, not later", func() {
		a := newAPI(v01)
		id := a.create(forAlice)
		Expect([]int{a.open(id, onO2).Code, a.open(id, onO2).Code}).To(HaveEach(302))
		a.get(id)
		Expect(a.open(id, onO2)).To(beCheckNotFound)
	})
	It("U7: GET never completes a check of v0.2", func() {
		a := newAPI(v02)
		id := a.create(forAlice)
		a.code(id)
		Expect(object(a.get(id))).To(SatisfyAll(HaveKeyWithValue("status", "PENDING"), Not(HaveKey("match"))))
		Expect(a.operator.questions()).To(BeZero())
	})
	It("U8: a wrong code is unknown, a right one may come again while the check lives", func() {
		a := newAPI(v02)
		id := a.create(forAlice)
		code := a.code(id)
		Expect(a.patch(id, "0000000000")).To(beCheckNotFound)
		first := a.patch(id, code)
		Expect(first.Code).To(Equal(200))
		a.clock.advance(time.Minute - 1)
		Expect(a.patch(id, code).Body.String()).To(Equal(first.Body.String()))
		a.clock.advance(1)
		Expect(a.patch(id, code)).To(beCheckNotFound)
	})
	It("U9: a check of one version is unknown to the other", func() {
		a := newAPI(v01)
		id := a.create(forAlice)
		Expect(a.at(v02).get(id)).To(beCheckNotFound)
		Expect(a.at(v02).open(id, onO2)).To(beCheckNotFound)
		Expect(a.at(v02).patch(id, "f1928033c0")).To(beCheckNotFound)
		Expect(a.get(a.at(v02).create(forAlice))).To(beCheckNotFound)
	})
	It("U10: whoever is called back need not ask", func() {
		a, h := called(v01)
		a.open(a.create(forAlice), onO2)
		a.clock.advance(5 * time.Second)
		Expect(h.calls).To(HaveLen(1))
		Expect(h.calls[0].member("match")).To(BeTrue())
	})
	It("U11: callbacks are signed with rsa-sha256 and a key of the set, and only 200 counts", func() {
		a, h := called(v01, func(c *idlayrfake.Config) { c.Callbacks.Delays = []time.Duration{time.Second} })
		h.answer = says(202, "")
		a.open(a.create(forAlice), onWiFi)
		a.clock.advance(time.Minute)
		Expect(h.calls).To(HaveLen(2))
		keys := a.call("", "/.well-known/jwks.json").Body.Bytes()
		Expect(h.calls[0].r.Header.Get("Authorization")).To(ContainSubstring(`,algorithm="rsa-sha256",`))
		Expect(h.calls[0].signedBy(keys, start)).To(Succeed())
	})
	DescribeTable("U11: a receiver has ten seconds, or Callbacks.Timeout",
		func(timeout, want time.Duration) {
			a, h := called(v01, func(c *idlayrfake.Config) { c.Callbacks.Timeout, c.Callbacks.Delays = timeout, []time.Duration{} })
			var end time.Duration
			h.answer = func(r *http.Request) (*http.Response, error) {
				a.clock.advance(want - 1)
				Expect(r.Context().Err()).NotTo(HaveOccurred())
				a.clock.advance(1)
				Expect(r.Context().Err()).To(HaveOccurred())
				end = a.clock.Now().Sub(start)
				return nil, r.Context().Err()
			}
			a.open(a.create(forAlice), onWiFi)
			a.clock.advance(100 * time.Millisecond)
			Expect(end).To(Equal(want + 100*time.Millisecond))
			Expect(a.texts()).To(ContainElement("callback of ERROR: timeout, given up"))
		},
		Entry(nil, time.Duration(0), 10*time.Second),
		Entry(nil, 3*time.Second, 3*time.Second),
	)
	It("U12: every try is dated and signed anew", func() {
		a, h := called(v01, func(c *idlayrfake.Config) { c.Callbacks.Delays = []time.Duration{10 * time.Minute} })
		h.answer = says(503, "")
		a.open(a.create(forAlice), onWiFi)
		a.clock.advance(time.Hour)
		keys := a.call("", "/.well-known/jwks.json").Body.Bytes()
		Expect(h.calls).To(HaveLen(2))
		Expect(h.calls[1].signedBy(keys, start.Add(h.calls[1].at))).To(Succeed())
		Expect(h.calls[1].r.Header.Get("Authorization")).NotTo(Equal(h.calls[0].r.Header.Get("Authorization")))
	})
	It("U13: a reference_id has at most 256 characters, a callback_url may be plain HTTP", func() {
		a := newAPI(v01)
		reference := func(n int) int {
			return a.post(`{"phone_number":"447700900001","reference_id":"` + strings.Repeat("é", n) + `"}`).Code
		}
		Expect([]int{reference(256), reference(257)}).To(Equal([]int{201, 400}))
		Expect(a.post(`{"phone_number":"447700900001","callback_url":"http://app.example/"}`).Code).To(Equal(201))
	})
	It("U14: creating twice makes two", func() {
		a := newAPI(v01)
		Expect(a.create(`{"phone_number":"447700900001","reference_id":"r1"}`)).NotTo(Equal(a.create(`{"phone_number":"447700900001","reference_id":"r1"}`)))
		Expect(a.Checks()).To(HaveLen(2))
	})
	It("U15: network_id is the operator of the device's session", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) {
			c.FullProfile = true
			c.NumberNetwork = func(string) (string, bool) { return "23402", true } // an alias
			c.Networks[0].Aliases = []string{"23402"}
		})
		Expect(finished(a, forAlice)).To(HaveKeyWithValue("network_id", "23410"))
	})
	It("U16: requests are not limited", func() {
		a := newAPI(v01)
		for range 300 {
			Expect(a.get("x").Code).To(Equal(404))
		}
		Expect(a.post(forAlice).Header()).NotTo(HaveKey("X-RateLimit-Limit"))
	})
	It("U16: but with Config.RateLimit, by the hour", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.RateLimit = 2 })
		Expect([]int{a.get("x").Code, a.get("x").Code}).To(Equal([]int{404, 429}))
		a.clock.advance(time.Hour)
		a.token = "Bearer " + a.world.token("one", "s3cret", "", "")
		Expect(a.get("x").Code).To(Equal(404))
	})
	It("U17: a private or reserved phone_ip is not mobile, unless an operator has it", func() {
		a := newAPI(v01)
		at := func(ip string) *httptest.ResponseRecorder {
			return a.post(`{"phone_number":"447700900001","phone_ip":"` + ip + `"}`)
		}
		for _, ip := range []string{"192.168.0.1", "127.0.0.1", "10.99.0.1", "::1", "fd00::1", "0.0.0.0"} {
			Expect(at(ip)).To(beNotMobile)
		}
		Expect(at("10.10.0.5").Code).To(Equal(201))
	})
	It("U18: the platform's own hop may lead to plain HTTP at any port, and sets no cookie", func() {
		a := newAPI(v01, func(c *idlayrfake.Config) { c.Networks[0].RedirectURL = "http://sna.23410.example:8080/start" })
		rec := a.open(a.create(forAlice), onO2)
		Expect(rec.Header().Get("Location")).To(HavePrefix("http://sna.23410.example:8080/start?session="))
		Expect(rec.Header()).NotTo(HaveKey("Set-Cookie"))
	})
	It("U19: no header of an SDK is needed", func() {
		w := newWorld()
		id := w.create(w.bearer(), alice)
		Expect(w.do(req{method: "GET", path: listPath + "/" + id + "/redirect", from: onO2, header: http.Header{}}).Code).To(Equal(302))
	})
	It("U20: a check of a sandbox says what it would cost, and costs nothing", func() {
		a := newAPI(v01, sandboxed)
		Expect(finished(a, forAlice)).To(SatisfyAll(HaveKeyWithValue("charge_amount", 1.0), HaveKeyWithValue("charge_currency", "API")))
		Expect(balanceOf(a.post(forAlice))).To(Equal(101.0))
	})
	tries := func(changes ...change) (waits []time.Duration) {
		a, h := called(v01, changes...)
		h.answer = says(503, "")
		a.open(a.create(forAlice), onWiFi)
		a.clock.advance(time.Hour)
		for i, at := range h.times()[1:] {
			waits = append(waits, at-h.times()[i])
		}
		return waits
	}
	It("U21: callbacks come six times again", func() {
		Expect(tries()).To(Equal([]time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second, 40 * time.Second, 50 * time.Second, 60 * time.Second}))
	})
	It("U21: or as often as Callbacks.Delays says", func() {
		waits := []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second, 40 * time.Second, 50 * time.Second}
		Expect(tries(func(c *idlayrfake.Config) { c.Callbacks.Delays = waits })).To(Equal(waits))
		Expect(tries(func(c *idlayrfake.Config) { c.Callbacks.Delays = []time.Duration{} })).To(BeEmpty())
	})
	It("U22: no Accept is refused at the check URL or by coverage", func() {
		w := newWorld()
		token := "Bearer " + w.token("one", "s3cret", "", "")
		id := w.create(token, alice)
		for _, accept := range []string{"image/png", "application/xml;q=0.1", "*/*;q=0", "nonsense"} {
			for path, status := range map[string]int{listPath + "/" + id + "/redirect": 302, "/coverage/v0.1/device_ip": 200, "/public/coverage/v0.1/device_ip": 200} {
				Expect(w.do(req{method: "GET", path: path, from: onO2, header: headers("Accept", accept, "Authorization", token)}).Code).To(Equal(status))
			}
		}
	})
})

func balanceOf(rec *httptest.ResponseRecorder) any { return object(rec)["snapshot_balance"] }
