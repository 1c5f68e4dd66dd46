package idlayrfake

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// The end of a v0.2 chain at the server's own address is signed, so that the
// server knows that the platform sent the device. Receivers take date and
// authorization out of the URL again with the URL API of JavaScript (WHATWG) and
// verify the rest as if it were a GET request; what is signed has to be exactly
// what that leaves.

// parameter is a decoded name and value of a query.
type parameter struct{ name, value string }

// landing returns where a device is sent at the end of a chain.
func (p *Platform) landing(c Check, end chainEnd) string {
	u, err := url.Parse(c.RedirectURL)
	if err != nil || !isLanding(c.RedirectURL) { // a project's; a check's own was looked at
		return c.RedirectURL
	}
	own := []parameter{{"check_id", c.CheckID}}
	if end.err != "" {
		own = append(own, parameter{"error", end.err}, parameter{"error_description", describe(end.err)})
	} else {
		own = append(own, parameter{"code", end.code})
		if c.ReferenceID != "" {
			own = append(own, parameter{"reference_id", c.ReferenceID})
		}
	}
	// A link as browsers will have it, however it was written.
	u.Host, _ = browserHost(u)
	path := browserPath(u)
	given := givenQuery(u.RawQuery)
	query := joinQuery(given, serialize(own))
	if end.code != "" {
		date := p.cfg.Clock.Now().UTC().Format(http.TimeFormat)
		authorization := signature(
			signedLine{"(request-target)", "get " + path + "?" + serialize(parseQuery(query))},
			signedLine{"host", u.Host},
			signedLine{"date", date},
		)
		query = joinQuery(query, serialize([]parameter{
			{"date", base64.StdEncoding.EncodeToString([]byte(date))},
			{"authorization", base64.StdEncoding.EncodeToString([]byte(authorization))},
		}))
	}
	to := u.Scheme + "://"
	if u.User != nil {
		to += u.User.String() + "@"
	}
	to += u.Host + path + "?" + query
	if u.Fragment != "" {
		to += "#" + u.EscapedFragment()
	}
	return to
}

func joinQuery(a, b string) string {
	if a == "" {
		return b
	}
	return a + "&" + b
}

// givenQuery is the query that a redirect_url has already. It stays as it is,
// except for parameters with the names of the platform's own: receivers take the
// first of a name.
func givenQuery(raw string) string {
	var kept []string
	for part := range strings.SplitSeq(raw, "&") {
		switch name, _, _ := strings.Cut(part, "="); unescape(name) {
		case "check_id", "code", "reference_id", "error", "error_description", "date", "authorization":
		default:
			kept = append(kept, part)
		}
	}
	return escapeBytes(strings.Join(kept, "&"), func(c byte) bool {
		return c > ' ' && c < 0x7f && !strings.ContainsRune(`"#<>'`, rune(c))
	})
}

// parseQuery and serialize are the application/x-www-form-urlencoded parser and
// serializer of the WHATWG URL Standard (§5). Those of net/url differ: they sort,
// refuse what this takes, and escape other characters.
func parseQuery(raw string) (all []parameter) {
	for part := range strings.SplitSeq(raw, "&") {
		if part != "" {
			name, value, _ := strings.Cut(part, "=")
			all = append(all, parameter{unescape(name), unescape(value)})
		}
	}
	return all
}

func serialize(all []parameter) string {
	var b strings.Builder
	for i, q := range all {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(formEscape(q.name) + "=" + formEscape(q.value))
	}
	return b.String()
}

func formEscape(s string) string {
	return strings.ReplaceAll(escapeBytes(s, func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("*-._ ", c) >= 0
	}), " ", "+")
}

// unescape takes whatever it is given: a percent sign that escapes nothing is
// one, bytes that are no UTF-8 become U+FFFD.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b, _ = hex.AppendDecode(b, []byte(s[i+1:i+3]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string([]rune(string(b)))
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// escapeBytes percent-encodes all bytes but the plain ones.
func escapeBytes(s string, plain func(byte) bool) string {
	var b strings.Builder
	for i := range len(s) {
		if plain(s[i]) {
			b.WriteByte(s[i])
		} else {
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{s[i]})))
		}
	}
	return b.String()
}

// browserHost returns the host of a URL as browsers write it: names of other
// scripts in ASCII, the port only if the scheme does not imply it.
func browserHost(u *url.URL) (host string, ok bool) {
	host = strings.ToLower(u.Hostname())
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() && ip.Zone() == "" {
		host = "[" + ip.String() + "]"
	} else if strings.ContainsFunc(host, func(c rune) bool { return c >= utf8.RuneSelf }) {
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			return "", false
		}
	}
	if host == "" || strings.ContainsAny(host, " \"#%/<>?@\\^`{|}'") {
		return "", false
	}
	if u.Port() == "" {
		return host, true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if implied := map[string]uint64{"http": 80, "https": 443}[strings.ToLower(u.Scheme)]; port != implied {
		host += ":" + strconv.FormatUint(port, 10)
	}
	return host, err == nil
}

// isLanding says whether a device can be sent to a URL, or to none.
func isLanding(s string) bool {
	if s == "" {
		return true
	}
	if u, err := url.Parse(s); isWebURL(s) && err == nil {
		_, ok := browserHost(u)
		return ok
	}
	return false
}

// browserPath takes dot segments out.
func browserPath(u *url.URL) string {
	segments := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	var kept []string
	for i, s := range segments {
		switch strings.ReplaceAll(strings.ToLower(s), "%2e", ".") {
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
		case ".":
		default:
			kept = append(kept, s)
			continue
		}
		if i == len(segments)-1 {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}
