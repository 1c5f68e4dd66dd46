package idlayrfake_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

var _ = Describe("sandbox mode", func() {
	// sandbox is a world whose first project is in sandbox mode.
	sandbox := func(mode string) (*world, string) {
		w := newWorld(func(c *idlayrfake.Config) {
			c.Projects[0].Mode = mode
			c.Projects[0].Scopes = []string{"phone_check", "subscriber_check", "sim_check"}
		})
		DeferCleanup(w.Close)
		return w, "Bearer " + w.token("one", "s3cret", "", "")
	}
	create := func(w *world, token, api, body string) map[string]any {
		rec := w.do(req{method: "POST", path: "/" + api + "/checks", body: body, header: headers("Authorization", token, "Content-Type", "application/json")})
		Expect(rec.Code).To(Equal(201), rec.Body.String())
		return object(rec)
	}
	// follow opens a URL from WiFi, and all that it leads to.
	follow := func(w *world, target string) *httptest.ResponseRecorder {
		for range 8 {
			u, err := url.Parse(target)
			Expect(err).NotTo(HaveOccurred())
			Expect(u.Host).To(Equal("eu.api.idlayr.com"), "no operator's")
			rec := w.call("", u.RequestURI())
			if rec.Code != 302 {
				return rec
			}
			target = rec.Header().Get("Location")
		}
		Fail("too many redirects")
		return nil
	}
	// settle has a check's result fetched; end is the end of its chain.
	settle := func(w *world, token, path string, end *httptest.ResponseRecorder) map[string]any {
		if strings.Contains(path, "/v0.1/") {
			return object(w.do(req{method: "GET", path: path, header: headers("Authorization", token)}))
		}
		return object(w.do(req{method: "PATCH", path: path, header: headers("Authorization", token, "Content-Type", "application/json-patch+json"),
			body: `[{"op":"add","path":"/code","value":"` + object(end)["code"].(string) + `"}]`}))
	}
	// result goes through a whole check.
	result := func(w *world, token, api, number string) map[string]any {
		created := create(w, token, api, `{"phone_number":"`+number+`"}`)
		if strings.HasPrefix(api, "sim_check") {
			return created
		}
		links := created["_links"].(map[string]any)
		end := follow(w, links["check_url"].(map[string]any)["href"].(string))
		Expect(end.Code).To(Equal(200), end.Body.String())
		path := "/" + api + "/checks/" + created["check_id"].(string)
		return settle(w, token, path, end)
	}

	type outcome struct {
		status      string
		match, same any
		code        any
	}
	for _, api := range []string{"phone_check/v0.1", "phone_check/v0.2", "subscriber_check/v0.1", "subscriber_check/v0.2", "sim_check/v0.1"} {
		DescribeTable(api+" goes by the end of the number (C30)",
			func(number string, want outcome) {
				if strings.HasPrefix(api, "phone") {
					want.same = nil
				}
				if strings.HasPrefix(api, "sim") {
					want.match = nil
				}
				if want.code != nil && strings.HasSuffix(api, "v0.2") {
					want.code = nil // a PATCH does not tell
				}
				w, token := sandbox("sandbox")
				m := result(w, token, api, number)
				Expect(outcome{m["status"].(string), m["match"], m["no_sim_change"], m["error_code"]}).To(Equal(want))
				Expect(m).To(SatisfyAll(HaveKeyWithValue("charge_amount", 1.0), HaveKeyWithValue("charge_currency", "API")), "U20")
				Expect(w.operator.questions()).To(BeZero(), "no operator is asked")
				c, _ := w.Check(m["check_id"].(string))
				Expect(c.Sandbox).To(BeTrue())
				Expect(c.Charged).To(BeFalse())
				balance := create(w, token, api, `{"phone_number":"447700900002"}`)["snapshot_balance"]
				Expect(balance).To(Equal(101.0), "nothing is taken")
			},
			Entry("even", "447700900002", outcome{"COMPLETED", true, true, nil}),
			Entry("zero", "447700900000", outcome{"COMPLETED", true, true, nil}),
			Entry("odd", "447700900001", outcome{"COMPLETED", false, false, nil}),
			Entry("nine", "447700900009", outcome{"COMPLETED", false, false, nil}),
			Entry("99 comes before odd", "447700900099", outcome{"ERROR", nil, nil, "mno_server_error"}),
			Entry("98", "447700900098", outcome{"COMPLETED", true, true, nil}),
			Entry("990", "447700900990", outcome{"COMPLETED", true, true, nil}),
		)

		// This is what the platform is for: live, only the network decides.
		DescribeTable(api+" in live mode never goes by digits",
			func(mode string) {
				for _, end := range []string{"010", "011", "012", "013", "014", "015", "016", "017", "018", "019", "099", "990"} {
					number := "447700900" + end
					if strings.HasPrefix(api, "sim") {
						w, token := sandbox(mode)
						w.operator.answer = says(403, "")
						Expect(result(w, token, api, number)).To(HaveKeyWithValue("status", "ERROR"), number)
						continue
					}
					for _, subscriberIs := range []string{number, "447700900500"} {
						w, token := sandbox(mode)
						w.operator.answer = subscriber(subscriberIs)
						open := func(from string) (path string, rec *httptest.ResponseRecorder) {
							path = "/" + api + "/checks/" + create(w, token, api, `{"phone_number":"`+number+`"}`)["check_id"].(string)
							return path, w.do(req{method: "GET", path: path + "/redirect", from: from, header: headers("x-tru-mode", "sandbox")})
						}
						_, refused := open(onWiFi)
						Expect(refused.Code).To(Equal(412), "the operator of the number is not known")
						path, hop := open(onO2)
						u, _ := url.Parse(hop.Header().Get("Location"))
						Expect(u.Host).To(Equal("sna.23410.example"))
						Expect(w.call("", path+"/sandbox?session="+u.Query().Get("session"))).To(beCheckNotFound)
						var end *httptest.ResponseRecorder
						if back := u.Query().Get("return_url"); back != "" {
							end = follow(w, back)
						}
						Expect(settle(w, token, path, end)).
							To(HaveKeyWithValue("match", number == subscriberIs), number)
						Expect(w.operator.questions()).To(Equal(1))
					}
				}
			},
			Entry("live", "live"),
			Entry("by default", ""),
			Entry("an unknown mode is not sandbox", "sandboxed"),
		)
	}

	It("ends the v0.1 chain like an operator does", func() {
		w, token := sandbox("Sandbox")
		id := w.create(token, alice)
		hop := w.open(id, onWiFi)
		Expect(hop.Code).To(Equal(302))
		Expect(hop.Header().Get("Location")).To(HavePrefix("http://eu.api.idlayr.com/phone_check/v0.1/checks/" + id + "/sandbox?session="))
		u, _ := url.Parse(hop.Header().Get("Location"))
		end := w.call("", u.RequestURI())
		Expect(end.Body.String()).To(Equal(`{"status":"ok"}`))
		Expect(end.Header().Get("Content-Type")).To(Equal("application/json"))
		Expect(w.call("", strings.Replace(u.RequestURI(), "session=", "session=x", 1))).To(beCheckNotFound)
		Expect(w.call("", u.Path)).To(beCheckNotFound)
	})

	It("answers a browser's img element with an image", func() {
		w, token := sandbox("sandbox")
		u, _ := url.Parse(w.open(w.create(token, alice), onWiFi).Header().Get("Location"))
		r := httptest.NewRequest("GET", u.RequestURI(), nil)
		r.Header.Set("Accept", "image/avif,image/*,*/*;q=0.8")
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		Expect(rec.Header().Get("Content-Type")).To(Equal("image/gif"))
		Expect(rec.Body.String()).To(HavePrefix("GIF89a\x01\x00\x01\x00"))
	})

	It("needs no mobile address in phone_ip", func() {
		w, token := sandbox("sandbox")
		create(w, token, "phone_check/v0.1", `{"phone_number":"447700900001","phone_ip":"192.0.2.7"}`)
	})

	It("expires as ever", func() {
		w, token := sandbox("sandbox")
		id := w.create(token, "447700900002")
		w.clock.advance(time.Minute)
		Expect(object(w.get(token, id))).To(HaveKeyWithValue("status", "EXPIRED"))
		Expect(w.open(id, onO2)).To(beCheckNotFound)
		Expect(object(w.post(token, `{"phone_number":"447700900001"}`))).To(HaveKeyWithValue("snapshot_balance", 101.0))
	})

	It("has outcomes only once the check URL was opened", func() {
		w, token := sandbox("sandbox")
		Expect(object(w.get(token, w.create(token, "447700900002")))).To(HaveKeyWithValue("status", "ACCEPTED"))
	})

	It("traces no operator and no balance", func() {
		w, token := sandbox("sandbox")
		m := result(w, token, "phone_check/v0.1", "447700900002")
		lines := story(w.call(token, listPath+"/"+m["check_id"].(string)+"/traces"))
		Expect(lines).To(HaveLen(3))
		Expect(strings.Join(lines, "; ")).NotTo(SatisfyAny(ContainSubstring("balance"), ContainSubstring("supplier")))
	})

	It("lets an emulator of a live project past the address check, to its number's operator", func() {
		w := newWorld()
		DeferCleanup(w.Close)
		bearer := w.bearer()
		id := w.create(bearer, bob) // of 23430
		hop := w.do(req{method: "GET", path: listPath + "/" + id + "/redirect", from: onWiFi, header: headers("x-tru-mode", "sandbox ")})
		Expect(hop.Header().Get("Location")).To(HavePrefix("http://sna.23430.example/start?session="))
		w.operator.answer = says(404, `{"error":"subscriber_not_found"}`) // nobody stamped the hop
		Expect(object(w.get(bearer, id))).To(HaveKeyWithValue("error_code", "mno_user_not_found"))

		id = w.create(bearer, bob)
		Expect(w.do(req{method: "GET", path: listPath + "/" + id + "/redirect", from: onO2, header: headers("x-tru-mode", "sandbox")})).
			To(beNumberMismatch, "only the want of a mobile address is forgiven")
	})
})
