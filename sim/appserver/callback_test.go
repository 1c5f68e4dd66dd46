package appserver_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

//go:embed testkey.pem
var testKey []byte

// platformKey signs callbacks. It is always the same, so that what a fuzzer has found is found again.
var platformKey = sync.OnceValue(func() *rsa.PrivateKey {
	block, _ := pem.Decode(testKey)
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key
})

// otherKey is somebody else's.
var otherKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func jwk(kid string, key *rsa.PrivateKey, more string) string {
	n := base64.RawURLEncoding.EncodeToString(key.N.Bytes())
	e := base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())
	return fmt.Sprintf(`{"kty":"RSA","kid":%q,"n":%q,"e":%q%s}`, kid, n, e, more)
}

func jwks(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// callback is one that the platform makes; a spec changes what it wants wrong before or after it is signed.
type callback struct {
	path, host, date, product, body string
	digest                          string // of the body, in hex, when empty
	kid, algorithm, headers         string
	key                             *rsa.PrivateKey
}

func of(id, members string) callback {
	return callback{
		path: "/callback", host: "app.example", date: begin.Format(http.TimeFormat), product: "phone_check",
		body: fmt.Sprintf(`{"check_id":%q,%s,"charge_amount":1,"charge_currency":"API","created_at":"2020-06-01T16:43:30+00:00"}`, id, members),
		kid:  "k1", algorithm: "rsa-sha256", headers: "(request-target) host date x-tru-callback digest", key: platformKey(),
	}
}

// lines is what is signed, by name.
func (c callback) lines() map[string]string {
	if c.digest == "" {
		sum := sha256.Sum256([]byte(c.body))
		c.digest = "SHA-256=" + hex.EncodeToString(sum[:])
	}
	return map[string]string{
		"(request-target)": "post " + c.path, "host": c.host, "date": c.date, "x-tru-callback": c.product, "digest": c.digest,
		"content-type": "application/json", "Content-Type": "application/json",
	}
}

func (c callback) authorization() string {
	var text []string
	for _, name := range strings.Split(c.headers, " ") {
		text = append(text, name+": "+c.lines()[name])
	}
	sum := sha256.Sum256([]byte(strings.Join(text, "\n")))
	sig, err := rsa.SignPKCS1v15(nil, c.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`Signature keyId="%s",algorithm="%s",headers="%s",signature="%s"`, c.kid, c.algorithm, c.headers, base64.StdEncoding.EncodeToString(sig))
}

func (c callback) request() *http.Request {
	r := httptest.NewRequest("POST", c.path, strings.NewReader(c.body))
	r.Host = c.host
	for _, name := range []string{"date", "x-tru-callback", "digest", "content-type"} {
		r.Header.Set(name, c.lines()[name])
	}
	r.Header.Set("Authorization", c.authorization())
	return r
}

var _ = Describe("Callbacks", func() {
	var b *bench
	var alice *jar
	BeforeEach(func() {
		b, alice = guarded(), &jar{}
		b.jwks = jwks(jwk("k1", platformKey(), `,"use":"sig","alg":"RS256"`))
		b.result = `"status":"PENDING"`
	})

	// taken says that a callback was believed; nothing was the session's until that asked.
	taken := And(HaveField("Status", 200), HaveField("Raw", "OK"))
	no := refused(400, "callback_refused")
	status := func(j *jar, route, id string) any {
		return b.do(j, "GET", route+"?check_id="+id, "", "").Body["status"]
	}
	// unmoved is what the check is when no callback was believed.
	unmoved := func(id string) {
		GinkgoHelper()
		Expect(status(alice, "/phone-check", id)).To(Equal("PENDING"))
		Expect(b.me(alice)).To(Equal(""))
	}

	DescribeTable("save a call, at each route", func(path string, m made, product string) {
		b.result = `"status":"PENDING"`
		id := b.begin(alice, m.route, "447700900001")
		c := of(id, both)
		c.path, c.product = path, product
		Expect(b.send(nil, c.request())).To(taken)
		Expect(b.last("keys")).To(Equal(call{"keys", "", "", api + "/.well-known/jwks.json"}), "without any credential")

		Expect(b.me(alice)).To(Equal(""), "nobody is verified who has not asked")
		bob := &jar{}
		b.start(bob, "447700900002")
		Expect(b.do(bob, "GET", m.route+"?check_id="+id, "", "")).To(refused(404, "check_not_found"))
		Expect(b.do(alice, "GET", m.route+"?check_id="+id, "", "").Body).To(HaveKeyWithValue("match", true))
		Expect(b.me(alice)).To(Equal("447700900001"))
		Expect(b.me(bob)).To(Equal(""))
		Expect(b.count("get")).To(Equal(0))
	},
		Entry(nil, "/callback", phone1, "phone_check"),
		Entry(nil, "/callback?a=b%20c&d", phone1, "phone_check"),
		Entry(nil, "/phone-check/callback", phone1, "phone_check"),
		Entry(nil, "/v0.1/phone-check/callback", phone1, "phone_check"),
		Entry(nil, "/callback", subscriber1, "subscriber_check"),
		Entry(nil, "/subscriber-check/callback", subscriber1, "subscriber_check"),
		Entry(nil, "/v0.1/subscriber-check/callback", subscriber1, "subscriber_check"),
	)

	DescribeTable("say what the platform would", func(members, want string, asked int) {
		id := b.begin(alice, phone1.route, "447700900001")
		Expect(b.send(nil, of(id, members).request())).To(taken)
		Expect(b.ask(alice, id).Raw).To(Equal(want + "\n"))
		Expect(b.count("get")).To(Equal(asked))
	},
		Entry(nil, matched, `{"match":true,"check_id":"check-1","status":"COMPLETED"}`, 0),
		Entry(nil, `"status":"COMPLETED","match":false`, `{"match":false,"check_id":"check-1","status":"COMPLETED"}`, 0),
		Entry(nil, `"status":"EXPIRED","match":true`, `{"check_id":"check-1","status":"EXPIRED"}`, 0),
		Entry(nil, `"status":"ERROR","error_code":"mno_timeout"`, `{"check_id":"check-1","status":"ERROR","error_code":"mno_timeout"}`, 0),
		Entry("not an end", `"status":"ACCEPTED","match":true`, `{"check_id":"check-1","status":"PENDING"}`, 1),
		Entry("unheard of", `"status":"canary","match":true`, `{"check_id":"check-1","status":"PENDING"}`, 1),
	)

	DescribeTable("verify with a subscriber check only when both are true", func(members string, want any) {
		id := b.begin(alice, subscriber1.route, "447700900001")
		c := of(id, members)
		c.product = "subscriber_check"
		Expect(b.send(nil, c.request())).To(taken)
		Expect(status(alice, subscriber1.route, id)).To(Equal("COMPLETED"))
		Expect(b.me(alice)).To(Equal(want))
	},
		Entry(nil, both, "447700900001"),
		Entry(nil, matched+`,"no_sim_change":false`, ""),
		Entry(nil, matched, ""),
	)

	DescribeTable("of v0.2 bring no result without the code", func(m made, product string) {
		id := b.begin(alice, m.route, "447700900001")
		c := of(id, both)
		c.product, c.path = product, m.route+"/callback"
		Expect(b.send(nil, c.request())).To(taken)
		Expect(b.do(alice, "GET", m.route+"?check_id="+id, "", "").Body).To(Equal(map[string]any{"check_id": id, "status": "PENDING"}))
		Expect(b.me(alice)).To(Equal(""))
		b.result = both
		Expect(b.do(alice, "POST", m.route+"/exchange-code", "", "check_id="+id+"&code=c0de").Body).To(HaveKeyWithValue("match", true))
	},
		Entry(nil, phone2, "phone_check"), Entry(nil, subscriber2, "subscriber_check"),
	)

	It("of v0.2 do end a check that has failed", func() {
		id := b.begin(alice, phone2.route, "447700900001")
		Expect(b.send(nil, of(id, `"status":"EXPIRED"`).request())).To(taken)
		Expect(b.do(alice, "POST", phone2.route+"/exchange-code", "", "check_id="+id+"&code=c0de").Body).To(HaveKeyWithValue("status", "EXPIRED"))
		Expect(b.count("patch") + b.count("get")).To(Equal(0))
	})

	DescribeTable("never change an end", func(first, then, want string, ask bool) {
		id := b.begin(alice, phone1.route, "447700900001")
		Expect(b.send(nil, of(id, first).request())).To(taken)
		if ask {
			Expect(status(alice, phone1.route, id)).To(Equal(want))
		}
		Expect(b.send(nil, of(id, then).request())).To(taken)
		Expect(b.send(nil, of(id, then).request())).To(taken)
		g := b.ask(alice, id)
		Expect(g.Body).To(HaveKeyWithValue("status", want))
		Expect(b.me(alice) != "").To(Equal(first == matched))
	},
		Entry("twice", matched, matched, "COMPLETED", false),
		Entry("late", matched, `"status":"EXPIRED"`, "COMPLETED", false),
		Entry("late, and it was asked for", matched, `"status":"EXPIRED"`, "COMPLETED", true),
		Entry("out of order", `"status":"EXPIRED"`, matched, "EXPIRED", false),
		Entry("out of order, and it was asked for", `"status":"ERROR"`, matched, "ERROR", true),
		Entry("the other way", `"status":"COMPLETED","match":false`, matched, "COMPLETED", false),
	)

	It("do not change what the platform answered before", func() {
		id := b.begin(alice, phone1.route, "447700900001")
		b.result = `"status":"COMPLETED","match":false`
		b.ask(alice, id)
		Expect(b.send(nil, of(id, matched).request())).To(taken)
		Expect(b.ask(alice, id).Body).To(HaveKeyWithValue("match", false))
		Expect(b.me(alice)).To(Equal(""))
	})

	It("about checks that are nobody's here are taken and forgotten", func() {
		Expect(b.send(nil, of("check-1", matched).request())).To(taken, "sending it again would not help")
		id := b.begin(alice, phone1.route, "447700900001")
		Expect(id).To(Equal("check-1"))
		unmoved(id)
	})

	It("about checks that a session has forgotten too", func() {
		for range 11 {
			b.begin(alice, phone1.route, "447700900001")
		}
		Expect(b.server.Remembered()).To(Equal(10))
		Expect(b.send(nil, of("check-1", matched).request())).To(taken)
		Expect(b.ask(alice, "check-1")).To(refused(404, "check_not_found"))
		b.clk.Advance(30 * time.Minute)
		c := of("check-11", matched)
		c.date = begin.Add(30 * time.Minute).Format(http.TimeFormat)
		Expect(b.send(nil, c.request())).To(taken)
		Expect(b.ask(alice, "check-11")).To(refused(404, "check_not_found"))
		Expect(b.server.Remembered()).To(Equal(0))
		Expect(b.me(alice)).To(Equal(""))
	})

	DescribeTable("may be signed in other ways", func(change func(*callback)) {
		id := b.begin(alice, phone1.route, "447700900001")
		c := of(id, matched)
		change(&c)
		Expect(b.send(nil, c.request())).To(taken)
		Expect(status(alice, phone1.route, id)).To(Equal("COMPLETED"))
	},
		Entry("digest in base64", func(c *callback) {
			sum := sha256.Sum256([]byte(c.body))
			c.digest = "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])
		}),
		Entry("digest in capitals", func(c *callback) { c.digest = "sha-256=" + strings.ToUpper(c.lines()["digest"][8:]) }),
		Entry("in another order", func(c *callback) { c.headers = "digest date x-tru-callback host (request-target)" }),
		Entry("with more", func(c *callback) { c.headers += " content-type" }),
		Entry("five minutes ago", func(c *callback) { c.date = begin.Add(-300 * time.Second).Format(http.TimeFormat) }),
		Entry("in five minutes", func(c *callback) { c.date = begin.Add(300 * time.Second).Format(http.TimeFormat) }),
		Entry("host with port", func(c *callback) { c.host = "app.example:8443" }),
	)

	It("may be written in other ways", func() {
		for _, edit := range []func(string) string{
			func(s string) string { return strings.ReplaceAll(s, ",", " , ") },
			func(s string) string { return strings.Replace(s, "Signature ", "signature  ", 1) },
			func(s string) string { return s + `,extra="1"` },
		} {
			id := b.begin(alice, phone1.route, "447700900001")
			r := of(id, matched).request()
			r.Header.Set("Authorization", edit(r.Header.Get("Authorization")))
			Expect(b.send(nil, r)).To(taken)
			Expect(status(alice, phone1.route, id)).To(Equal("COMPLETED"))
		}
	})

	Describe("that are refused change nothing", func() {
		// Everything here is signed as it is sent: what is wrong is what was signed.
		DescribeTable("signed wrongly", func(change func(*callback), keys int) {
			id := b.begin(alice, phone1.route, "447700900001")
			c := of(id, matched)
			change(&c)
			Expect(b.send(nil, c.request())).To(no)
			Expect(b.count("keys")).To(Equal(keys), "the platform is not asked in vain")
			unmoved(id)
		},
			Entry("by another key", func(c *callback) { c.key = otherKey() }, 1),
			Entry("by an unknown key", func(c *callback) { c.kid, c.key = "k9", otherKey() }, 1),
			Entry("under no name", func(c *callback) { c.kid = "" }, 0),
			Entry("with another algorithm", func(c *callback) { c.algorithm = "rsa-sha1" }, 0),
			Entry("with whatever", func(c *callback) { c.algorithm = "hs2019" }, 0),
			Entry("with the key as a password", func(c *callback) { c.algorithm = "hmac-sha256" }, 0),
			Entry("with none", func(c *callback) { c.algorithm = "none" }, 0),
			Entry("without target", func(c *callback) { c.headers = "host date x-tru-callback digest" }, 0),
			Entry("without host", func(c *callback) { c.headers = "(request-target) date x-tru-callback digest" }, 0),
			Entry("without date", func(c *callback) { c.headers = "(request-target) host x-tru-callback digest" }, 0),
			Entry("without product", func(c *callback) { c.headers = "(request-target) host date digest" }, 0),
			Entry("without digest", func(c *callback) { c.headers = "(request-target) host date x-tru-callback" }, 0),
			Entry("with nothing", func(c *callback) { c.headers = "" }, 0),
			Entry("with a header that is not there", func(c *callback) { c.headers += " x-not-there" }, 0),
			Entry("with a header in capitals", func(c *callback) { c.headers += " Content-Type" }, 0),
			Entry("with a header twice", func(c *callback) { c.headers += " date" }, 0),
			Entry("replayed", func(c *callback) { c.date = begin.Add(-301 * time.Second).Format(http.TimeFormat) }, 0),
			Entry("too early", func(c *callback) { c.date = begin.Add(301 * time.Second).Format(http.TimeFormat) }, 0),
			Entry("with a date that is none", func(c *callback) { c.date = "today" }, 0),
			Entry("digest of another body", func(c *callback) { c.digest = "SHA-256=" + strings.Repeat("00", 32) }, 0),
			Entry("digest of another kind", func(c *callback) { c.digest = "SHA-512=" + c.lines()["digest"][8:] }, 0),
			Entry("digest cut short", func(c *callback) { c.digest = c.lines()["digest"][:40] }, 0),
			Entry("digest empty", func(c *callback) { c.digest = "SHA-256=" }, 0),
			Entry("about no product", func(c *callback) { c.product = "" }, 1),
			Entry("about a product without callbacks", func(c *callback) { c.product = "sim_check" }, 1),
			Entry("about a product of another route", func(c *callback) { c.path = "/subscriber-check/callback" }, 1),
			Entry("not JSON", func(c *callback) { c.body = "canary" }, 1),
			Entry("no object", func(c *callback) { c.body = "[]" }, 1),
			Entry("about no check", func(c *callback) { c.body = `{"status":"COMPLETED","match":true}` }, 1),
			Entry("completed without a match", func(c *callback) { c.body = `{"check_id":"check-1","status":"COMPLETED"}` }, 1),
			Entry("completed with a word", func(c *callback) { c.body = `{"check_id":"check-1","status":"COMPLETED","match":"true"}` }, 1),
		)

		It("about another product than the check's are taken for nothing", func() {
			id := b.begin(alice, phone1.route, "447700900001")
			c := of(id, both)
			c.product = "subscriber_check"
			Expect(b.send(nil, c.request())).To(taken)
			unmoved(id)
		})

		// Everything here was signed well and was changed on the way.
		DescribeTable("changed on the way", func(change func(*http.Request) *http.Request) {
			id := b.begin(alice, phone1.route, "447700900001")
			Expect(b.send(nil, change(of(id, `"status":"COMPLETED","match":false`).request()))).To(Or(no, refused(405, "method_not_allowed")))
			unmoved(id)
		},
			Entry("swapped body", func(r *http.Request) *http.Request { return withBody(r, of("check-1", matched).body) }),
			Entry("swapped body, and its digest", func(r *http.Request) *http.Request {
				other := of("check-1", matched).request()
				other.Header.Set("Authorization", r.Header.Get("Authorization"))
				return other
			}),
			Entry("one byte more", func(r *http.Request) *http.Request {
				return withBody(r, of("check-1", `"status":"COMPLETED","match":false`).body+" ")
			}),
			Entry("path", func(r *http.Request) *http.Request { r.URL.Path = "/phone-check/callback"; return r }),
			Entry("query", func(r *http.Request) *http.Request { r.URL.RawQuery = "a=b"; return r }),
			Entry("method", func(r *http.Request) *http.Request { r.Method = "GET"; return r }),
			Entry("host", func(r *http.Request) *http.Request { r.Host = "evil.example"; return r }),
			Entry("date", func(r *http.Request) *http.Request {
				r.Header.Set("Date", begin.Add(time.Second).Format(http.TimeFormat))
				return r
			}),
			Entry("product", func(r *http.Request) *http.Request { r.Header.Set("x-tru-callback", "subscriber_check"); return r }),
			Entry("digest twice", func(r *http.Request) *http.Request { r.Header.Add("Digest", r.Header.Get("Digest")); return r }),
			Entry("signature twice", func(r *http.Request) *http.Request {
				r.Header.Add("Authorization", r.Header.Get("Authorization"))
				return r
			}),
			Entry("no signature", func(r *http.Request) *http.Request { r.Header.Del("Authorization"); return r }),
			Entry("no digest", func(r *http.Request) *http.Request { r.Header.Del("Digest"); return r }),
			Entry("no date", func(r *http.Request) *http.Request { r.Header.Del("Date"); return r }),
			Entry("no headers at all", func(r *http.Request) *http.Request { r.Header = http.Header{}; return r }),
		)

		DescribeTable("written so that nobody can read them", func(edit func(string) string) {
			id := b.begin(alice, phone1.route, "447700900001")
			r := of(id, matched).request()
			r.Header.Set("Authorization", edit(r.Header.Get("Authorization")))
			Expect(b.send(nil, r)).To(no)
			unmoved(id)
		},
			Entry("another scheme", func(s string) string { return strings.Replace(s, "Signature", "Bearer", 1) }),
			Entry("no scheme", func(s string) string { return strings.TrimPrefix(s, "Signature ") }),
			Entry("nothing", func(string) string { return "" }),
			Entry("the scheme alone", func(string) string { return "Signature" }),
			Entry("no quotes", func(s string) string { return strings.ReplaceAll(s, `"`, "") }),
			Entry("an open quote", func(s string) string { return strings.TrimSuffix(s, `"`) }),
			Entry("a comma at the end", func(s string) string { return s + "," }),
			Entry("no commas", func(s string) string { return strings.ReplaceAll(s, `",`, `" `) }),
			Entry("a parameter twice", func(s string) string { return s + `,keyId="k1"` }),
			Entry("a backslash", func(s string) string { return s + `,a="\"` }),
			Entry("odd names", func(s string) string { return s + `,a1="x"` }),
			Entry("not base64", func(s string) string { return strings.Replace(s, `signature="`, `signature="*`, 1) }),
			Entry("empty", func(s string) string { return s[:strings.Index(s, `signature="`)] + `signature=""` }),
			Entry("cut", func(s string) string { return s[:len(s)-5] + `"` }),
			Entry("headers in capitals", func(s string) string { return strings.Replace(s, "digest", "Digest", 1) }),
			Entry("endless", func(s string) string { return s + `,a="` + strings.Repeat("x", 5000) + `"` }),
		)

		It("as are bodies without end and bodies that break off", func() {
			c := of("check-1", matched)
			c.body += strings.Repeat(" ", 17<<10)
			Expect(b.send(nil, c.request())).To(refused(413, "body_too_large"))
			r := of("check-1", matched).request()
			r.Body = http.NoBody
			Expect(b.send(nil, r)).To(no)
			Expect(b.count("keys")).To(Equal(0))
		})

		It("and get no answer that depends on what was wrong", func() {
			bad := of("check-1", matched)
			bad.key = otherKey()
			Expect(b.send(nil, bad.request()).Raw).To(Equal(b.do(nil, "POST", "/callback", "application/json", "{}").Raw))
		})
	})

	Describe("keys", func() {
		later := func(d time.Duration, c callback) callback {
			b.clk.Advance(d)
			c.date = b.clk.Now().Format(http.TimeFormat)
			return c
		}

		It("are fetched once and kept for ten minutes", func() {
			for range 3 {
				Expect(b.send(nil, of("x", matched).request())).To(taken)
			}
			Expect(b.send(nil, later(10*time.Minute-1, of("x", matched)).request())).To(taken)
			Expect(b.count("keys")).To(Equal(1))
			Expect(b.send(nil, later(1, of("x", matched)).request())).To(taken)
			Expect(b.count("keys")).To(Equal(2))
		})

		It("are fetched again for one that is new, once", func() {
			Expect(b.send(nil, of("x", matched).request())).To(taken)
			b.jwks = jwks(jwk("k2", otherKey(), ""))
			rotated := of("x", matched)
			rotated.kid, rotated.key = "k2", otherKey()
			Expect(b.send(nil, later(10*time.Second, rotated).request())).To(taken)
			Expect(b.count("keys")).To(Equal(2))
			Expect(b.send(nil, later(10*time.Second, of("x", matched)).request())).To(no, "the old one is no more")
			Expect(b.count("keys")).To(Equal(3))
		})

		It("are not fetched for everybody who names one", func() {
			Expect(b.send(nil, of("x", matched).request())).To(taken)
			c := of("x", matched)
			for i := range 20 {
				c.kid = fmt.Sprint("made-up-", i)
				Expect(b.send(nil, later(time.Second, c).request())).To(no)
			}
			Expect(b.count("keys")).To(Equal(3))
		})

		It("survive a time without the platform", func() {
			id := b.begin(alice, phone1.route, "447700900001")
			Expect(b.send(nil, of("x", matched).request())).To(taken)
			unknown := of("x", matched)
			unknown.kid = "k9"
			b.next("keys", reply(500, "canary"))
			Expect(b.send(nil, later(time.Minute, unknown).request())).To(no)
			Expect(b.send(nil, later(time.Second, of(id, matched)).request())).To(taken, "with those that it has")
		})

		DescribeTable("cannot be had", func(f func(*http.Request) (*http.Response, error)) {
			id := b.begin(alice, phone1.route, "447700900001")
			b.next("keys", f)
			Expect(b.send(nil, of(id, matched).request())).To(no)
			unmoved(id)
			b.clk.Advance(10 * time.Second)
			Expect(b.send(nil, of(id, matched).request())).To(taken, "the platform tries again")
		},
			Entry(nil, reply(500, "canary")),
			Entry(nil, reply(404, "canary")),
			Entry(nil, reply(302, "", "Location", "https://canary.example/")),
			Entry(nil, reply(200, "canary")),
			Entry(nil, reply(200, `{"keys":{}}`)),
			Entry(nil, reply(200, `{}`)),
			Entry(nil, func(*http.Request) (*http.Response, error) { return nil, errors.New("canary") }),
		)

		It("are waited for no longer than any call", func() {
			b.next("keys", stall)
			Expect(b.later("keys", 5*time.Second, func() got { return b.send(nil, of("x", matched).request()) })).To(no)
		})

		It("let Close end the wait", func() {
			b.next("keys", stall)
			done := make(chan got, 1)
			go func() { done <- b.send(nil, of("x", matched).request()) }()
			Eventually(func() int { return b.count("keys") }).Should(Equal(1))
			b.server.Close()
			Eventually(done).Should(Receive(no))
			Expect(b.send(nil, of("x", matched).request())).To(no)
		})

		DescribeTable("are used for what they are for", func(set func() string, m types.GomegaMatcher) {
			b.jwks = set()
			Expect(b.send(nil, of("x", matched).request())).To(m)
		},
			Entry("no use, no algorithm", func() string { return jwks(jwk("k1", platformKey(), "")) }, taken),
			Entry("beside others, of kinds unheard of", func() string {
				return jwks(`{"kty":"canary","kid":"a"}`, `7`, `{"kty":"RSA","kid":"b"}`, jwk("k1", platformKey(), ""))
			}, taken),
			Entry("encryption", func() string { return jwks(jwk("k1", platformKey(), `,"use":"enc"`)) }, no),
			Entry("another algorithm", func() string { return jwks(jwk("k1", platformKey(), `,"alg":"PS256"`)) }, no),
			Entry("a secret", func() string { return jwks(`{"kty":"oct","kid":"k1","k":"c2VjcmV0"}`) }, no),
			Entry("another name", func() string { return jwks(jwk("", platformKey(), "")) }, no),
		)
	})

	It("come all at once and end the check once", func() {
		id := b.begin(alice, phone1.route, "447700900001")
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				defer GinkgoRecover()
				members := matched
				if i%2 == 0 {
					members = `"status":"EXPIRED"`
				}
				Expect(b.send(nil, of(id, members).request()).Status).To(Equal(200))
			})
		}
		wg.Wait()
		first := b.ask(alice, id)
		for range 3 {
			Expect(b.ask(alice, id).Raw).To(Equal(first.Raw))
		}
		Expect(b.count("get")).To(Equal(0))
		Expect(b.me(alice) != "").To(Equal(first.Body["match"] == true))
	})
})

func withBody(r *http.Request, body string) *http.Request {
	other := httptest.NewRequest(r.Method, r.URL.String(), strings.NewReader(body))
	other.Header, other.Host = r.Header, r.Host
	return other
}

// FuzzCallback knows one callback that was really signed: whatever becomes of its header and its body, nothing but that
// body is believed, and nobody is verified by another.
func FuzzCallback(f *testing.F) {
	good := of("check-1", `"status":"COMPLETED","match":false`)
	evil := of("check-1", matched)
	f.Add(good.authorization(), good.lines()["digest"], "phone_check", good.body)
	f.Add(good.authorization(), evil.lines()["digest"], "phone_check", evil.body)
	f.Add(good.authorization(), good.lines()["digest"], "phone_check", evil.body)
	f.Add(`Signature keyId="k1",algorithm="rsa-sha256",headers="(request-target) host date x-tru-callback digest",signature="AAAA"`, evil.lines()["digest"], "phone_check", evil.body)
	f.Add(`Signature keyId="k1",,headers="date date`, "SHA-256=", "", "{")
	f.Add("Signature", "=", "subscriber_check", "")
	signed := good.request().Header // signing is slow under the fuzzer
	f.Fuzz(func(t *testing.T, authorization, digest, product, body string) {
		b, alice := newBench(), &jar{}
		defer b.server.Close()
		b.jwks, b.result = jwks(jwk("k1", platformKey(), "")), `"status":"PENDING"`
		b.do(alice, "POST", "/phone-check", "", "phone_number=447700900001")

		r := httptest.NewRequest("POST", good.path, strings.NewReader(body))
		r.Host, r.Header = good.host, signed.Clone()
		r.Header["Authorization"], r.Header["Digest"], r.Header["X-Tru-Callback"] = []string{authorization}, []string{digest}, []string{product}
		switch g := b.send(nil, r); g.Status {
		case 200:
			if body != good.body {
				t.Errorf("believed %q with %q", body, authorization)
			}
		case 400, 413:
			if g := b.ask(alice, "check-1"); g.Body["status"] != "PENDING" {
				t.Errorf("refused %q, but now it is %s", body, g.Raw)
			}
		default:
			t.Errorf("status %d for %q with %q", g.Status, body, authorization)
		}
		if b.me(alice) != "" {
			t.Errorf("verified by %q with %q", body, authorization)
		}
	})
}
