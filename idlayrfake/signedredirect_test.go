package idlayrfake_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// pair is a parameter of a query as JavaScript's URLSearchParams holds it.
type pair [2]string

// landed is a receiver of a device at the end of a chain: it takes the two
// parameters of the signature out of the URL and verifies what is left as if it
// had been requested. It is written from what receivers do, not from the signer.
func landed(location string, jwks []byte, now time.Time) (map[string]string, error) {
	u, err := url.Parse(location)
	if err != nil {
		return nil, err
	}
	var left []pair
	got := map[string]string{}
	for _, part := range strings.Split(u.RawQuery, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		q := pair{decodeForm(name), decodeForm(value)}
		if _, first := got[q[0]]; !first { // searchParams.get takes the first
			got[q[0]] = q[1]
		}
		if q[0] != "date" && q[0] != "authorization" { // searchParams.delete takes all
			left = append(left, q)
		}
	}
	date, err1 := base64.StdEncoding.Strict().DecodeString(got["date"])
	authorization, err2 := base64.StdEncoding.Strict().DecodeString(got["authorization"])
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("date %q, authorization %q", got["date"], got["authorization"])
	}
	var query []string
	for _, q := range left {
		query = append(query, encodeForm(q[0])+"="+encodeForm(q[1]))
	}
	lines := map[string]string{
		"(request-target)": "get " + u.EscapedPath() + "?" + strings.Join(query, "&"),
		"host":             u.Host,
		"date":             string(date),
	}
	return got, verify(string(authorization), jwks, now, func(name string) []string {
		if v, ok := lines[name]; ok {
			return []string{v}
		}
		return nil
	})
}

// decodeForm reads a well-formed name or value.
func decodeForm(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		var b byte
		switch {
		case s[i] == '+':
			out = append(out, ' ')
		case s[i] == '%' && i+2 < len(s):
			if n, _ := fmt.Sscanf(s[i+1:i+3], "%02x", &b); n == 1 {
				out = append(out, b)
				i += 2
				continue
			}
			fallthrough
		default:
			out = append(out, s[i])
		}
	}
	return strings.ToValidUTF8(string(out), "\ufffd")
}

// encodeForm leaves letters, digits and *-._ alone, as the URL Standard says.
func encodeForm(s string) string {
	s = url.QueryEscape(s) // escapes the star, and not the tilde
	return strings.NewReplacer("~", "%7E", "%2A", "*").Replace(s)
}

var _ = Describe("the signed redirect of v0.2", func() {
	DescribeTable("is what a receiver verifies",
		func(redirectURL, reference, want string, kept ...string) {
			a := newAPI("phone_check/v0.2")
			jwks := a.send("GET", "/.well-known/jwks.json", onWiFi, "", "").Body.Bytes()
			id := a.create(`{"phone_number":"447700900001","redirect_url":"` + redirectURL + `","reference_id":"` + reference + `"}`)
			end := a.chain(id, onO2)
			Expect(end.Code).To(Equal(302))
			Expect(end.Body.Len()).To(BeZero())
			location := end.Header().Get("Location")
			Expect(location).To(HavePrefix(want))
			for _, c := range []byte(location) {
				Expect(c).To(And(BeNumerically(">", ' '), BeNumerically("<", 0x7f)))
			}

			got, err := landed(location, jwks, start.Add(5*time.Minute))
			Expect(err).NotTo(HaveOccurred())
			Expect(got).To(HaveKeyWithValue("check_id", id))
			if reference == "" {
				Expect(got).NotTo(HaveKey("reference_id"))
			} else {
				Expect(got).To(HaveKeyWithValue("reference_id", reference))
			}
			for i := 0; i < len(kept); i += 2 {
				Expect(got).To(HaveKeyWithValue(kept[i], kept[i+1]))
			}
			Expect(object(a.patch(id, got["code"]))).To(HaveKeyWithValue("match", true))

			_, err = landed(location, jwks, start.Add(301*time.Second))
			Expect(err).To(HaveOccurred(), "stale")
			for _, change := range [][2]string{{"check_id=", "check_id=0"}, {"code=", "code=0"}, {"://", "://x."}, {"?", "?x=1&"}} {
				_, err = landed(strings.Replace(location, change[0], change[1], 1), jwks, start)
				Expect(err).To(HaveOccurred(), change[1])
			}
		},
		Entry("plain", "https://app.example/done", "", "https://app.example/done?check_id="),
		Entry("with a reference", "https://app.example/done", "a b~*ü&=+/?#", "https://app.example/done?check_id="),
		Entry("a port", "http://app.example:8080/done", "", "http://app.example:8080/done?check_id="),
		Entry("the port that goes without saying", "https://app.example:443/done", "", "https://app.example/done?check_id="),
		Entry("a name in another script", "https://Bücher.example/", "", "https://xn--bcher-kva.example/?check_id="),
		Entry("an address", "https://[2001:DB8:0::1]:08443/", "", "https://[2001:db8::1]:8443/?check_id="),
		Entry("no path", "https://app.example", "", "https://app.example/?check_id="),
		Entry("capitals", "HTTPS://App.Example/Done", "", "https://app.example/Done?check_id="),
		Entry("dots", "https://app.example/a/../b/./%2e%2E/c/.", "", "https://app.example/c/?check_id="),
		Entry("a path with escapes and marks", "https://app.example/~a/%7E/(b)/*;c=1,d@e:f", "", "https://app.example/~a/%7E/(b)/*;c=1,d@e:f?check_id="),
		Entry("a query", "https://app.example/?z=1&a=2&z=3", "", "https://app.example/?z=1&a=2&z=3&check_id=", "z", "1", "a", "2"),
		Entry("a query with escapes", "https://app.example/?s=a%20b+c&t=~*'&u=%7e%zz&v", "", "https://app.example/?s=a%20b+c&t=~*%27&u=%7e%zz&v&check_id=",
			"s", "a b c", "t", "~*'", "u", "~%zz", "v", ""),
		Entry("a query in another script", "https://app.example/?ü=ß", "", "https://app.example/?%C3%BC=%C3%9F&check_id=", "ü", "ß"),
		Entry("itself, as ssh-auth has it", "https://app.example/?redirect_url=https%3A%2F%2Fapp.example%2F%3Fx%3D1", "", "https://app.example/?redirect_url=https%3A%2F%2Fapp.example%2F%3Fx%3D1&check_id=",
			"redirect_url", "https://app.example/?x=1"),
		Entry("names that are the platform's", "https://app.example/?code=1&x=2&date=3&check%5fid=4&authorization", "", "https://app.example/?x=2&check_id=", "x", "2"),
		Entry("a fragment", "https://app.example/#/done", "", "https://app.example/?check_id="),
	)

	It("keeps the order, and says it in three headers", func() {
		a := newAPI("phone_check/v0.2")
		id := a.create(`{"phone_number":"447700900001","redirect_url":"https://app.example/d?b=1","reference_id":"r"}`)
		location := a.chain(id, onO2).Header().Get("Location")
		Expect(location).To(MatchRegexp(`^https://app\.example/d\?b=1&check_id=` + id + `&code=[0-9a-f]{10}&reference_id=r&date=[A-Za-z0-9%]+&authorization=[A-Za-z0-9%]+$`))
		u, _ := url.Parse(location)
		date, _ := base64.StdEncoding.DecodeString(u.Query().Get("date"))
		Expect(string(date)).To(Equal("Mon, 01 Jun 2020 16:43:30 GMT"))
		authorization, _ := base64.StdEncoding.DecodeString(u.Query().Get("authorization"))
		Expect(string(authorization)).To(MatchRegexp(`^Signature keyId="[^"]+",algorithm="rsa-sha256",headers="\(request-target\) host date",signature="[^"]+"$`))
	})

	It("keeps the fragment, and drops nothing else", func() {
		a := newAPI("phone_check/v0.2")
		id := a.create(`{"phone_number":"447700900001","redirect_url":"https://me:pw@app.example/#/done"}`)
		Expect(a.chain(id, onO2).Header().Get("Location")).To(And(HavePrefix("https://me:pw@app.example/?check_id="), HaveSuffix("#/done")))
	})

	It("says errors unsigned", func() {
		a := newAPI("phone_check/v0.2")
		id := a.create(`{"phone_number":"447700900001","redirect_url":"https://app.example/d"}`)
		_, back := hop(a.open(id, onO2))
		a.clock.advance(time.Minute)
		rec := a.send("GET", back, onO2, "", "")
		Expect(rec.Header().Get("Location")).To(Equal("https://app.example/d?check_id=" + id + "&error=check_expired&error_description=Check+expired"))
	})
})
