package idlayrfake

import (
	"context"
	"time"
)

// Checks expire when somebody looks. Only an observer and the receiver of a
// callback want to know at the very moment, and for them one timer is enough: all
// checks live equally long, so the oldest expires first.

// passTime ends all checks whose time is up and sees to the rest. They are
// nobody's request, hence the background context.
func (p *Platform) passTime() {
	now := p.cfg.Clock.Now()
	p.mu.Lock()
	expired := p.store.expire(now)
	p.mu.Unlock()
	for _, t := range expired {
		p.happened(context.Background(), t)
	}
	p.watch(now)
}

// watch arms the timer if there is something to tell and it is not armed yet.
func (p *Platform) watch(now time.Time) {
	p.mu.Lock()
	a := p.agenda
	deadline, some := p.store.deadline()
	wanted := some && (p.cfg.Observe != nil || p.store.awaited)
	p.mu.Unlock()
	if !wanted {
		return
	}
	a.mu.Lock()
	armed := a.expiry
	a.expiry = true
	a.mu.Unlock()
	if armed {
		return
	}
	a.add(p.cfg.Clock, deadline.Sub(now), func() {
		a.mu.Lock()
		a.expiry = false
		a.mu.Unlock()
		p.passTime()
	})
}
