package sim

import (
	"strings"

	"github.com/phonechecksim/phonechecksim/sim/journal"
)

// TB is what a world needs of a test: *testing.T, *testing.B, *testing.F and GinkgoT() have it.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(func())
}

// RunT returns a world for one test. When the test ends the world closes itself and fails the test if something was
// left open; when the test failed, it logs its timeline first.
func RunT(tb TB, opts ...Option) *World {
	tb.Helper()
	w, err := New(opts...)
	if err != nil {
		tb.Fatalf("sim: %v", err)
	}
	tb.Cleanup(func() {
		if tb.Failed() && w.journal.Len() > 0 {
			tb.Logf("what crossed the virtual internet:\n%s", w.Timeline())
		}
		if err := w.Close(); err != nil {
			tb.Errorf("sim: %v", err)
		}
	})
	return w
}

// Timeline is the journal as a terminal shows it, without colour.
func (w *World) Timeline() string {
	var b strings.Builder
	_ = journal.Text(&b, w.journal.Records(), journal.TextOptions{}) // a Builder takes everything
	return b.String()
}
