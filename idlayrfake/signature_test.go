package idlayrfake_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/phonechecksim/phonechecksim/idlayrfake"
)

// A receiver of signatures, written from draft-cavage-http-signatures and from
// what the libraries in use insist on, not from the signer.

// parameter is one name="value" of a signature; nothing but letters may name it.
var parameter = regexp.MustCompile(`^([a-zA-Z]+)="([^"]*)"$`)

// verify checks a signature against the keys of a JWKS. header returns the
// values of a signed header, pseudo-headers included.
func verify(authorization string, jwks []byte, now time.Time, header func(name string) []string) error {
	scheme, rest, _ := strings.Cut(authorization, " ")
	if scheme != "Signature" {
		return fmt.Errorf("scheme %q", scheme)
	}
	params := map[string]string{}
	for _, part := range strings.Split(rest, ",") { // a space after the comma would spoil the name
		m := parameter.FindStringSubmatch(part)
		if m == nil {
			return fmt.Errorf("bad parameter %q", part)
		}
		params[m[1]] = m[2]
	}
	if params["algorithm"] != "rsa-sha256" {
		return fmt.Errorf("algorithm %q", params["algorithm"])
	}
	var lines []string
	dated := false
	for _, name := range strings.Split(params["headers"], " ") {
		values := header(name)
		if name != strings.ToLower(name) || len(values) == 0 {
			return fmt.Errorf("missing header %q", name)
		}
		if name == "date" {
			date, err := time.Parse(time.RFC1123, values[0])
			if err != nil || now.Sub(date).Abs() > 300*time.Second {
				return fmt.Errorf("stale date %q", values[0])
			}
			dated = true
		}
		lines = append(lines, name+": "+strings.Join(values, ", "))
	}
	if !dated {
		return fmt.Errorf("the date is not signed")
	}
	key, err := keyOf(jwks, params["keyId"])
	if err != nil {
		return err
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(params["signature"])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig)
}

func keyOf(jwks []byte, kid string) (*rsa.PublicKey, error) {
	var set struct {
		Keys []struct{ Kty, Use, Kid, N, E string }
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil, err
	}
	for _, k := range set.Keys {
		if k.Kid != kid || k.Kty != "RSA" || k.Use != "sig" && k.Use != "" {
			continue
		}
		n, err1 := base64.RawURLEncoding.DecodeString(k.N)
		e, err2 := base64.RawURLEncoding.DecodeString(k.E)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("bad key %s", kid)
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
	}
	return nil, fmt.Errorf("no key %q", kid)
}

var _ = Describe("signatures", func() {
	lines := func(date string) map[string]string {
		return map[string]string{"(request-target)": "get /landing?a=b", "host": "app.example:8443", "date": date}
	}
	sign := func(l map[string]string) string {
		return Signature("(request-target)", l["(request-target)"], "host", l["host"], "date", l["date"])
	}
	const date = "Mon, 01 Jun 2020 16:43:30 GMT"
	reader := func(l map[string]string) func(string) []string {
		return func(name string) []string {
			if v, ok := l[name]; ok {
				return []string{v}
			}
			return nil
		}
	}

	It("are what a receiver verifies", func() {
		jwks := newWorld().do(req{method: "GET", path: "/.well-known/jwks.json"}).Body.Bytes()
		signed := sign(lines(date))
		Expect(verify(signed, jwks, start.Add(300*time.Second), reader(lines(date)))).To(Succeed())
		Expect(sign(lines(date))).To(Equal(signed), "the same lines, the same signature")

		for _, changed := range []string{"(request-target)", "host", "date"} {
			l := lines(date)
			l[changed] += " "
			if changed == "date" {
				l[changed] = "Mon, 01 Jun 2020 16:43:31 GMT"
			}
			Expect(verify(signed, jwks, start, reader(l))).NotTo(Succeed(), changed)
		}
	})
})
