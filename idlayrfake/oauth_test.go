package idlayrfake_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

var _ = Describe("POST /oauth2/v1/token", func() {
	ask := func(w *world, auth, contentType, body, host string) map[string]any {
		h := headers("Content-Type", contentType)
		if auth != "" {
			h.Set("Authorization", auth)
		}
		rec := w.do(req{method: "POST", path: "/oauth2/v1/token", body: body, host: host, header: h})
		ExpectWithOffset(1, rec.Header().Get("Content-Type")).To(Equal("application/json"))
		ExpectWithOffset(1, rec.Header().Get("Cache-Control")).To(Equal("no-store"))
		ExpectWithOffset(1, rec.Header().Get("Pragma")).To(Equal("no-cache"))
		m := object(rec)
		m["status"] = rec.Code
		m["challenge"] = rec.Header().Get("WWW-Authenticate")
		return m
	}
	one := basic("one", "s3cret")
	const grant = "grant_type=client_credentials&scope=phone_check"

	It("answers as in step 3 of the guide", func() {
		w := newWorld()
		rec := w.do(req{method: "POST", path: "/oauth2/v1/token", body: grant, header: headers("Authorization", one, "Content-Type", formType)})
		Expect(rec.Code).To(Equal(200))
		m := object(rec)
		Expect(m).To(HaveLen(5))
		Expect(m).To(SatisfyAll(HaveKeyWithValue("expires_in", 3600.0), HaveKeyWithValue("token_type", "bearer"), HaveKeyWithValue("scope", "phone_check")))
		Expect(m["access_token"]).To(HaveLen(22))
	})

	DescribeTable("grants",
		func(auth, contentType, body, scope string) {
			m := ask(newWorld(), auth, contentType, body, "")
			Expect(m).To(HaveKeyWithValue("status", 200))
			Expect(m).To(HaveKeyWithValue("scope", scope))
		},
		Entry("scope first, plus for space", one, formType, "scope=phone_check+coverage&grant_type=client_credentials", "phone_check coverage"),
		Entry("%20 for space", one, formType, "grant_type=client_credentials&scope=phone_check%20coverage", "phone_check coverage"),
		Entry("media type with parameters", one, "Application/X-WWW-Form-Urlencoded;charset=UTF-8", grant, "phone_check"),
		Entry("no scope: all", one, formType, "grant_type=client_credentials", "phone_check coverage"),
		Entry("empty scope: all", one, formType, "grant_type=client_credentials&scope=", "phone_check coverage"),
		Entry("repeated scope", one, formType, "grant_type=client_credentials&scope=coverage+coverage", "coverage"),
		Entry("scopes that servers ask for at start", one, formType, "grant_type=client_credentials&scope=phone_check+oidc+authenticator+mo_check", "phone_check oidc authenticator mo_check"),
		Entry("raw credentials with special characters", basic("two+2", "a+b%c:d e"), formType, grant, "phone_check"),
		Entry("form-encoded credentials", basic("two%2B2", "a%2Bb%25c%3Ad+e"), formType, grant, "phone_check"),
	)

	DescribeTable("refuses",
		func(auth, contentType, body, host string, status int, code string) {
			w := newWorld()
			m := ask(w, auth, contentType, body, host)
			Expect(m).To(HaveKeyWithValue("status", status))
			Expect(m).To(HaveKeyWithValue("error", code))
			Expect(m).To(HaveKey("error_description"))
			Expect(m).NotTo(HaveKey("access_token"))
			Expect(m["challenge"] != "").To(Equal(status == 401))
			Expect(strings.Join(w.texts(), "\n")).NotTo(ContainSubstring("s3cret"))
		},
		Entry("nobody", "", formType, grant, "", 401, "invalid_client"),
		Entry("unknown client", basic("zero", "s3cret"), formType, grant, "", 401, "invalid_client"),
		Entry("wrong secret", basic("one", "wrong"), formType, grant, "", 401, "invalid_client"),
		Entry("another's secret", basic("one", "usa"), formType, grant, "", 401, "invalid_client"),
		Entry("empty credentials", basic("", ""), formType, grant, "", 401, "invalid_client"),
		Entry("not Basic", "Bearer abc", formType, grant, "", 401, "invalid_client"),
		Entry("not Base64", "Basic %%%", formType, grant, "", 401, "invalid_client"),
		Entry("credentials in the body", "", formType, grant+"&client_id=one&client_secret=s3cret", "", 401, "invalid_client"),
		Entry("eu client at the us host", one, formType, grant, "us.api.idlayr.com", 401, "invalid_client"),
		Entry("us client at the eu host", basic("three", "usa"), formType, grant, "eu.api.idlayr.com", 401, "invalid_client"),
		Entry("no grant_type", one, formType, "scope=phone_check", "", 400, "invalid_request"),
		Entry("grant_type twice", one, formType, grant+"&grant_type=client_credentials", "", 400, "invalid_request"),
		Entry("JSON", one, "application/json", `{"grant_type":"client_credentials"}`, "", 400, "invalid_request"),
		Entry("no media type", one, "", grant, "", 400, "invalid_request"),
		Entry("broken escape", one, formType, grant+"%zz", "", 400, "invalid_request"),
		Entry("too large", one, formType, grant+"&x="+strings.Repeat("a", 70000), "", 413, "invalid_request"),
		Entry("other grant", one, formType, "grant_type=password", "", 400, "unsupported_grant_type"),
		Entry("scope of others", one, formType, "grant_type=client_credentials&scope=sim_check", "", 400, "invalid_scope"),
		Entry("one scope too many", one, formType, "grant_type=client_credentials&scope=phone_check+console", "", 400, "invalid_scope"),
		Entry("NUL in the scope", one, formType, "grant_type=client_credentials&scope=phone_check%00", "", 400, "invalid_scope"),
	)

	It("knows every project at a host without a region", func() {
		w := newWorld()
		Expect(w.token("one", "s3cret", "", "127.0.0.1:1234")).NotTo(BeEmpty())
		Expect(w.token("three", "usa", "", "127.0.0.1:1234")).NotTo(BeEmpty())
		Expect(w.token("three", "usa", "", "US.api.tru.id")).NotTo(BeEmpty())
	})

	It("works without configuration", func() {
		w := &world{Platform: idlayrfake.New(idlayrfake.Config{})}
		defer w.Close()
		Expect(w.token("client-id", "client-secret", "phone_check", "")).NotTo(BeEmpty())
	})

	Describe("the id_token", func() {
		It("is signed by the embedded key and the same all day", func() {
			w := newWorld()
			m := ask(w, one, formType, grant, "")
			token, err := jwt.ParseSigned(m["id_token"].(string), []jose.SignatureAlgorithm{jose.RS256})
			Expect(err).NotTo(HaveOccurred())
			file, err := os.ReadFile("testkey.pem")
			Expect(err).NotTo(HaveOccurred())
			block, _ := pem.Decode(file)
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			Expect(err).NotTo(HaveOccurred())
			var claims jwt.Claims
			Expect(token.Claims(&key.(*rsa.PrivateKey).PublicKey, &claims)).To(Succeed())
			Expect(claims.ValidateWithLeeway(jwt.Expected{Issuer: "https://eu.api.idlayr.com", Subject: "one", AnyAudience: jwt.Audience{"one"}, Time: start}, 0)).To(Succeed())

			Expect(idlayrfake.IDToken("eu", "one", start.Add(7*time.Hour))).To(Equal(m["id_token"]))
			Expect(idlayrfake.IDToken("eu", "one", start.Add(8*time.Hour))).NotTo(Equal(m["id_token"]))
			Expect(idlayrfake.IDToken("eu", "two", start)).NotTo(Equal(m["id_token"]))
		})
	})
})

var _ = Describe("POST /oauth2/v1/revoke", func() {
	revoke := func(w *world, client, secret, body string) int {
		rec := w.do(req{method: "POST", path: "/oauth2/v1/revoke", body: body,
			header: headers("Authorization", basic(client, secret), "Content-Type", formType)})
		if rec.Code == 200 {
			ExpectWithOffset(1, rec.Body.Len()).To(BeZero())
		}
		return rec.Code
	}

	It("ends a token and says nothing about others", func() {
		w := newWorld()
		token := w.token("one", "s3cret", "phone_check", "")
		Expect(revoke(w, "one", "s3cret", "token=unknown")).To(Equal(200))
		Expect(revoke(w, "two+2", "a+b%c:d e", "token="+token)).To(Equal(200))
		Expect(w.get("Bearer "+token, "x").Code).To(Equal(404), "another client cannot revoke it")
		Expect(revoke(w, "one", "s3cret", "token="+token+"&token_type_hint=access_token")).To(Equal(200))
		Expect(w.get("Bearer "+token, "x").Code).To(Equal(401))
	})

	It("wants a client and a token", func() {
		Expect(revoke(newWorld(), "one", "wrong", "token=x")).To(Equal(401))
		Expect(revoke(newWorld(), "one", "s3cret", "")).To(Equal(400))
	})
})

var _ = DescribeTable("a resource with the wrong access token",
	func(change func(*world) req, status int, anchor, challenge string) {
		w := newWorld()
		q := change(w)
		q.method, q.path = "GET", "/phone_check/v0.1/checks/c69bc0e6-a429-11ea-bb37-0242ac130002"
		rec := w.do(q)
		Expect(rec.Code).To(Equal(status))
		Expect(object(rec)["type"]).To(HaveSuffix("#" + anchor))
		Expect(rec.Header().Get("WWW-Authenticate")).To(Equal(challenge))
	},
	Entry("none", func(*world) req { return req{} }, 401, "unauthorized", "Bearer"),
	Entry("Basic", func(*world) req { return req{header: headers("Authorization", basic("one", "s3cret"))} }, 401, "unauthorized", "Bearer"),
	Entry("empty", func(*world) req { return req{header: headers("Authorization", "Bearer ")} }, 401, "unauthorized", "Bearer"),
	Entry("two headers", func(w *world) req {
		b := w.bearer()
		return req{header: headers("Authorization", b, "Authorization", b)}
	}, 401, "unauthorized", "Bearer"),
	Entry("unknown", func(*world) req { return req{header: headers("Authorization", "Bearer abc")} }, 401, "access_token_error", `Bearer error="invalid_token"`),
	Entry("expired", func(w *world) req {
		q := req{header: headers("Authorization", w.bearer())}
		w.clock.advance(time.Hour)
		return q
	}, 401, "access_token_error", `Bearer error="invalid_token"`),
	Entry("at another region's host", func(w *world) req {
		return req{host: "us.api.idlayr.com", header: headers("Authorization", w.bearer())}
	}, 401, "access_token_error", `Bearer error="invalid_token"`),
	Entry("without the scope", func(w *world) req {
		return req{header: headers("Authorization", "Bearer "+w.token("one", "s3cret", "coverage", ""))}
	}, 403, "forbidden", `Bearer error="insufficient_scope", scope="phone_check"`),
	Entry("just not expired", func(w *world) req {
		q := req{header: headers("Authorization", w.bearer())}
		w.clock.advance(time.Hour - 1)
		return q
	}, 404, "check_not_found", ""),
	Entry("lower-case scheme", func(w *world) req {
		return req{header: headers("Authorization", "bearer"+w.bearer()[6:])}
	}, 404, "check_not_found", ""),
)
