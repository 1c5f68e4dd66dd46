package idlayrfake

import (
	"container/list"
	"time"
)

// record is a check and what only the platform knows of it. Its fields are
// guarded by the platform's lock, except for the ones that never change.
type record struct {
	Check
	api     *product      // never changes
	project *Project      // never changes
	session string        // what the operator calls it, unless there are visits; never changes
	visits  []visit       // of a coded check: the devices that opened its URL
	asking  chan struct{} // closed when the operator has answered; nil when nobody asks
	askedOf string        // the session that it is asked for
	traces  []traced      // what it went through
	order   *list.Element // position in store.order; nil once dropped
}

// store keeps the checks and the balance. The platform's lock guards it.
type store struct {
	maxFinished int
	balance     int
	awaited     bool // somebody is called back at the end of some check
	byID        map[string]*record
	order       *list.List // of *record, oldest first
	live        []*record  // by deadline; finished ones leave when they come to the front
	finished    []*record  // finished first, first
}

func newStore(balance, maxFinished int) store {
	return store{balance: balance, maxFinished: maxFinished, byID: map[string]*record{}, order: list.New()}
}

// add keeps a new check, reserves its price and returns the balance left.
func (s *store) add(r *record) int {
	s.byID[r.CheckID] = r
	r.order = s.order.PushBack(r)
	r.trace(r.CreatedAt)
	if r.reserves() {
		s.balance -= r.ChargeAmount
	}
	if r.Status.final() {
		s.finish(r)
	} else {
		s.live = append(s.live, r)
	}
	return s.balance
}

// update replaces a check by its next state. The price of one that ends without
// a result is given back; the oldest finished ones give way.
func (s *store) update(r *record, next Check) {
	ended := next.Status.final() && !r.Status.final()
	changed := next.Status != r.Status
	r.Check = next
	if changed {
		r.trace(next.UpdatedAt)
	}
	if !ended || r.order == nil {
		return
	}
	if !next.Charged && !next.Sandbox {
		s.balance += next.ChargeAmount
	}
	s.finish(r)
}

func (s *store) finish(r *record) {
	s.finished = append(s.finished, r)
	for len(s.finished) > s.maxFinished {
		old := s.finished[0]
		s.finished[0] = nil
		s.finished = s.finished[1:]
		s.order.Remove(old.order)
		old.order = nil
		delete(s.byID, old.CheckID)
	}
}

// expire ends the checks whose time is up and returns them, oldest first, as
// transitions.
func (s *store) expire(now time.Time) (expired []transition) {
	for len(s.live) > 0 {
		r := s.live[0]
		if before := r.Check; !before.Status.final() {
			after := expire(before, now)
			if !after.Status.final() {
				break
			}
			s.update(r, after)
			expired = append(expired, transition{r, before, after})
		}
		s.live[0] = nil
		s.live = s.live[1:]
	}
	return expired
}

// deadline returns when the next check expires.
func (s *store) deadline() (time.Time, bool) {
	if len(s.live) == 0 {
		return time.Time{}, false
	}
	return s.live[0].CreatedAt.Add(s.live[0].TTL), true
}

// transition is a check before and after a change.
type transition struct {
	record        *record
	before, after Check
}
