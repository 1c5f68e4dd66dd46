package contract

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// leak is a secret that got to a device.
type leak struct {
	what, where string
	evidence    []Exchange
}

// leaked names the secrets that stand in an answer: as they are, escaped for a URL, in base64 of either alphabet or in hex, alone
// or inside something longer.
func leaked(secrets map[string]string, header http.Header, body []byte) (found [][2]string) {
	look := func(where string, text []byte) {
		for secret, what := range secrets {
			if contains(text, secret) && !slices.Contains(found, [2]string{what, where}) {
				found = append(found, [2]string{what, where})
			}
		}
	}
	for name, lines := range header {
		for _, line := range lines {
			look("the header "+name, []byte(line))
		}
	}
	look("the body", body)
	slices.SortFunc(found, func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	return found
}

func contains(text []byte, secret string) bool {
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString([]byte(secret))} {
		if bytes.Contains(text, []byte(form)) {
			return true
		}
	}
	for _, run := range encoded.FindAll(text, 64) {
		plain := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(string(run)), "=")
		for offset := range 4 { // a run may begin before the encoded text does
			if len(plain) <= offset {
				break
			}
			part := plain[offset:]
			if decoded, err := base64.RawStdEncoding.DecodeString(part[:len(part)-len(part)%4]); err == nil && bytes.Contains(decoded, []byte(secret)) {
				return true
			}
			if decoded, err := base64.RawStdEncoding.DecodeString(part); err == nil && bytes.Contains(decoded, []byte(secret)) {
				return true
			}
		}
	}
	plain := percent.ReplaceAllFunc(text, func(m []byte) []byte {
		b, _ := hex.DecodeString(string(m[1:]))
		return b
	})
	plain = bytes.ReplaceAll(plain, []byte(`\/`), []byte("/")) // as some write JSON
	return len(plain) < len(text) && contains(plain, secret)
}

var percent = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

var encoded = regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}={0,2}`)

// shortened is a text for people in which the secrets are cut down to their beginnings.
func shortened(text string, secrets map[string]string) string {
	for secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret)} {
			if len(form) > 4 {
				text = strings.ReplaceAll(text, form, form[:4]+"…")
			}
		}
	}
	return text
}
