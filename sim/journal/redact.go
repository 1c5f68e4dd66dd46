package journal

import (
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Redact shortens every secret in s to its first four characters and "…". It finds them by their names, in URLs, in form
// and JSON bodies (also cut off ones), in header lines and in plain text: credentials of Authorization, access_token,
// id_token, refresh_token, client_secret, cookies' values, one-time codes and the state that leads to one. What else it is given stays as it is.
//
// With maskNumbers a phone number keeps its country code and its last two digits only: "44********01".
func Redact(s string, maskNumbers bool) string {
	// Most strings hold none of it; looking for that first keeps the expressions off the common path.
	if suspicious.MatchString(s) {
		s = cookieLine.ReplaceAllStringFunc(s, func(m string) string {
			i := strings.IndexByte(m, ':') + 1
			return m[:i] + cookieValue.ReplaceAllStringFunc(m[i:], func(pair string) string {
				k, v, _ := strings.Cut(pair, "=")
				if cookieAttribute.MatchString(k) {
					return pair
				}
				return k + "=" + shorten(v)
			})
		})
		for _, re := range []*regexp.Regexp{authorization, scheme, member, pair, patchCode, patchCodeReversed} {
			s = replaceSecret(re, s)
		}
	}
	if maskNumbers {
		s = maskAll(s)
	}
	return s
}

// RedactHeader returns a copy of h in which [Redact] has been applied to each line, names included.
func RedactHeader(h http.Header, maskNumbers bool) http.Header {
	out := make(http.Header, len(h))
	for k, vs := range h {
		for _, v := range vs {
			out[k] = append(out[k], strings.TrimPrefix(Redact(k+": "+v, maskNumbers), k+": "))
		}
	}
	return out
}

const secretNames = `access_token|id_token|refresh_token|client_secret`

var (
	suspicious = regexp.MustCompile(`(?i)authorization|bearer|basic|cookie|\bcode\b|\bstate=|` + secretNames)

	// Each expression has the secret as its group "secret"; the rest of a match is kept.
	authorization = regexp.MustCompile(`(?im)\b(?:proxy-)?authorization"?\s*[:=]\s*"?(?:[a-z]+ +)?(?P<secret>[^\s"]+[^\r\n"]*)`)
	// The scheme's capital letter tells it from "the cellular bearer of alice".
	scheme = regexp.MustCompile(`\b(?:Bearer|BEARER|Basic|BASIC) +(?P<secret>[A-Za-z0-9+/=._~…-]+)`)
	member = regexp.MustCompile(`(?i)"(?:` + secretNames + `|code)\\*"\s*:\s*\\*"(?P<secret>(?:[^"\\]|\\.)*)`)
	pair   = regexp.MustCompile(`(?i)(?:\b(?:` + secretNames + `)\s*[=:]\s*|\b(?:code|state)=)(?P<secret>[^\s"&;,#]+)`)
	// The one-time code inside a JSON patch.
	patchCode         = regexp.MustCompile(`"path"\s*:\s*"/code"\s*,\s*"value"\s*:\s*"(?P<secret>(?:[^"\\]|\\.)*)`)
	patchCodeReversed = regexp.MustCompile(`"value"\s*:\s*"(?P<secret>(?:[^"\\]|\\.)*)"[^{}]*"path"\s*:\s*"/code"`)

	cookieLine      = regexp.MustCompile(`(?im)\b(?:set-)?cookie:[^\r\n]*`)
	cookieValue     = regexp.MustCompile(`[^\s;,=]+=[^;]*`)
	cookieAttribute = regexp.MustCompile(`(?i)^(?:path|domain|expires|max-age|samesite|version)$`)
)

// replaceSecret shortens the named group of each match.
func replaceSecret(re *regexp.Regexp, s string) string {
	group := 2 * re.SubexpIndex("secret")
	var b strings.Builder
	last := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(s[last:m[group]])
		b.WriteString(shorten(s[m[group]:m[group+1]]))
		last = m[group+1]
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}

// shorten keeps the first four characters of a secret, and nothing of one that has no more than that. A secret that
// is already short stays, so that redacting twice is redacting once.
func shorten(s string) string {
	n := utf8.RuneCountInString(s)
	switch {
	case n == 0, n <= 5 && strings.HasSuffix(s, "…"):
		return s
	case n <= 4:
		return "…"
	}
	r := []rune(s)
	return string(r[:4]) + "…"
}
