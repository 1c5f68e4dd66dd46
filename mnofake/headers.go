package mnofake

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// stampHeader is where the gateway writes the MSISDN.
const stampHeader = "X-MSISDN"

// SubscriberHeaders returns the header names that claim who the subscriber or where the source is, in the spelling of the
// field. The packet gateway removes them all, in any case, with "_" for "-" (CGI and WSGI servers read both alike), and
// likewise every name that contains "msisdn". The slice is the caller's.
func SubscriberHeaders() []string {
	return []string{
		// The number, under the names gateways of various makers and operators use.
		stampHeader, "MSISDN", "X-UP-CALLING-LINE-ID", "X-UP-SUBNO", "X-UP-SUBSCRIBER-ID", "X-WAP-MSISDN", "X-NOKIA-MSISDN",
		"X-Nokia-Alias", "X-H3G-MSISDN", "X-FH-MSISDN", "X-HTS-CLID", "X-DRUTT-PORTAL-USER-MSISDN", "X-WSB-IDENTITY",
		"X-Network-Info", "X-Orange-ID", "X-ACR", "X-BC-Subscriber", "CALLING-LINE-ID", "X-CLID",
		// The SIM and the handset.
		"IMSI", "X-IMSI", "X-UP-IMSI", "IMEI", "X-IMEI",
		// The bearer: a server that believes it takes WiFi for cellular.
		"X-UP-BEAR-TYPE", "X-UP-BEARER-TYPE", "X-Nokia-BEARER", "BEARER-INDICATION",
		// The source address: a server that believes it sees another SIM's session.
		"X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "Client-IP", "True-Client-IP", "X-Cluster-Client-IP",
		"X-Nokia-IPAddress", "X-UP-Forwarded-For",
	}
}

// fold reduces a header name to its letters and digits in lower case: the spellings a lenient server takes for the same.
func fold(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		}
		return -1
	}, name)
}

// stripper removes what clients have no business saying about a subscriber.
type stripper map[string]bool // keys as fold leaves them

// names is the one stripper there is; it never changes.
var names = sync.OnceValue(func() stripper {
	s := make(stripper)
	for _, h := range SubscriberHeaders() {
		s[fold(h)] = true
	}
	return s
})

func (s stripper) claims(name string) bool {
	f := fold(name)
	return s[f] || strings.Contains(f, "msisdn")
}

// strip returns a cleaned copy of h and the number of fields left out.
func (s stripper) strip(h http.Header) (clean http.Header, removed int) {
	clean = make(http.Header, len(h)+1)
	for name, values := range h {
		switch {
		case s.claims(name):
			removed++
		case strings.EqualFold(name, "Trailer"):
			// The gateway drops trailers (RFC 9110 §6.5.1 lets it), so none is announced.
		case strings.EqualFold(name, "Connection"), strings.EqualFold(name, "Proxy-Connection"):
			// A field named in Connection is removed by the next proxy (RFC 9110 §7.6.1). Naming the stamp there would wash
			// it off behind the gateway.
			if kept := s.connection(values); len(kept) > 0 {
				clean[name] = kept
			}
		default:
			clean[name] = slices.Clone(values)
		}
	}
	return clean, removed
}

// connection returns the Connection values without options that name a subscriber header.
func (s stripper) connection(values []string) []string {
	var kept []string
	for _, v := range values {
		options := strings.Split(v, ",")
		options = slices.DeleteFunc(options, s.claims)
		if len(options) > 0 {
			kept = append(kept, strings.Join(options, ","))
		}
	}
	return kept
}
