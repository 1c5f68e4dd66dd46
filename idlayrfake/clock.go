package idlayrfake

import "time"

// Clock is the time a platform lives in.
type Clock interface {
	// Now returns the current instant.
	Now() time.Time
	// AfterFunc runs f once, d from now, on a goroutine of the clock's choice.
	// The returned function prevents that and reports whether it was in time.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// wallClock is the real time. It is the only place of this package that asks the
// time package for it.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}
