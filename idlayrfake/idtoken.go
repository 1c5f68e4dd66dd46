package idlayrfake

import (
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

//go:embed testkey.pem
var testKey []byte

// keyID names the key in the header of what it signs.
const keyID = "idlayrfake-1"

// signingKey parses the key once in a process: it always is the same.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	block, _ := pem.Decode(testKey)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic("idlayrfake: embedded key: " + err.Error())
	}
	return key.(*rsa.PrivateKey)
})

// signer signs id_tokens with it.
var signer = sync.OnceValue(func() jose.Signer {
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", keyID)
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: signingKey()}, options)
	if err != nil {
		panic("idlayrfake: embedded key: " + err.Error())
	}
	return s
})

// idTokenDay is what an id_token depends on. Nothing reads id_tokens, but each
// costs an RSA signature, about a hundred times a whole flow. So the claims are chosen to be
// the same all day for one client in every platform of a process, and RS256 is
// deterministic: the token is a function of this value, and remembering it is
// only a matter of speed.
type idTokenDay struct {
	region, client string
	day            int64 // Unix time of its start, UTC
}

const maxIDTokens = 256

var (
	idTokensMu sync.Mutex
	idTokens   = map[idTokenDay]string{}
)

// idToken returns the id_token of a client: issued at the start of the UTC day,
// good for two days, so that it is always good for one more.
func idToken(region, client string, now time.Time) string {
	in := idTokenDay{region, client, now.UTC().Truncate(24 * time.Hour).Unix()}
	idTokensMu.Lock()
	known, ok := idTokens[in]
	idTokensMu.Unlock()
	if ok {
		return known
	}
	signed := in.sign()
	idTokensMu.Lock()
	defer idTokensMu.Unlock()
	if len(idTokens) >= maxIDTokens {
		clear(idTokens)
	}
	idTokens[in] = signed
	return signed
}

func (in idTokenDay) sign() string {
	issued := time.Unix(in.day, 0)
	signed, err := jwt.Signed(signer()).Claims(jwt.Claims{
		Issuer:   "https://" + in.region + ".api.idlayr.com",
		Subject:  in.client,
		Audience: jwt.Audience{in.client},
		IssuedAt: jwt.NewNumericDate(issued),
		Expiry:   jwt.NewNumericDate(issued.Add(48 * time.Hour)),
	}).Serialize()
	if err != nil {
		panic("idlayrfake: id_token: " + err.Error())
	}
	return signed
}
