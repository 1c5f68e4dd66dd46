package idlayrfake_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

// beProblem matches a problem detail in all its members.
func beProblem(status int, anchor, title, detail string) OmegaMatcher {
	return WithTransform(func(rec *httptest.ResponseRecorder) []any {
		m := object(rec)
		return []any{rec.Code, rec.Header().Get("Content-Type"), rec.Header().Get("Access-Control-Allow-Origin"), len(m), m["type"], m["title"], m["status"], m["detail"]}
	}, Equal([]any{status, "application/problem+json", "*", 4,
		"https://developer.idlayr.com/docs/reference/api-errors#" + anchor, title, float64(status), detail}))
}

var (
	beBadRequest     = beProblem(400, "bad_request", "Bad Request", "The request body is invalid")
	beFormatInvalid  = beProblem(400, "phone_format_invalid", "Bad Request", "Phone Number Validation Error")
	beNotSupported   = beProblem(400, "mno_not_supported", "Bad Request", "Mobile Network Operator Not Supported")
	beCheckNotFound  = beProblem(404, "check_not_found", "Not Found", "Check Not Found")
	beRouteNotFound  = beProblem(404, "not_found", "Not Found", "Resource Not Found")
	beWrongMethod    = beProblem(405, "method_not_allowed", "Request Method Not Allowed", "Request Method Not Allowed")
	beNumberMismatch = beProblem(409, "ip_msisdn_mismatch", "Conflict", "ip_msisdn_mismatch")
	beIPMismatch     = beProblem(409, "ip_mismatch", "Conflict", "ip_mismatch")
	beNotMobile      = beProblem(412, "not_mobile_ip", "Precondition Failed", "Not a mobile IP")
	beTooLarge       = beProblem(413, "payload_too_large", "Payload Too Large", "The request body is too large")
	beWrongMedia     = beProblem(415, "unsupported_media_type", "Unsupported Media Type in 'Content-Type' header", "The request body must be application/json")
	beNoRedirect     = beProblem(501, "mno_redirect_unsupported", "Not Implemented", "Mobile Network Operator Not Supporting Redirect")
)

var _ = Describe("PhoneCheck v0.1", func() {
	It("goes through the eight steps of the guide", func() {
		w := newWorld()
		defer w.Close()
		bearer := w.bearer()
		rec := w.post(bearer, `{"phone_number":"`+alice+`"}`)
		Expect(rec.Code).To(Equal(201))
		Expect(rec.Header()).To(HaveKeyWithValue("Content-Type", []string{"application/hal+json"}))
		Expect(rec.Header().Get("Content-Length")).To(Equal(fmt.Sprint(rec.Body.Len())))
		Expect(rec.Header().Get("Date")).To(Equal("Mon, 01 Jun 2020 16:43:30 GMT"))
		id := object(rec)["check_id"].(string)
		Expect(id).To(MatchRegexp(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`))
		self := "http://eu.api.idlayr.com/phone_check/v0.1/checks/" + id
		common := `"charge_amount":1,"charge_currency":"API","created_at":"2020-06-01T16:43:30+00:00","ttl":60,` +
			`"_links":{"self":{"href":"` + self + `"},"check_url":{"href":"` + self + `/redirect"}}`
		Expect(rec.Body.String()).To(Equal(`{"check_id":"` + id + `","status":"ACCEPTED",` + common + `,"snapshot_balance":100}`))

		rec = w.open(id, onO2)
		Expect(rec.Code).To(Equal(302))
		Expect(rec.Header().Get("Location")).To(MatchRegexp(`^http://sna\.23410\.example/start\?session=[\w-]{22}$`))
		Expect(rec.Body.Len()).To(BeZero())
		session := rec.Header().Get("Location")[len("http://sna.23410.example/start?session="):]
		Expect(w.operator.questions()).To(BeZero(), "the operator is asked in step 7 only")

		rec = w.get(bearer, id)
		Expect(rec.Code).To(Equal(200))
		Expect(rec.Header().Get("Content-Type")).To(Equal("application/hal+json"))
		Expect(rec.Body.String()).To(Equal(`{"check_id":"` + id + `","status":"COMPLETED","match":true,` + common + `}`))
		asked := w.operator.asked[0]
		Expect(asked.URL.String()).To(Equal("https://api.23410.example/results/" + session))
		Expect(asked.Header.Get("Authorization")).To(Equal(basic("idlayr", "back")))

		Expect(w.get(bearer, id).Body.String()).To(Equal(rec.Body.String()))
		Expect(w.operator.questions()).To(Equal(1))
		Expect(w.texts()).To(ContainElements("check ACCEPTED", "check ACCEPTED → PENDING",
			"operator says 447700900001, check asks 447700900001: match", "check PENDING → COMPLETED"))
	})

	DescribeTable("v0.1 create: accepts",
		func(body string, want idlayrfake.Check) {
			w := newWorld()
			Expect(w.post(w.bearer(), body).Code).To(Equal(201))
			got := w.Checks()[0]
			Expect([]string{got.PhoneNumber, got.ReferenceID, got.CallbackURL, got.PhoneIP}).
				To(Equal([]string{want.PhoneNumber, want.ReferenceID, want.CallbackURL, want.PhoneIP}))
		},
		Entry("a plus", `{"phone_number":"+447700900001"}`, idlayrfake.Check{PhoneNumber: alice}),
		Entry("every member", `{"phone_number":"447700900001","reference_id":"r<1>","callback_url":"http://a.example/cb?x=1","phone_ip":"::ffff:10.10.0.9"}`,
			idlayrfake.Check{PhoneNumber: alice, ReferenceID: "r<1>", CallbackURL: "http://a.example/cb?x=1", PhoneIP: "10.10.0.9"}),
		Entry("null and empty ones", `{"phone_number":"447700900001","reference_id":null,"callback_url":"","redirect_url":"","phone_ip":null}`, idlayrfake.Check{PhoneNumber: alice}),
		Entry("unknown ones", ` {"phone_number":"447700900001","redirect_url":7,"x":[{}]} `, idlayrfake.Check{PhoneNumber: alice}),
		Entry("256 characters of reference", `{"phone_number":"447700900001","reference_id":"`+strings.Repeat("é", 256)+`"}`,
			idlayrfake.Check{PhoneNumber: alice, ReferenceID: strings.Repeat("é", 256)}),
	)

	DescribeTable("v0.1 create: refuses, and keeps nothing",
		func(body string, be OmegaMatcher) {
			w := newWorld()
			Expect(w.post(w.bearer(), body)).To(be)
			Expect(w.Checks()).To(BeEmpty())
			Expect(w.transitions()).To(BeEmpty())
			Expect(w.clock.pending()).To(BeZero())
		},
		Entry("empty body", ``, beBadRequest),
		Entry("not JSON", `phone_number=447700900001`, beBadRequest),
		Entry("null", `null`, beBadRequest),
		Entry("array", `["447700900001"]`, beBadRequest),
		Entry("trailing garbage", `{"phone_number":"447700900001"}}`, beBadRequest),
		Entry("two objects", `{"phone_number":"447700900001"}{}`, beBadRequest),
		Entry("cut off", `{"phone_number":"4477`, beBadRequest),
		Entry("raw NUL", "{\"phone_number\":\"447700900001\x00\"}", beBadRequest),
		Entry("missing number", `{}`, beBadRequest),
		Entry("number of another case", `{"Phone_Number":"447700900001"}`, beBadRequest),
		Entry("null number", `{"phone_number":null}`, beBadRequest),
		Entry("reference of the wrong type", `{"phone_number":"447700900001","reference_id":1}`, beBadRequest),
		Entry("long reference", `{"phone_number":"447700900001","reference_id":"`+strings.Repeat("a", 257)+`"}`, beBadRequest),
		Entry("callback of the wrong type", `{"phone_number":"447700900001","callback_url":{}}`, beBadRequest),
		Entry("relative callback", `{"phone_number":"447700900001","callback_url":"/cb"}`, beBadRequest),
		Entry("callback by file", `{"phone_number":"447700900001","callback_url":"file:///etc/passwd"}`, beBadRequest),
		Entry("phone_ip that is none", `{"phone_number":"447700900001","phone_ip":"10.10.0"}`, beBadRequest),
		Entry("phone_ip of the wrong type", `{"phone_number":"447700900001","phone_ip":[]}`, beBadRequest),
		Entry("deeply nested", strings.Repeat("[", 60000), beBadRequest),
		Entry("number as number", `{"phone_number":447700900001}`, beFormatInvalid),
		Entry("number as object", `{"phone_number":{"e164":"447700900001"}}`, beFormatInvalid),
		Entry("empty number", `{"phone_number":""}`, beFormatInvalid),
		Entry("escaped NUL", `{"phone_number":"447700900001\u0000"}`, beFormatInvalid),
		Entry("spaces", `{"phone_number":"+44 7700 900001"}`, beFormatInvalid),
		Entry("national", `{"phone_number":"07700900001"}`, beFormatInvalid),
		Entry("10 kB number", `{"phone_number":"`+strings.Repeat("4", 10000)+`"}`, beFormatInvalid),
		Entry("1 MB number", `{"phone_number":"`+strings.Repeat("4", 1<<20)+`"}`, beTooLarge),
		Entry("country without operator", `{"phone_number":"7700900001"}`, beNotSupported),
		Entry("phone_ip of an unsupported operator", `{"phone_number":"447700900001","phone_ip":"10.20.0.1"}`, beNotSupported),
		Entry("phone_ip of another operator than the number's", `{"phone_number":"447700900002","phone_ip":"10.10.0.1"}`, beNumberMismatch),
		Entry("phone_ip of a fixed line", `{"phone_number":"447700900001","phone_ip":"192.0.2.7"}`, beNotMobile),
	)

	DescribeTable("v0.1 create: media types",
		func(contentType string, status int) {
			w := newWorld()
			h := headers("Authorization", w.bearer())
			if contentType != "" {
				h.Set("Content-Type", contentType)
			}
			rec := w.do(req{method: "POST", path: "/phone_check/v0.1/checks", body: `{"phone_number":"447700900001"}`, header: h})
			if status == 415 {
				Expect(rec).To(beWrongMedia)
			}
			Expect(rec.Code).To(Equal(status))
		},
		Entry("with a charset", "application/json; charset=utf-8", 201),
		Entry("upper case", "Application/JSON", 201),
		Entry("broken parameter", "application/json; charset", 201),
		Entry("none", "", 201),
		Entry("form", formType, 415),
		Entry("text", "text/plain", 415),
		Entry("nonsense", "////", 415),
	)

	DescribeTable("v0.1 redirect: refusals",
		func(number, from string, be OmegaMatcher, code string) {
			w := newWorld()
			bearer := w.bearer()
			id := w.create(bearer, number)
			Expect(w.open(id, from)).To(be)
			m := object(w.get(bearer, id))
			Expect(m).To(HaveKeyWithValue("status", "ERROR"))
			Expect(m).To(HaveKeyWithValue("error_code", code))
			Expect(m).NotTo(HaveKey("match"))
			Expect(w.open(id, onO2)).To(beCheckNotFound)
			Expect(w.operator.questions()).To(BeZero())

			w = newWorld(func(c *idlayrfake.Config) { c.RefusalKeepsAccepted = true })
			bearer = w.bearer()
			id = w.create(bearer, number)
			Expect(w.open(id, from)).To(be)
			m = object(w.get(bearer, id))
			Expect(m).To(HaveKeyWithValue("status", "ACCEPTED"))
			Expect(m).NotTo(HaveKey("error_code"))
		},
		Entry("v0.1 redirect: 412 from a fixed line", alice, onWiFi, beNotMobile, "not_mobile_ip"),
		Entry("v0.1 redirect: 412 from no address", alice, "pipe", beNotMobile, "not_mobile_ip"),
		Entry("v0.1 redirect: 409 from another operator", bob, onO2, beNumberMismatch, "ip_msisdn_mismatch"),
		Entry("v0.1 redirect: 400 from an unsupported operator", alice, "10.20.0.1:1", beNotSupported, "mno_not_supported"),
		Entry("v0.1 redirect: 501 from an operator without redirects", alice, "10.10.15.1:1", beNoRedirect, "mno_not_supported"),
	)

	Describe("the check URL", func() {
		It("believes the connection, not headers", func() {
			w := newWorld()
			id := w.create(w.bearer(), alice)
			rec := w.do(req{method: "GET", path: "/phone_check/v0.1/checks/" + id + "/redirect", from: onWiFi,
				header: headers("X-Forwarded-For", "10.10.0.5", "Forwarded", "for=10.10.0.5")})
			Expect(rec).To(beNotMobile)
		})

		It("takes an IPv4 address in IPv6 clothes", func() {
			w := newWorld()
			Expect(w.open(w.create(w.bearer(), alice), "[::ffff:10.10.0.5]:1").Code).To(Equal(302))
		})

		It("takes an alias for the operator", func() {
			w := newWorld(func(c *idlayrfake.Config) { c.Networks[0].Aliases = []string{"23430"} })
			Expect(w.open(w.create(w.bearer(), bob), onO2).Code).To(Equal(302))
		})

		It("keeps the query of an operator's URL", func() {
			w := newWorld(func(c *idlayrfake.Config) { c.Networks[0].RedirectURL += "?v=1" })
			Expect(w.open(w.create(w.bearer(), alice), onO2).Header().Get("Location")).To(HavePrefix("http://sna.23410.example/start?v=1&session="))
		})

		It("can be opened again while PENDING, from anywhere", func() {
			w := newWorld()
			id := w.create(w.bearer(), alice)
			first := w.open(id, onO2)
			for _, from := range []string{onO2, onWiFi, onEE} {
				again := w.open(id, from)
				Expect(again.Code).To(Equal(302))
				Expect(again.Header().Get("Location")).To(Equal(first.Header().Get("Location")))
			}
			Expect(w.transitions()).To(Equal([]idlayrfake.Status{"ACCEPTED", "PENDING"}))
		})

		It("is gone when the check is finished or expired", func() {
			w := newWorld()
			bearer := w.bearer()
			id := w.create(bearer, alice)
			w.open(id, onO2)
			w.get(bearer, id)
			Expect(w.open(id, onO2)).To(beCheckNotFound)
			id = w.create(bearer, alice)
			w.clock.advance(time.Minute)
			Expect(w.open(id, onO2)).To(beCheckNotFound)
		})

		It("survives a link preview's HEAD", func() {
			w := newWorld()
			id := w.create(w.bearer(), alice)
			rec := w.do(req{method: "HEAD", path: "/phone_check/v0.1/checks/" + id + "/redirect", from: onWiFi})
			Expect(rec.Code).To(Equal(405))
			Expect(rec.Header().Get("Allow")).To(Equal("GET"))
			Expect(w.open(id, onO2).Code).To(Equal(302))
		})

		It("must be opened from the phone_ip, if one was given", func() {
			w := newWorld()
			bearer := w.bearer()
			const body = `{"phone_number":"447700900001","phone_ip":"10.10.0.5"}`
			Expect(w.open(object(w.post(bearer, body))["check_id"].(string), onO2).Code).To(Equal(302))
			id := object(w.post(bearer, body))["check_id"].(string)
			Expect(w.open(id, "10.10.0.6:1")).To(beIPMismatch)
			Expect(object(w.get(bearer, id))).To(HaveKeyWithValue("error_code", "ip_mismatch"))
		})
	})

	DescribeTable("v0.1 get: what the operator answers",
		func(answer func(*http.Request) (*http.Response, error), status, code string, match any) {
			w := newWorld()
			w.operator.answer = answer
			bearer := w.bearer()
			id := w.create(bearer, alice)
			w.open(id, onO2)
			rec := w.get(bearer, id)
			Expect(rec.Code).To(Equal(200))
			m := object(rec)
			Expect(m["status"]).To(Equal(status))
			if code == "" {
				Expect(m).NotTo(HaveKey("error_code"))
			} else {
				Expect(m["error_code"]).To(Equal(code))
			}
			if match == nil {
				Expect(m).NotTo(HaveKey("match"))
			} else {
				Expect(m["match"]).To(Equal(match))
			}
		},
		Entry("the number", subscriber(alice), "COMPLETED", "", true),
		Entry("the number, plus", subscriber("+"+alice), "COMPLETED", "", true),
		Entry("the number, 00", subscriber("00"+alice), "COMPLETED", "", true),
		Entry("the number, national", subscriber("07700900001"), "COMPLETED", "", true),
		Entry("another number", subscriber(bob), "COMPLETED", "", false),
		Entry("no session yet", says(404, `{"error":"session_not_found"}`), "PENDING", "", nil),
		Entry("no subscriber", says(404, `{"error":"subscriber_not_found"}`), "ERROR", "mno_user_not_found", nil),
		Entry("no data", says(403, `{"error":"no_data_available"}`), "ERROR", "mno_no_data_available", nil),
		Entry("no data, no JSON", says(403, `<html>`), "ERROR", "mno_no_data_available", nil),
		Entry("unauthorized", says(401, `{"error":"unauthorized"}`), "ERROR", "mno_response_error", nil),
		Entry("another 404", says(404, `not here`), "ERROR", "mno_response_error", nil),
		Entry("garbage", says(200, `<html>`), "ERROR", "mno_response_error", nil),
		Entry("nothing", says(200, ``), "ERROR", "mno_response_error", nil),
		Entry("no number", says(200, `{}`), "ERROR", "mno_response_error", nil),
		Entry("a number that is none", subscriber("anonymous"), "ERROR", "mno_response_error", nil),
		Entry("another session's number", says(200, `{"session_id":"x","msisdn":"447700900001"}`), "ERROR", "mno_response_error", nil),
		Entry("too much", says(200, strings.Repeat(" ", 100<<10)+`{"msisdn":"447700900001"}`), "ERROR", "mno_response_error", nil),
		Entry("a fault", says(503, `{"msisdn":"447700900001"}`), "ERROR", "mno_server_error", nil),
		Entry("a refused connection", func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }, "ERROR", "mno_server_error", nil),
		Entry("a transport's timeout", func(*http.Request) (*http.Response, error) { return nil, timeout{} }, "ERROR", "mno_timeout", nil),
		Entry("a body that breaks off", func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"msi`), broken{})), Request: r}, nil
		}, "ERROR", "mno_response_error", nil),
	)

	It("reads ACCEPTED without asking the operator", func() {
		w := newWorld()
		bearer := w.bearer()
		Expect(object(w.get(bearer, w.create(bearer, alice)))).To(HaveKeyWithValue("status", "ACCEPTED"))
		Expect(w.operator.questions()).To(BeZero())
	})

	It("asks again while the device is on its way", func() {
		w := newWorld()
		bearer := w.bearer()
		id := w.create(bearer, alice)
		w.open(id, onO2)
		w.operator.answer = says(404, `{"error":"session_not_found"}`)
		Expect(object(w.get(bearer, id))).To(HaveKeyWithValue("status", "PENDING"))
		w.operator.answer = subscriber(alice)
		Expect(object(w.get(bearer, id))).To(HaveKeyWithValue("status", "COMPLETED"))
	})

	It("does not ask after the time to live", func() {
		w := newWorld()
		bearer := w.bearer()
		id := w.create(bearer, alice)
		w.open(id, onO2)
		w.clock.advance(time.Minute)
		Expect(object(w.get(bearer, id))).To(HaveKeyWithValue("status", "EXPIRED"))
		Expect(w.operator.questions()).To(BeZero())
	})

	DescribeTable("shows a check to its project alone",
		func(bearer func(*world) string, host string, status int) {
			w := newWorld()
			id := w.create(w.bearer(), alice)
			rec := w.do(req{method: "GET", path: "/phone_check/v0.1/checks/" + id, host: host, header: headers("Authorization", "Bearer "+bearer(w), "Content-Type", "application/json")})
			Expect(rec.Code).To(Equal(status))
			if status == 404 {
				Expect(rec).To(beCheckNotFound)
			}
		},
		Entry("its own", func(w *world) string { return w.token("one", "s3cret", "", "") }, "", 200),
		Entry("its own, at a host without region", func(w *world) string { return w.token("one", "s3cret", "", "") }, "127.0.0.1:80", 200),
		Entry("another project", func(w *world) string { return w.token("two+2", "a+b%c:d e", "", "") }, "", 404),
		Entry("another region", func(w *world) string { return w.token("three", "usa", "", "us.api.idlayr.com") }, "us.api.idlayr.com", 404),
	)

	It("hides the check URL from other regions", func() {
		w := newWorld()
		id := w.create(w.bearer(), alice)
		path := "/phone_check/v0.1/checks/" + id + "/redirect"
		Expect(w.do(req{method: "GET", path: path, host: "us.api.idlayr.com", from: onO2})).To(beCheckNotFound)
		Expect(w.do(req{method: "GET", path: path, host: "EU.api.tru.id", from: onO2}).Code).To(Equal(302))
	})

	Describe("links", func() {
		href := func(w *world, host string, secure bool) string {
			r := httptest.NewRequest("POST", "/phone_check/v0.1/checks", strings.NewReader(`{"phone_number":"447700900001"}`))
			r.Host = host
			r.Header.Set("Authorization", w.bearer())
			if secure {
				r.TLS = &tls.ConnectionState{}
			}
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			return object(rec)["_links"].(map[string]any)["self"].(map[string]any)["href"].(string)
		}
		It("follow the request", func() {
			Expect(href(newWorld(), "127.0.0.1:8080", false)).To(HavePrefix("http://127.0.0.1:8080/phone_check/v0.1/checks/"))
			Expect(href(newWorld(), "eu.api.tru.id", true)).To(HavePrefix("https://eu.api.tru.id/phone_check/v0.1/checks/"))
		})
		It("or the public URL", func() {
			w := newWorld(func(c *idlayrfake.Config) { c.PublicURL = "https://idlayr.test/" })
			Expect(href(w, "127.0.0.1:8080", false)).To(HavePrefix("https://idlayr.test/phone_check/v0.1/checks/"))
		})
	})

	It("adds optional members under the full profile", func() {
		w := newWorld(func(c *idlayrfake.Config) { c.FullProfile = true })
		bearer := w.bearer()
		rec := w.post(bearer, `{"phone_number":"447700900001","reference_id":"r1"}`)
		m := object(rec)
		Expect(m).To(HaveKeyWithValue("reference_id", "r1"))
		Expect(m).NotTo(HaveKey("updated_at"))
		id := m["check_id"].(string)
		w.clock.advance(2 * time.Second)
		w.open(id, onO2)
		w.operator.answer = says(404, `{"error":"session_not_found"}`)
		m = object(w.get(bearer, id))
		Expect(m).To(HaveKeyWithValue("updated_at", "2020-06-01T16:43:32+00:00"))
		Expect(m).NotTo(HaveKey("network_id"))
		w.operator.answer = subscriber(alice)
		m = object(w.get(bearer, id))
		Expect(m).To(HaveKeyWithValue("network_id", "23410"))
		Expect(m).To(HaveKeyWithValue("reference_id", "r1"))
	})

	It("reserves a credit and takes it for results only", func() {
		w := newWorld()
		bearer := w.bearer()
		balance := func() float64 {
			return object(w.post(bearer, `{"phone_number":"447700900001"}`))["snapshot_balance"].(float64)
		}
		w.open(w.create(bearer, alice), onWiFi) // reserved, given back
		Expect(balance()).To(Equal(100.0))
		Expect(balance()).To(Equal(99.0), "both are reserved")
		w.clock.advance(time.Minute) // given back
		id := w.create(bearer, alice)
		w.open(id, onO2)
		w.get(bearer, id) // taken
		Expect(balance()).To(Equal(99.0))
		c, _ := w.Check(id)
		Expect(c.Charged).To(BeTrue())
	})
})

var _ = Describe("the surface", func() {
	DescribeTable("routes",
		func(method, path string, be OmegaMatcher, allow string) {
			rec := newWorld().do(req{method: method, path: path})
			Expect(rec).To(be)
			Expect(rec.Header().Get("Allow")).To(Equal(allow))
		},
		Entry("nothing there", "GET", "/", beRouteNotFound, ""),
		Entry("wrong plural", "GET", "/phone_checks/v0.1/checks/x", beRouteNotFound, ""),
		Entry("other version", "GET", "/phone_check/v0.9/checks/x", beRouteNotFound, ""),
		Entry("trailing slash", "POST", "/phone_check/v0.1/checks/", beRouteNotFound, ""),
		Entry("slash in the id", "GET", "/phone_check/v0.1/checks/a/b", beRouteNotFound, ""),
		Entry("no PATCH in v0.1", "PATCH", "/phone_check/v0.1/checks/x", beWrongMethod, "GET"),
		Entry("POST a check URL", "POST", "/phone_check/v0.1/checks/x/redirect", beWrongMethod, "GET"),
		Entry("GET a token", "GET", "/oauth2/v1/token", beWrongMethod, "POST"),
		Entry("a method of one's own", "BREW", "/phone_check/v0.1/checks", beWrongMethod, "GET, POST"),
		Entry("unknown check URL", "GET", "/phone_check/v0.1/checks/c69bc0e6-a429-11ea-bb37-0242ac130002/redirect", beCheckNotFound, ""),
		Entry("hostile id", "GET", "/phone_check/v0.1/checks/\x00'\"<é>/redirect", beCheckNotFound, ""),
	)

	It("takes doubled slashes", func() {
		w := newWorld()
		bearer := w.bearer()
		rec := w.do(req{method: "POST", path: "//phone_check//v0.1///checks", body: `{"phone_number":"447700900001"}`, header: headers("Authorization", bearer)})
		Expect(rec.Code).To(Equal(201))
		id := object(rec)["check_id"].(string)
		Expect(w.get(bearer, "/"+id).Code).To(Equal(200))
	})

	It("answers preflights", func() {
		rec := newWorld().do(req{method: "OPTIONS", path: "/coverage/v0.1/device_ip"})
		Expect(rec.Code).To(Equal(204))
		Expect(rec.Header().Get("Access-Control-Allow-Origin")).To(Equal("*"))
		Expect(rec.Header().Get("Access-Control-Allow-Methods")).To(Equal("GET, POST, PATCH, OPTIONS"))
		Expect(rec.Header().Get("Access-Control-Allow-Headers")).To(Equal("Authorization, Content-Type, Access-Control-Allow-Origin"))
	})

	It("moves problem types to another host", func() {
		w := newWorld(func(c *idlayrfake.Config) { c.ProblemBase = "https://developer.tru.id/docs/reference/api-errors" })
		Expect(object(w.open("x", onO2))).To(HaveKeyWithValue("type", "https://developer.tru.id/docs/reference/api-errors#check_not_found"))
	})

	It("tells the longest prefix", func() {
		w := newWorld(func(c *idlayrfake.Config) {
			c.Networks[3].Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		})
		id := w.create(w.bearer(), alice)
		Expect(w.open(id, onO2).Code).To(Equal(302))
	})

	It("repeats itself from one seed", func() {
		flow := func() string {
			w := newWorld()
			bearer := w.bearer()
			id := w.create(bearer, alice)
			return bearer + id + w.open(id, onO2).Header().Get("Location")
		}
		Expect(flow()).To(Equal(flow()))
	})

	It("outlives its source of randomness", func() {
		w := newWorld(func(c *idlayrfake.Config) { c.Rand = strings.NewReader("short") })
		bearer := w.bearer()
		Expect(w.create(bearer, alice)).NotTo(Equal(w.create(bearer, alice)))
	})
})

type timeout struct{}

func (timeout) Error() string { return "timeout" }
func (timeout) Timeout() bool { return true }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
