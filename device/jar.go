package device

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxCookies bounds a jar; the oldest cookie gives way.
const maxCookies = 64

// jar keeps cookies (RFC 6265 §5.3, §5.4) with the phone's clock. The standard library's jar counts by the machine's clock
// and would drop at once what a server set to expire in simulated time. The zero jar with now set is ready for use.
type jar struct {
	now func() time.Time

	mu      sync.Mutex
	cookies []storedCookie // in order of creation
}

type storedCookie struct {
	name, value, domain, path string
	hostOnly, secure          bool
	expires                   time.Time // zero: with the jar
}

// SetCookies stores what a response from u set. It implements http.CookieJar.
func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	if len(cookies) == 0 {
		return
	}
	now := j.now()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range cookies {
		if s, ok := accept(u, c, now); ok {
			j.store(s, now)
		}
	}
}

// store replaces the cookie of the same name, domain and path in its place, or removes it if the new one is expired.
func (j *jar) store(s storedCookie, now time.Time) {
	at := slices.IndexFunc(j.cookies, func(o storedCookie) bool {
		return o.name == s.name && o.domain == s.domain && o.path == s.path && o.hostOnly == s.hostOnly
	})
	switch expired := s.expired(now); {
	case expired && at >= 0:
		j.cookies = slices.Delete(j.cookies, at, at+1)
	case expired:
	case at >= 0:
		j.cookies[at] = s
	default:
		if len(j.cookies) >= maxCookies {
			j.cookies = slices.Delete(j.cookies, 0, 1)
		}
		j.cookies = append(j.cookies, s)
	}
}

// Cookies returns what to send to u. It implements http.CookieJar.
func (j *jar) Cookies(u *url.URL) []*http.Cookie {
	var out []*http.Cookie
	for _, s := range j.matching(u) {
		out = append(out, &http.Cookie{Name: s.name, Value: s.value})
	}
	return out
}

// header returns the Cookie header to send to u, or "".
func (j *jar) header(u *url.URL) string {
	matching := j.matching(u)
	if len(matching) == 0 {
		return ""
	}
	var r http.Request // its AddCookie knows how to write values
	r.Header = make(http.Header, 1)
	for _, s := range matching {
		r.AddCookie(&http.Cookie{Name: s.name, Value: s.value})
	}
	return r.Header.Get("Cookie")
}

func (j *jar) matching(u *url.URL) []storedCookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.cookies) == 0 {
		return nil
	}
	now, host, path := j.now(), hostOf(u), u.Path
	if path == "" {
		path = "/"
	}
	var out []storedCookie
	for _, s := range j.cookies {
		if !s.expired(now) && s.goesTo(host, path, u.Scheme == "https") {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b storedCookie) int { return len(b.path) - len(a.path) }) // longer paths first
	return out
}

func (s storedCookie) expired(now time.Time) bool {
	return !s.expires.IsZero() && !now.Before(s.expires)
}

func (s storedCookie) goesTo(host, path string, secure bool) bool {
	if s.secure && !secure {
		return false
	}
	if host != s.domain && (s.hostOnly || !strings.HasSuffix(host, "."+s.domain)) {
		return false
	}
	rest, ok := strings.CutPrefix(path, s.path)
	return ok && (rest == "" || strings.HasSuffix(s.path, "/") || rest[0] == '/')
}

// accept turns a Set-Cookie of u into what the jar keeps, or refuses it.
func accept(u *url.URL, c *http.Cookie, now time.Time) (storedCookie, bool) {
	host := hostOf(u)
	s := storedCookie{name: c.Name, value: c.Value, domain: host, path: c.Path, hostOnly: true, secure: c.Secure}
	if d := strings.ToLower(strings.TrimPrefix(c.Domain, ".")); d != "" && d != host {
		// A name of one label would be a whole top-level domain.
		if !strings.Contains(d, ".") || !strings.HasSuffix(host, "."+d) || isAddress(host) {
			return s, false
		}
		s.domain, s.hostOnly = d, false
	} else if d != "" {
		s.hostOnly = isAddress(host)
	}
	if s.secure && u.Scheme != "https" {
		return s, false
	}
	if !strings.HasPrefix(s.path, "/") {
		s.path = "/"
		if i := strings.LastIndexByte(u.Path, '/'); i > 0 {
			s.path = u.Path[:i]
		}
	}
	switch {
	case c.MaxAge < 0:
		s.expires = now
	case c.MaxAge > 0:
		s.expires = now.Add(time.Duration(min(c.MaxAge, 1<<30)) * time.Second)
	case !c.Expires.IsZero():
		s.expires = c.Expires
	}
	return s, true
}

func hostOf(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") }

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
