package idlayrfake

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// signedLine is a header, or a pseudo-header such as (request-target), that a
// signature covers. The name is in lower case.
type signedLine struct{ name, value string }

// signature returns the value of an Authorization header that signs lines as in
// draft-cavage-http-signatures §2.3, with the key of the id_token. There is no
// space after its commas: common receivers take none. It is a function of the
// lines alone, because RSASSA-PKCS1-v1_5 is.
func signature(lines ...signedLine) string {
	var names, text strings.Builder
	for i, l := range lines {
		if i > 0 {
			names.WriteByte(' ')
			text.WriteByte('\n')
		}
		names.WriteString(l.name)
		text.WriteString(l.name + ": " + l.value)
	}
	sum := sha256.Sum256([]byte(text.String()))
	sig, err := rsa.SignPKCS1v15(nil, signingKey(), crypto.SHA256, sum[:])
	if err != nil {
		panic("idlayrfake: signature: " + err.Error()) // the key is big enough
	}
	return `Signature keyId="` + keyID + `",algorithm="rsa-sha256",headers="` + names.String() +
		`",signature="` + base64.StdEncoding.EncodeToString(sig) + `"`
}
