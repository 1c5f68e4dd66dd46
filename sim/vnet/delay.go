package vnet

import (
	"context"
	"time"
)

// Delay lets the answer to the request that ctx belongs to arrive so much later, as the Delay of a [Fault] does: for hosts
// that take their time. Whoever waits for the answer waits, not the host.
func Delay(ctx context.Context, d time.Duration) {
	l, ok := ctx.Value(linkKey{}).(*link)
	if !ok || d <= 0 {
		return
	}
	Note(ctx, "takes "+d.String())
	l.down.mu.Lock()
	l.down.shape.delay += d
	l.down.mu.Unlock()
}
