// Package clock is the one source of time of a simulated world.
//
// Everything that waits or looks at the time takes a [Clock]. [Manual] stands still and moves when told, running all
// work that falls due on the way; [Real] is the machine's clock plus an offset that can be pushed forward.
package clock

import (
	"context"
	"time"
)

// Clock tells the time and schedules work on it. Implementations are safe for concurrent use.
type Clock interface {
	// Now returns the current time.
	Now() time.Time
	// AfterFunc runs f once, d after now, and returns a function that cancels it; stop reports whether it did so before f
	// was started. f must not block for long: on a Manual clock it runs on the goroutine that moves the time.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
	// Sleep waits for d, or until ctx ends, and then returns the cause of its end.
	Sleep(ctx context.Context, d time.Duration) error
}

// WithTimeout returns a copy of parent that ends d after now on clk, with [context.DeadlineExceeded] as its cause.
// It differs from [context.WithTimeout] in that the deadline is on clk, which need not be the machine's clock.
// Cancel releases the timer, as with the standard function.
func WithTimeout(parent context.Context, clk Clock, d time.Duration) (ctx context.Context, cancel context.CancelFunc) {
	ctx, cancelCause := context.WithCancelCause(parent)
	if d <= 0 {
		cancelCause(context.DeadlineExceeded)
		return ctx, func() {}
	}
	stop := clk.AfterFunc(d, func() { cancelCause(context.DeadlineExceeded) })
	return ctx, func() {
		stop()
		cancelCause(context.Canceled)
	}
}
