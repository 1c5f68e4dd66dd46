package appserver

import (
	"container/list"
	"encoding/hex"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

const (
	cookieName   = "session"
	sessionLife  = 30 * time.Minute // without being used
	maxSessions  = 10_000
	maxPerOwner  = 10 // checks that one session remembers
	sessionBytes = 16
)

// sessions remembers who started which check. It is bounded: the session that was not used for the longest time goes
// first, as does the oldest check of a session.
type sessions struct {
	clk clock.Clock

	mu   sync.Mutex
	byID map[string]*list.Element
	used list.List // of *session, the latest used in front
}

type session struct {
	id       string
	last     time.Time
	checks   []*attempt // oldest first
	verified string     // the number, E.164 without plus; empty while there is none
}

// attempt is one check. The number is fixed when it is made: no later request can say another.
type attempt struct {
	id     string
	number string
	final  *outcome // what it ended with, nil while it has not
}

func newSessions(clk clock.Clock) *sessions {
	return &sessions{clk: clk, byID: map[string]*list.Element{}}
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
	delete(s.byID, e.Value.(*session).id)
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
		copy(owner.checks, owner.checks[1:])
		owner.checks = owner.checks[:maxPerOwner-1]
	}
	owner.checks = append(owner.checks, a)
}

// live reports whether there is such a session.
func (s *sessions) live(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(id) != nil
}

// check returns whether the session has that check and, if it has ended, how.
func (s *sessions) check(owner, id string) (final *outcome, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, a := s.attempt(owner, id); a != nil {
		return a.final, true
	}
	return nil, false
}

// finish keeps how a check ended and returns it: of two ends that were read at once, the first one stays.
func (s *sessions) finish(owner, id string, o outcome) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, a := s.attempt(owner, id)
	if a == nil {
		return o
	}
	if a.final == nil {
		a.final = &o
		if o.matched() {
			found.verified = a.number
		}
	}
	return *a.final
}

// attempt finds a check of a session, with the lock held.
func (s *sessions) attempt(owner, id string) (*session, *attempt) {
	found := s.find(owner)
	if found == nil {
		return nil, nil
	}
	for _, a := range found.checks {
		if a.id == id {
			return found, a
		}
	}
	return found, nil
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
