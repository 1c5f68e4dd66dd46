package idlayrfake

import (
	"context"
	"sync"
	"time"
)

// Checks expire when somebody looks. Only an observer wants to know at the very
// moment, and for that one timer is enough: all checks live equally long, so the
// oldest expires first.

// expiryTimer is that timer, guarded by the platform's lock.
type expiryTimer struct {
	armed   bool
	set     int         // how often it was armed
	stop    func() bool // of the last one
	closed  bool
	running sync.WaitGroup
}

// passTime ends all checks whose time is up and sees to the rest. They are
// nobody's request, hence the background context.
func (p *Platform) passTime() {
	now := p.cfg.Clock.Now()
	p.mu.Lock()
	expired := p.store.expire(now)
	p.mu.Unlock()
	for _, t := range expired {
		p.observe(context.Background(), t)
	}
	p.watch(now)
}

// watch arms the timer if there is something to tell and it is not armed yet.
func (p *Platform) watch(now time.Time) {
	if p.cfg.Observe == nil {
		return
	}
	p.mu.Lock()
	deadline, some := p.store.deadline()
	if !some || p.timer.armed || p.timer.closed {
		p.mu.Unlock()
		return
	}
	p.timer.armed = true
	p.timer.set++
	set := p.timer.set
	p.mu.Unlock()

	stop := p.cfg.Clock.AfterFunc(deadline.Sub(now), p.ring)

	p.mu.Lock()
	if p.timer.set == set { // else it rang already and was armed anew
		p.timer.stop = stop
	}
	closed := p.timer.closed
	p.mu.Unlock()
	if closed {
		stop()
	}
}

// ring is the timer's function.
func (p *Platform) ring() {
	p.mu.Lock()
	if p.timer.closed {
		p.mu.Unlock()
		return
	}
	p.timer.armed = false
	p.timer.running.Add(1)
	p.mu.Unlock()
	defer p.timer.running.Done()
	p.passTime()
}
