package clock

import (
	"context"
	"sync"
	"time"
)

// Real is the machine's clock plus an offset, which [Real.Advance] increases. Inside a testing/synctest bubble it is
// the bubble's clock. The zero value is ready to use.
type Real struct {
	mu     sync.Mutex
	offset time.Duration
	timers timers
}

// NewReal returns the machine's clock.
func NewReal() *Real { return &Real{} }

// Now returns the machine's time plus the offset.
func (r *Real) Now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now()
}

// Offset returns by how much the clock is ahead of the machine's.
func (r *Real) Offset() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.offset
}

func (r *Real) now() time.Time { return time.Now().Add(r.offset) }

// AfterFunc implements [Clock]; f runs on a goroutine of its own, or on that of an Advance that reaches it.
func (r *Real) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.timers.add(r.now().Add(d), f)
	t.wake = time.AfterFunc(d, func() {
		if r.take(t) {
			f()
		}
	})
	return func() bool { return r.take(t) }
}

// take removes t from the queue and reports whether the caller is the one who may decide about it.
func (r *Real) take(t *timer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.wake.Stop()
	return r.timers.remove(t)
}

// Advance skips d: the clock jumps ahead, and returns when all work that fell due by the jump has run, in order.
func (r *Real) Advance(d time.Duration) {
	r.mu.Lock()
	r.offset += d
	for {
		t := r.timers.due(r.now())
		if t == nil {
			break
		}
		t.wake.Stop()
		r.mu.Unlock()
		t.f()
		r.mu.Lock()
	}
	now := r.now()
	for _, t := range r.timers.queue {
		t.wake.Reset(t.when.Sub(now))
	}
	r.mu.Unlock()
}

// Sleep implements [Clock].
func (r *Real) Sleep(ctx context.Context, d time.Duration) error { return sleep(ctx, r, d) }
