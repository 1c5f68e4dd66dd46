package clock

import (
	"context"
	"sync"
	"time"
)

// Manual is a clock that stands still until it is told to move.
//
// With moving waits (see [NewMoving]) a Sleep moves it: simulated latency then costs no real time and needs nobody to
// push. Without them a Sleep blocks until [Manual.Advance] has moved past its end.
type Manual struct {
	moving bool

	mu     sync.Mutex
	now    time.Time
	timers timers
}

// NewManual returns a clock that stands at start and moves by [Manual.Advance] alone.
func NewManual(start time.Time) *Manual { return &Manual{now: start} }

// NewMoving returns a clock that stands at start and is also moved by whoever sleeps on it. It is meant for callers
// that wait one at a time; of several that sleep at once, the one with the latest end decides how far time goes.
func NewMoving(start time.Time) *Manual { return &Manual{now: start, moving: true} }

// Now returns the time at which the clock stands.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// AfterFunc implements [Clock]. Work that is due already runs at the next move, even one of no length.
func (m *Manual) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.timers.add(m.now.Add(max(d, 0)), f)
	return func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.timers.remove(t)
	}
}

// Advance moves the clock forward by d and returns when all work that fell due has run, in order of time and, within
// one instant, of scheduling. Each piece runs with the clock standing at its own time, and may schedule more.
func (m *Manual) Advance(d time.Duration) {
	_ = m.moveTo(context.Background(), m.Now().Add(d))
}

// Sleep implements [Clock].
func (m *Manual) Sleep(ctx context.Context, d time.Duration) error {
	if m.moving {
		return m.moveTo(ctx, m.Now().Add(d))
	}
	return sleep(ctx, m, d)
}

// moveTo moves the clock to the target, or as far as ctx lives: work that it runs may end ctx, as a deadline does, and
// then time must not go past that deadline.
func (m *Manual) moveTo(ctx context.Context, target time.Time) error {
	for {
		if err := ended(ctx); err != nil {
			return err
		}
		m.mu.Lock()
		t := m.timers.due(target)
		switch {
		case t == nil:
			m.now = later(m.now, target)
		default:
			m.now = later(m.now, t.when)
		}
		m.mu.Unlock()
		if t == nil {
			return nil
		}
		t.f()
	}
}

// later keeps time from running backwards when two goroutines move it at once.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ended returns why ctx ended, or nil while it lives. A context type of its own may report an end that
// [context.Cause] knows nothing of.
func ended(ctx context.Context) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// sleep waits on clk's own timers, for clocks that somebody else moves.
func sleep(ctx context.Context, clk Clock, d time.Duration) error {
	if err := ended(ctx); err != nil {
		return err
	}
	if d <= 0 {
		return nil
	}
	// The verdict is reached at the instant of waking: when one Advance passes both the end of ctx and that of the wait,
	// the earlier of the two decides, and not which of them this goroutine hears of first.
	over := make(chan error, 1)
	stop := clk.AfterFunc(d, func() { over <- ended(ctx) })
	select {
	case err := <-over:
		return err
	case <-ctx.Done():
		if stop() {
			return ended(ctx)
		}
		return <-over
	}
}
