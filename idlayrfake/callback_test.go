package idlayrfake_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

// hook is a server that is called back.
type hook struct {
	clock  *tick
	answer func(*http.Request) (*http.Response, error)

	mu    sync.Mutex
	calls []hooked
}

type hooked struct {
	r    *http.Request
	body []byte
	at   time.Duration // since the start
}

func (h *hook) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	h.calls = append(h.calls, hooked{r, body, h.clock.Now().Sub(start)})
	h.mu.Unlock()
	return h.answer(r)
}

// times says when it was called.
func (h *hook) times() (at []time.Duration) {
	for _, c := range h.calls {
		at = append(at, c.at)
	}
	return at
}

func (h hooked) member(name string) any {
	var m map[string]any
	_ = json.Unmarshal(h.body, &m)
	return m[name]
}

// signedBy checks a call as receivers do.
func (c hooked) signedBy(jwks []byte, now time.Time) error {
	return verify(c.r.Header.Get("Authorization"), jwks, now, func(name string) []string {
		switch name {
		case "(request-target)":
			return []string{strings.ToLower(c.r.Method) + " " + c.r.URL.RequestURI()}
		case "host":
			return []string{c.r.Host}
		}
		for k, v := range c.r.Header {
			if strings.EqualFold(k, name) {
				return v
			}
		}
		return nil
	})
}

var _ = Describe("callbacks", func() {
	const target = "https://app.example:8443/hook?x=1&y=a+b"
	const s, ms = time.Second, time.Millisecond

	hookWorld := func(change ...func(*idlayrfake.Config)) (*world, *hook, string) {
		h := &hook{answer: says(200, "OK")}
		w := newWorld(append([]func(*idlayrfake.Config){func(c *idlayrfake.Config) { c.Callbacks.Client = &http.Client{Transport: h} }}, change...)...)
		DeferCleanup(w.Close)
		h.clock = w.clock
		return w, h, w.bearer()
	}
	create := func(w *world, bearer string) string {
		id, _ := object(w.post(bearer, `{"phone_number":"`+alice+`","reference_id":"r1","callback_url":"`+target+`"}`))["check_id"].(string)
		return id
	}

	It("tell the end of a check whose result is asked for", func() {
		w, h, bearer := hookWorld()
		id := create(w, bearer)
		w.open(id, onO2)
		w.clock.advance(500 * ms)
		w.get(bearer, id)
		Expect(h.calls).To(BeEmpty(), "not while the request is answered")
		w.clock.advance(2 * time.Minute)
		Expect(h.times()).To(Equal([]time.Duration{600 * ms}), "once")
		c := h.calls[0]
		Expect(c.r.Method).To(Equal("POST"))
		Expect(c.r.URL.String()).To(Equal(target))
		Expect(string(c.body)).To(Equal(`{"check_id":"` + id + `","reference_id":"r1","status":"COMPLETED","match":true,"network_id":"23410",` +
			`"charge_amount":1,"charge_currency":"API","created_at":"2020-06-01T16:43:30+00:00","updated_at":"2020-06-01T16:43:30+00:00"}`))
		Expect(c.r.Header).To(HaveKeyWithValue("Content-Type", []string{"application/json"}))
		Expect(c.r.Header).To(HaveKeyWithValue("x-tru-callback", []string{"phone_check"}))
		Expect(c.r.Header).To(HaveKeyWithValue("Date", []string{"Mon, 01 Jun 2020 16:43:30 GMT"}))
		sum := sha256.Sum256(c.body)
		Expect(c.r.Header.Get("Digest")).To(Equal("SHA-256="+hex.EncodeToString(sum[:])), "C16")
		Expect(c.r.Header.Get("Authorization")).To(MatchRegexp(
			`^Signature keyId="[\w-]+",algorithm="rsa-sha256",headers="\(request-target\) host date x-tru-callback digest",signature="[^"]+"$`))
		Expect(c.signedBy(w.call("", "/.well-known/jwks.json").Body.Bytes(), start.Add(c.at))).To(Succeed())
		Expect(w.texts()).To(ContainElement("callback of COMPLETED: 200"))
		Expect(w.clock.pending()).To(BeZero())
	})

	DescribeTable("tell every end",
		func(end func(w *world, bearer, id string), status string, code any, at time.Duration) {
			w, h, bearer := hookWorld()
			id := create(w, bearer)
			end(w, bearer, id)
			w.clock.advance(2 * time.Minute)
			Expect(h.calls).To(HaveLen(1))
			c := h.calls[0]
			Expect([]any{c.member("check_id"), c.member("status"), c.member("error_code")}).To(Equal([]any{id, status, code}))
			for _, absent := range []string{"_links", "ttl", "snapshot_balance", "match", "network_id"} {
				Expect(c.member(absent)).To(BeNil(), absent)
			}
			Expect(h.times()[0]).To(Equal(at))
		},
		Entry("nobody opens it", func(*world, string, string) {}, "EXPIRED", nil, 60*s+100*ms),
		Entry("turned away", func(w *world, _, id string) { w.open(id, onWiFi) }, "ERROR", "not_mobile_ip", 100*ms),
		Entry("the operator knows nobody", func(w *world, bearer, id string) {
			w.operator.answer = says(404, `{"error":"subscriber_not_found"}`)
			w.open(id, onO2)
			w.get(bearer, id)
		}, "ERROR", "mno_user_not_found", 100*ms),
	)

	It("tell of an expiry without an observer", func() {
		w, h, bearer := hookWorld(func(c *idlayrfake.Config) { c.Observe = nil })
		create(w, bearer)
		w.clock.advance(2 * time.Minute)
		Expect(h.times()).To(Equal([]time.Duration{60*s + 100*ms}))
	})

	It("fetch the result when nobody asks for it (C11, U10)", func() {
		w, h, bearer := hookWorld()
		// The device reaches the operator between the second and the third look.
		w.operator.answer = func(r *http.Request) (*http.Response, error) {
			if w.clock.Now().Before(start.Add(5 * s)) {
				return says(404, `{"error":"session_not_found"}`)(r)
			}
			return subscriber(bob)(r)
		}
		w.open(create(w, bearer), onO2)
		Expect(w.operator.questions()).To(BeZero())
		w.clock.advance(2 * time.Minute)
		Expect(w.operator.questions()).To(Equal(3), "at 1, 3 and 7 s")
		Expect(h.times()).To(Equal([]time.Duration{7*s + 100*ms}))
		Expect(h.calls[0].member("match")).To(BeFalse())
	})

	It("look no longer than the check lives", func() {
		w, h, bearer := hookWorld()
		w.operator.answer = says(404, `{"error":"session_not_found"}`)
		w.open(create(w, bearer), onO2)
		w.clock.advance(time.Hour)
		Expect(w.operator.questions()).To(Equal(5), "at 1, 3, 7, 15 and 31 s")
		Expect(h.calls).To(HaveLen(1))
		Expect(h.calls[0].member("status")).To(Equal("EXPIRED"))
		Expect(w.clock.pending()).To(BeZero())
	})

	It("leave checks without a callback alone", func() {
		w, h, bearer := hookWorld()
		w.open(w.create(bearer, alice), onO2)
		w.clock.advance(time.Hour)
		Expect(w.operator.questions()).To(BeZero())
		Expect(h.calls).To(BeEmpty())
	})

	It("go to the project's URL, unless the check has its own", func() {
		w, h, bearer := hookWorld(func(c *idlayrfake.Config) {
			c.Projects[0].PhoneCheck.CallbackURL = "http://project.example/"
			c.Projects[0].SubscriberCheck.CallbackURL = "http://wrong.example/"
		})
		w.open(w.create(bearer, alice), onWiFi)
		w.open(create(w, bearer), onWiFi)
		w.clock.advance(s)
		Expect(h.calls).To(HaveLen(2))
		Expect(h.calls[0].r.URL.Host).To(Equal("project.example"))
		Expect(h.calls[1].r.URL.Host).To(Equal("app.example:8443"))
	})

	DescribeTable("of every product that has them",
		func(api, change string, sim map[string]any) {
			w, h, _ := hookWorld(func(c *idlayrfake.Config) {
				c.Projects[0].Scopes = []string{"phone_check", "subscriber_check"}
				c.Projects[0].PhoneCheck.CallbackURL = "http://phone.example/"
				c.Projects[0].SubscriberCheck.CallbackURL = "http://subscriber.example/"
			})
			w.operator.answer = says(200, `{"msisdn":"`+alice+`"`+change+`}`)
			bearer := "Bearer " + w.token("one", "s3cret", "", "")
			name, version, _ := strings.Cut(api, "/")
			created := object(w.do(req{method: "POST", path: "/" + api + "/checks", body: `{"phone_number":"` + alice + `"}`,
				header: headers("Authorization", bearer, "Content-Type", "application/json")}))
			path := "/" + api + "/checks/" + created["check_id"].(string)
			hop, _ := url.Parse(w.do(req{method: "GET", path: path + "/redirect", from: onO2}).Header().Get("Location"))
			w.clock.advance(20 * s)
			if version == "v0.2" {
				Expect(w.operator.questions()).To(BeZero(), "without the code nobody has the result")
				back, _ := url.Parse(hop.Query().Get("return_url"))
				code := object(w.call("", back.RequestURI()))["code"].(string)
				Expect(h.calls).To(BeEmpty())
				w.do(req{method: "PATCH", path: path, header: headers("Authorization", bearer, "Content-Type", "application/json-patch+json"),
					body: `[{"op":"add","path":"/code","value":"` + code + `"}]`})
				w.clock.advance(s)
			}
			Expect(h.calls).To(HaveLen(1))
			c := h.calls[0]
			Expect(c.r.URL.Host).To(HavePrefix(strings.TrimSuffix(name, "_check") + "."))
			Expect(c.r.Header).To(HaveKeyWithValue("x-tru-callback", []string{name}))
			Expect(c.signedBy(w.call("", "/.well-known/jwks.json").Body.Bytes(), start.Add(c.at))).To(Succeed())
			got := map[string]any{}
			for _, member := range []string{"no_sim_change", "no_sim_change_period", "sim_change_within"} {
				if v := c.member(member); v != nil {
					got[member] = v
				}
			}
			Expect(got).To(Equal(sim))
			Expect(c.member("match")).To(BeTrue())
		},
		Entry(nil, "phone_check/v0.1", `,"sim_changed_at":"2020-06-01T16:00:00Z"`, map[string]any{}),
		Entry(nil, "phone_check/v0.2", "", map[string]any{}),
		Entry(nil, "subscriber_check/v0.1", `,"sim_changed_at":"2020-06-01T16:00:00Z"`,
			map[string]any{"no_sim_change": false, "no_sim_change_period": 10080.0, "sim_change_within": 60.0}),
		Entry(nil, "subscriber_check/v0.2", `,"sim_changed_at":"2010-06-01T16:00:00Z"`,
			map[string]any{"no_sim_change": true, "no_sim_change_period": 10080.0, "sim_change_within": 525601.0}),
		Entry(nil, "subscriber_check/v0.1", "", map[string]any{"no_sim_change": true, "no_sim_change_period": 10080.0}),
	)

	It("write the digest in Base64 when told (C16)", func() {
		w, h, bearer := hookWorld(func(c *idlayrfake.Config) { c.Callbacks.Base64Digest = true })
		w.open(create(w, bearer), onWiFi)
		w.clock.advance(s)
		sum := sha256.Sum256(h.calls[0].body)
		Expect(h.calls[0].r.Header.Get("Digest")).To(Equal("SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])))
	})

	DescribeTable("come again, dated and signed anew (U11, U12, U21)",
		func(answer func(*http.Request) (*http.Response, error), text string) {
			w, h, bearer := hookWorld()
			h.answer = answer
			w.open(create(w, bearer), onWiFi)
			w.clock.advance(time.Hour)
			Expect(h.times()).To(Equal([]time.Duration{100 * ms, 10*s + 100*ms, 30*s + 100*ms, 60*s + 100*ms, 100*s + 100*ms, 150*s + 100*ms, 210*s + 100*ms}))
			Expect(w.texts()).To(ContainElements("callback of ERROR: "+text+", again in 10s", "callback of ERROR: "+text+", given up"))
			jwks := w.call("", "/.well-known/jwks.json").Body.Bytes()
			signatures := map[string]bool{}
			for _, c := range h.calls {
				Expect(c.r.Header.Get("Date")).To(Equal(start.Add(c.at).Format(http.TimeFormat)))
				Expect(c.signedBy(jwks, start.Add(c.at))).To(Succeed())
				signatures[c.r.Header.Get("Authorization")] = true
				Expect(c.body).To(Equal(h.calls[0].body))
			}
			Expect(signatures).To(HaveLen(7))
			Expect(w.clock.pending()).To(BeZero())
		},
		Entry("server error", says(503, ""), "503"),
		Entry("accepted is not enough", says(202, ""), "202"),
		Entry("nor is no content", says(204, ""), "204"),
		Entry("no answer", func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }, "no answer"),
		Entry("moved: not followed", func(r *http.Request) (*http.Response, error) {
			resp, err := says(308, "")(r)
			resp.Header.Set("Location", "http://elsewhere.example/")
			return resp, err
		}, "308"),
	)

	It("end with the first 200", func() {
		w, h, bearer := hookWorld(func(c *idlayrfake.Config) { c.Callbacks.Delays = []time.Duration{s, s, s} })
		h.answer = func(r *http.Request) (*http.Response, error) {
			return says(map[bool]int{true: 500, false: 200}[len(h.calls) < 2], "")(r)
		}
		w.open(create(w, bearer), onWiFi)
		w.clock.advance(time.Hour)
		Expect(h.times()).To(Equal([]time.Duration{100 * ms, s + 100*ms}))
	})

	It("come once when told so", func() {
		w, h, bearer := hookWorld(func(c *idlayrfake.Config) { c.Callbacks.Delays = []time.Duration{} })
		h.answer = says(500, "")
		w.open(create(w, bearer), onWiFi)
		w.clock.advance(time.Hour)
		Expect(h.calls).To(HaveLen(1))
	})

	// stall makes the receiver wait for the end of the request.
	stall := func(h *hook) (arrived chan struct{}) {
		arrived = make(chan struct{}, 9)
		h.answer = func(r *http.Request) (*http.Response, error) {
			arrived <- struct{}{}
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		return arrived
	}

	It("wait ten seconds of the clock for an answer, and hold up nobody", func() {
		w, h, bearer := hookWorld()
		arrived := stall(h)
		w.open(create(w, bearer), onWiFi)
		advanced := make(chan struct{})
		go func() { w.clock.advance(100 * ms); close(advanced) }()
		<-arrived
		Expect(w.open(w.create(bearer, alice), onO2).Code).To(Equal(302))
		w.clock.advance(10*s - 1)
		Expect(advanced).NotTo(BeClosed())
		w.clock.advance(1)
		<-advanced
		Expect(w.texts()).To(ContainElement("callback of ERROR: timeout, again in 10s"))
	})

	It("are given up on Close", func() {
		w, h, bearer := hookWorld()
		arrived := stall(h)
		w.open(create(w, bearer), onWiFi)
		w.open(create(w, bearer), onO2) // to be fetched
		advanced := make(chan struct{})
		go func() { w.clock.advance(100 * ms); close(advanced) }()
		<-arrived
		w.Close()
		<-advanced
		Expect(w.clock.pending()).To(BeZero())
		create(w, bearer)
		w.clock.advance(time.Hour)
		Expect(h.calls).To(HaveLen(1))
		Expect(w.operator.questions()).To(BeZero())
	})

	It("of forgotten checks are forgotten on Reset", func() {
		w, h, bearer := hookWorld()
		h.answer = says(500, "")
		w.open(create(w, bearer), onWiFi)
		w.clock.advance(s)
		create(w, bearer)
		w.open(create(w, bearer), onO2)
		w.Reset()
		Expect(w.clock.pending()).To(BeZero())
		w.clock.advance(10 * time.Minute)
		Expect(h.calls).To(HaveLen(1))
		create(w, bearer)
		w.clock.advance(2 * time.Minute)
		Expect(h.calls).To(HaveLen(4), "the new agenda works: one expiry, tried at 0, 10 and 30 s")
	})

	It("can be had from many goroutines", func() {
		w, h, bearer := hookWorld(func(c *idlayrfake.Config) { c.MaxChecks = 5 })
		h.answer = says(500, "")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 20 {
					id := create(w, bearer)
					w.open(id, onO2)
					w.clock.advance(s)
					w.call(bearer, listPath+"?search=status==COMPLETED&sort=match,asc")
					w.call(bearer, listPath+"/"+id+"/traces")
				}
				if i%4 == 0 {
					w.Reset()
				}
			})
		}
		wg.Wait()
		w.Close()
		Expect(h.calls).NotTo(BeEmpty())
		Expect(w.clock.pending()).To(BeZero())
	})

	It("survive the check", func() {
		w, h, bearer := hookWorld(func(c *idlayrfake.Config) { c.MaxChecks = 1 })
		w.open(create(w, bearer), onWiFi)
		w.open(create(w, bearer), onWiFi)
		w.clock.advance(s)
		Expect(h.calls).To(HaveLen(2))
	})

	It("are HTTP on the wire", func() {
		var got []hooked
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = append(got, hooked{r: r, body: bytes.Clone(body)})
		}))
		defer server.Close()
		w := newWorld(func(c *idlayrfake.Config) {
			c.Callbacks.Client = server.Client()
			c.Projects[0].PhoneCheck.CallbackURL = server.URL + "/a%20b/?q=%2B"
		})
		defer w.Close()
		w.open(w.create(w.bearer(), alice), onWiFi)
		w.clock.advance(s)
		Expect(got).To(HaveLen(1))
		Expect(got[0].r.Header).To(HaveKeyWithValue("X-Tru-Callback", []string{"phone_check"}))
		Expect(got[0].signedBy(w.call("", "/.well-known/jwks.json").Body.Bytes(), start)).To(Succeed())
		Expect(got[0].member("status")).To(Equal("ERROR"))
	})
})

var _ = It("serves its keys to anybody", func() {
	rec := newWorld().call("", "/.well-known/jwks.json")
	Expect(rec.Code).To(Equal(200))
	Expect(rec.Header().Get("Content-Type")).To(Equal("application/json"))
	keys := object(rec)["keys"].([]any)
	Expect(keys).To(HaveLen(1))
	Expect(keys[0]).To(SatisfyAll(HaveLen(6), HaveKeyWithValue("kty", "RSA"), HaveKeyWithValue("use", "sig"), HaveKeyWithValue("alg", "RS256"),
		HaveKeyWithValue("e", "AQAB"), HaveKey("kid"), HaveKeyWithValue("n", HaveLen(342)))) // 2048 bits, and nothing private
})
