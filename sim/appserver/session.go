package appserver

import (
	"container/list"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

const (
	cookieName   = "session"
	sessionLife  = 30 * time.Minute // without being used
	maxSessions  = 10_000
	maxPerOwner  = 10 // checks that one session remembers
	maxCodes     = 5  // that are tried for one check: it has one, and whoever has to guess must not get far
	maxCode      = 256
	sessionBytes = 16
)

// sessions remembers who started which check. It is bounded: the session that was not used for the longest time goes
// first, as does the oldest check of a session.
type sessions struct {
	clk clock.Clock

	mu   sync.Mutex
	byID map[string]*list.Element
	used list.List           // of *session, the latest used in front
	made map[string]*attempt // by the check's id, for those who know no session
}

type session struct {
	id       string
	last     time.Time
	checks   []*attempt // oldest first
	verified string     // the number, E.164 without plus; empty while there is none
}

// attempt is one check. The number is fixed when it is made: no later request can say another.
type attempt struct {
	id      string
	product *product
	number  string
	codes   []string // that were tried, each once
	told    *outcome // what a callback said it ended with; it counts when the session asks
	final   *outcome // what it ended with, nil while the session has not learned it
}

func newSessions(clk clock.Clock) *sessions {
	return &sessions{clk: clk, byID: map[string]*list.Element{}, made: map[string]*attempt{}}
}

// find returns a live session and marks it as used, with the lock held.
func (s *sessions) find(id string) *session {
	now := s.clk.Now()
	for e := s.used.Back(); e != nil && now.Sub(e.Value.(*session).last) >= sessionLife; e = s.used.Back() {
		s.drop(e)
	}
	e := s.byID[id]
	if e == nil {
		return nil
	}
	found := e.Value.(*session)
	found.last = now
	s.used.MoveToFront(e)
	return found
}

func (s *sessions) drop(e *list.Element) {
	dropped := e.Value.(*session)
	for _, a := range dropped.checks {
		delete(s.made, a.id)
	}
	delete(s.byID, dropped.id)
	s.used.Remove(e)
}

// add binds a new check to the session of that id, which is made if it is not there.
func (s *sessions) add(id string, a *attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner := s.find(id)
	if owner == nil {
		owner = &session{id: id, last: s.clk.Now()}
		s.byID[id] = s.used.PushFront(owner)
		if s.used.Len() > maxSessions {
			s.drop(s.used.Back())
		}
	}
	if len(owner.checks) == maxPerOwner {
		delete(s.made, owner.checks[0].id)
		copy(owner.checks, owner.checks[1:])
		owner.checks = owner.checks[:maxPerOwner-1]
	}
	owner.checks = append(owner.checks, a)
	s.made[a.id] = a
}

// live reports whether there is such a session.
func (s *sessions) live(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(id) != nil
}

// check returns whether the session has that check and, if it has ended, how.
func (s *sessions) check(owner, id string, p *product) (final *outcome, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, a := s.attempt(owner, id, p)
	if a == nil {
		return nil, false
	}
	return a.final, true
}

// try spends a code on a check of the session. It returns how the check has ended if it has, and a problem if there is no
// such check or the code is not to be tried.
func (s *sessions) try(owner, id string, p *product, code string) (final *outcome, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, a := s.attempt(owner, id, p)
	switch {
	case a == nil:
		return nil, checkNotFound
	case a.final != nil:
		return a.final, nil
	case slices.Contains(a.codes, code):
		return nil, codeUsed
	case len(a.codes) == maxCodes || len(code) > maxCode:
		return nil, codeRefused
	}
	a.codes = append(a.codes, code)
	return nil, nil
}

// finish keeps how a check ended and returns it: of two ends that were read at once, the first one stays.
func (s *sessions) finish(owner, id string, p *product, o outcome) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, a := s.attempt(owner, id, p)
	if a == nil {
		return o
	}
	found.end(a, o)
	return *a.final
}

// tell keeps what a callback said of a check. It changes nothing for the session until that asks: a session is verified by
// its own request, not by one that anybody's device may have brought about. And what needs a code is not had from a
// callback at all.
func (s *sessions) tell(name string, o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.made[o.CheckID]
	if a == nil || a.product.name != name || a.told != nil || a.product.coded && o.Status == statusCompleted {
		return
	}
	a.told = &o
}

// attempt finds a check of a session, with the lock held. The session has then asked for it, so a callback counts.
func (s *sessions) attempt(owner, id string, p *product) (*session, *attempt) {
	found := s.find(owner)
	if found == nil {
		return nil, nil
	}
	for _, a := range found.checks {
		if a.id == id && a.product == p {
			if a.told != nil {
				found.end(a, *a.told)
			}
			return found, a
		}
	}
	return found, nil
}

// end makes o the end of a check that has none yet.
func (s *session) end(a *attempt, o outcome) {
	if a.final != nil {
		return
	}
	a.final = &o
	if o.proves(a.product) {
		s.verified = a.number
	}
}

// verified returns the number that the session has proved, or "".
func (s *sessions) verified(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner := s.find(id); owner != nil {
		return owner.verified
	}
	return ""
}

// sessionID returns what the device says its session is. It proves nothing until it is found.
func sessionID(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	return c.Value
}

// newSessionID draws an id that cannot be guessed.
func (s *Server) newSessionID() (string, error) {
	var b [sessionBytes]byte
	s.randMu.Lock() // a reader need not be safe for concurrent use
	defer s.randMu.Unlock()
	if _, err := io.ReadFull(s.c.Rand, b[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(b[:]), nil
}

func setCookie(w http.ResponseWriter, r *http.Request, id string) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: id, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
	})
}
