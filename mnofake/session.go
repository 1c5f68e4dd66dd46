package mnofake

import (
	"sync"
	"time"
)

// maxSessionID bounds the length of a session id in bytes.
const maxSessionID = 128

// session ties the platform's opaque id to what the operator saw on the redirect.
type session struct {
	msisdn  string // empty: unstamped
	done    bool   // the redirect went to its end
	expires time.Time
}

// bind decides what one request on the redirect endpoint makes of a session. The first stamped request names the
// subscriber and no later one changes that. A session that so far was seen unstamped only may still be named: a device whose
// first try went out over https or WiFi repeats it in clear HTTP on cellular, and whoever could abuse that could as well
// have come first.
func bind(s session, msisdn string, last bool) session {
	if s.msisdn == "" {
		s.msisdn = msisdn
	}
	s.done = s.done || last
	return s
}

// sessions keeps a bounded number of sessions for a limited time.
type sessions struct {
	ttl time.Duration
	max int

	mu    sync.Mutex
	byID  map[string]session
	order []string // oldest first; one TTL for all makes it the order of expiry too
}

// bind records a request for the session id; begin allows it to be the session's first. It returns the session as it
// stands after it.
func (ss *sessions) bind(now time.Time, id, msisdn string, begin, last bool) (session, bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.expire(now)
	s, ok := ss.byID[id]
	if !ok {
		if !begin {
			return session{}, false
		}
		if len(ss.order) >= ss.max {
			ss.dropOldest()
		}
		ss.order = append(ss.order, id)
		s.expires = now.Add(ss.ttl)
	}
	s = bind(s, msisdn, last)
	ss.byID[id] = s
	return s, true
}

// get returns a session that went to its end and is not expired.
func (ss *sessions) get(now time.Time, id string) (session, bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.expire(now)
	s, ok := ss.byID[id]
	return s, ok && s.done
}

func (ss *sessions) expire(now time.Time) {
	for len(ss.order) > 0 && !now.Before(ss.byID[ss.order[0]].expires) {
		ss.dropOldest()
	}
}

func (ss *sessions) dropOldest() {
	delete(ss.byID, ss.order[0])
	ss.order[0] = "" // lets go of the string while append still reuses the array
	ss.order = ss.order[1:]
}

// validSessionID accepts what passes through a query and a path unchanged (RFC 3986 unreserved characters).
func validSessionID(id string) bool {
	if id == "" || len(id) > maxSessionID || id == "." || id == ".." {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}
