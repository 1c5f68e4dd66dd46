package idlayrfake

import (
	"sync"
	"time"
)

// agenda is what a platform does later, on its clock and without goroutines of
// its own. It is its platform's until a Reset, which gives it a new one.
type agenda struct {
	running *sync.WaitGroup // the platform's: entries that run now

	mu      sync.Mutex
	closed  bool
	entries map[*entry]struct{} // waiting
	expiry  bool                // the expiry timer is among them
}

type entry struct{ stop func() bool }

// add has f run d from now, unless the agenda is closed first.
func (a *agenda) add(clock Clock, d time.Duration, f func()) {
	e := new(entry)
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return
	}
	if a.entries == nil {
		a.entries = map[*entry]struct{}{}
	}
	a.entries[e] = struct{}{}
	a.mu.Unlock()

	stop := clock.AfterFunc(d, func() {
		a.mu.Lock()
		_, due := a.entries[e]
		if due {
			delete(a.entries, e)
			a.running.Add(1)
		}
		a.mu.Unlock()
		if due {
			defer a.running.Done()
			f()
		}
	})

	a.mu.Lock()
	e.stop = stop
	closed := a.closed
	a.mu.Unlock()
	if closed {
		stop()
	}
}

// close drops what waits. What runs goes on.
func (a *agenda) close() {
	a.mu.Lock()
	a.closed = true
	var stops []func() bool
	for e := range a.entries {
		if e.stop != nil { // else it is being added, and add stops it
			stops = append(stops, e.stop)
		}
	}
	a.entries = nil
	a.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
}

// later has f run d from now, unless the platform is reset or closed first.
func (p *Platform) later(d time.Duration, f func()) {
	p.mu.Lock()
	a := p.agenda
	p.mu.Unlock()
	a.add(p.cfg.Clock, d, f)
}
