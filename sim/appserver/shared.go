package appserver

import (
	"context"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

// shared is something of the platform's that all requests share for a time. Whoever needs a new one first starts a fetch;
// everybody else who comes meanwhile waits for the same fetch. The lock is never held during a call.
type shared[T any] struct {
	clk clock.Clock
	// fetch gets the thing and says for how long it may be used, counted from when it was asked for.
	fetch func(context.Context) (value T, life time.Duration, err error)
	calls sync.WaitGroup

	mu     sync.Mutex
	value  T
	asked  time.Time // when the value was asked for
	until  time.Time // when it is no longer used; the zero time while there is none
	flight *flight[T]
	closed bool
}

// flight is one fetch under way; value and err are set when done is closed.
type flight[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// get returns the shared value, fetching it when there is none, its time is over, or unfit says that it will not do.
// What the fetch brings is returned as it is.
func (h *shared[T]) get(ctx context.Context, unfit func(value T, age time.Duration) bool) (none T, err error) {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return none, unavailable
	}
	now := h.clk.Now()
	if now.Before(h.until) && (unfit == nil || !unfit(h.value, now.Sub(h.asked))) {
		defer h.mu.Unlock()
		return h.value, nil
	}
	f := h.flight
	if f == nil {
		f = &flight[T]{done: make(chan struct{})}
		h.flight = f
		h.calls.Add(1)
		// The fetch serves others too, so it must outlive the request that happened to come first.
		go h.run(context.WithoutCancel(ctx), f)
	}
	h.mu.Unlock()

	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return none, ended(ctx)
	}
}

func (h *shared[T]) run(ctx context.Context, f *flight[T]) {
	defer h.calls.Done()
	defer close(f.done)
	asked := h.clk.Now()
	var life time.Duration
	f.value, life, f.err = h.fetch(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flight = nil
	if f.err == nil {
		h.value, h.asked, h.until = f.value, asked, asked.Add(life)
	}
}

// wait forbids further fetches and returns when none is under way.
func (h *shared[T]) wait() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.calls.Wait()
}
