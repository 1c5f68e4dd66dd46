package appserver

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	callbackHeader = "x-tru-callback"
	dateWindow     = 300 * time.Second // either way
	maxSignature   = 4 << 10           // bytes of the Authorization header
)

// mustSign is what a signature has to cover to say that this body was meant for this place at this time.
var mustSign = [...]string{"(request-target)", "host", "date", callbackHeader, "digest"}

// Why a callback is not believed. None of these says anything that came in.
var (
	errNoSignature = errors.New("no signature that can be read")
	errAlgorithm   = errors.New("another algorithm than rsa-sha256")
	errUncovered   = errors.New("the signature does not cover what it must")
	errDate        = errors.New("not of now")
	errDigest      = errors.New("the digest is not of this body")
	errKey         = errors.New("no such key")
	errSignature   = errors.New("the signature does not verify")
)

// genuine returns nil if the platform has signed the request as in draft-cavage-http-signatures, lately, with this body.
// What costs nothing is looked at first, so that the platform is asked for its keys only by what might be its own.
//
// The libraries for this verify whatever the sender chose to sign and do not say what that was, and they leave the body to
// their user: the two things that matter here.
func (s *Server) genuine(r *http.Request, body []byte) error {
	sig, ok := parseSignature(r.Header.Values("Authorization"))
	if !ok {
		return errNoSignature
	}
	if sig.algorithm != "rsa-sha256" {
		return errAlgorithm
	}
	text, ok := sig.text(r)
	if !ok {
		return errUncovered
	}
	date, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil || s.c.Clock.Now().Sub(date).Abs() > dateWindow {
		return errDate
	}
	if !digested(r.Header.Get("Digest"), body) {
		return errDigest
	}
	key, err := s.key(r.Context(), sig.keyID)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(text))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig.value) != nil {
		return errSignature
	}
	return nil
}

// signature is what an Authorization header of that scheme says (draft-cavage-http-signatures, section 2.1).
type signature struct {
	keyID, algorithm string
	covers           []string // names of headers, in lower case
	value            []byte
}

// parseSignature reads the one header there may be. Parameters that it does not know are passed over, those that come
// twice make it unreadable.
func parseSignature(headers []string) (sig signature, ok bool) {
	if len(headers) != 1 || len(headers[0]) > maxSignature {
		return sig, false
	}
	scheme, rest, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Signature") {
		return sig, false
	}
	all := map[string]string{}
	for {
		name, after, found := strings.Cut(strings.TrimLeft(rest, " \t"), `="`)
		value, next, closed := strings.Cut(after, `"`)
		if _, twice := all[name]; !found || !closed || twice || !lettersOnly(name) || strings.Contains(value, `\`) {
			return sig, false
		}
		all[name] = value
		next = strings.TrimLeft(next, " \t")
		if next == "" {
			break
		}
		if next[0] != ',' {
			return sig, false
		}
		rest = next[1:]
	}
	value, err := base64.StdEncoding.Strict().DecodeString(all["signature"])
	if err != nil || len(value) == 0 || all["keyId"] == "" {
		return sig, false
	}
	return signature{all["keyId"], all["algorithm"], strings.Split(all["headers"], " "), value}, true
}

func lettersOnly(s string) bool {
	for i := range len(s) {
		if !letter(s[i]) {
			return false
		}
	}
	return s != ""
}

// text returns what was signed (section 2.3), if that is enough and all of it is there, once.
func (sig signature) text(r *http.Request) (string, bool) {
	for _, name := range mustSign {
		if !slices.Contains(sig.covers, name) {
			return "", false
		}
	}
	var lines []string
	for i, name := range sig.covers {
		var value string
		switch name {
		case "(request-target)":
			value = strings.ToLower(r.Method) + " " + r.URL.RequestURI()
		case "host":
			value = r.Host // where the standard library puts it
		default:
			values := r.Header.Values(name)
			if len(values) != 1 {
				return "", false
			}
			value = strings.TrimSpace(values[0])
		}
		if name != strings.ToLower(name) || slices.Contains(sig.covers[:i], name) {
			return "", false
		}
		lines = append(lines, name+": "+value)
	}
	return strings.Join(lines, "\n"), true
}

// digested reports whether a Digest header (RFC 3230) is the SHA-256 of the body. It is base64 by the standard and hex by
// the platform's own formula.
func digested(header string, body []byte) bool {
	algorithm, text, _ := strings.Cut(strings.TrimSpace(header), "=")
	if !strings.EqualFold(algorithm, "SHA-256") {
		return false
	}
	said, err := hex.DecodeString(text)
	if err != nil {
		said, err = base64.StdEncoding.Strict().DecodeString(text)
	}
	sum := sha256.Sum256(body)
	return err == nil && subtle.ConstantTimeCompare(said, sum[:]) == 1
}
