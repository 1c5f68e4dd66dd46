package idlayrfake

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// limitWindow is what Config.RateLimit counts over.
const limitWindow = time.Hour

// maxLimited bounds the addresses counted in a window. Those beyond share a count.
const maxLimited = 1 << 12

// limits counts requests in windows of the same length for everybody. The
// platform's lock guards it.
type limits struct {
	ends      time.Time
	projects  map[*Project]int
	addresses map[netip.Addr]int
}

// limit counts a request and says in the headers what is left.
func (p *Platform) limit(x *exchange) failure {
	allowed := p.cfg.RateLimit
	if allowed <= 0 {
		return nil
	}
	project := p.onBehalfOf(x)
	now := p.cfg.Clock.Now()
	p.mu.Lock()
	used := p.limits.count(now, project, callerOf(x.r))
	ends := p.limits.ends
	p.mu.Unlock()

	h := x.w.Header()
	h["X-RateLimit-Limit"] = []string{strconv.Itoa(allowed)}
	h["X-RateLimit-Remaining"] = []string{strconv.Itoa(max(0, allowed-used))}
	h["X-RateLimit-Reset"] = []string{strconv.FormatInt(ends.Unix(), 10)}
	if used <= allowed {
		return nil
	}
	h["Retry-After"] = []string{strconv.Itoa(int((ends.Sub(now) + time.Second - 1) / time.Second))}
	return tooMany.because("rate limit")
}

// count returns how many requests there were in this window, this one included.
// A window begins with the first request in it.
func (l *limits) count(now time.Time, project *Project, caller netip.Addr) int {
	if !now.Before(l.ends) {
		// On a whole second, so that X-RateLimit-Reset says neither more nor less.
		l.ends = now.Add(limitWindow).Truncate(time.Second)
		l.projects, l.addresses = map[*Project]int{}, map[netip.Addr]int{}
	}
	if project != nil {
		l.projects[project]++
		return l.projects[project]
	}
	if _, known := l.addresses[caller]; !known && len(l.addresses) >= maxLimited {
		caller = netip.Addr{}
	}
	l.addresses[caller]++
	return l.addresses[caller]
}

// onBehalfOf returns the project that a request is counted for: its token's, its
// client's or that of the check URL; nil if it is nobody's.
func (p *Platform) onBehalfOf(x *exchange) *Project {
	header := x.r.Header.Get("Authorization")
	scheme, value, _ := strings.Cut(header, " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return p.authenticate(x)
	case strings.EqualFold(scheme, "Bearer"):
		p.mu.Lock()
		defer p.mu.Unlock()
		if tok := p.tokens.byValue[strings.Trim(value, " ")]; p.cfg.Clock.Now().Before(tok.expires) {
			return tok.project
		}
	case header == "" && x.r.Method == http.MethodGet && x.checkID != "":
		p.mu.Lock()
		defer p.mu.Unlock()
		if r := p.store.byID[x.checkID]; r != nil && r.api == x.api {
			return r.project
		}
	}
	return nil
}
