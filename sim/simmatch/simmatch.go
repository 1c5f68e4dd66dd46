// Package simmatch has Gomega matchers for what comes out of a simulated world. A failure shows the sequence of what
// crossed the network, and what came nearest.
package simmatch

import (
	"fmt"
	"strings"

	"github.com/onsi/gomega/types"

	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/journal"
)

// matcher is a condition on an actual value of type T, with a failure text of its own.
type matcher[T any] struct {
	want  string
	holds func(T) (ok bool, got string)
	show  func(T) string
	got   string
}

func (m *matcher[T]) Match(actual any) (bool, error) {
	a, ok := actual.(T)
	if !ok {
		return false, fmt.Errorf("%s wants a %T, this is a %T", m.want, *new(T), actual)
	}
	ok, m.got = m.holds(a)
	return ok, nil
}

func (m *matcher[T]) FailureMessage(actual any) string {
	return fmt.Sprintf("Expected %s\nbut %s\n\n%s", m.want, m.got, m.show(actual.(T)))
}

func (m *matcher[T]) NegatedFailureMessage(actual any) string {
	return fmt.Sprintf("Expected it not to be so: %s\n\n%s", m.want, m.show(actual.(T)))
}

func outcome(want string, holds func(sim.Outcome) (bool, string)) types.GomegaMatcher {
	return &matcher[sim.Outcome]{want: want, holds: holds, show: func(o sim.Outcome) string { return o.Explain() + "\n\n" + o.Timeline() }}
}

// told is what the server told the device.
func told(o sim.Outcome) string {
	switch {
	case o.Err != nil:
		return "it failed: " + o.Err.Error()
	case o.Match == nil:
		return fmt.Sprintf("the server answered %d without a match", o.Status)
	}
	return fmt.Sprintf("the server answered match %t", *o.Match)
}

// HaveMatched succeeds for a [sim.Outcome] whose device was told that the number is its user's.
func HaveMatched() types.GomegaMatcher {
	return outcome("the server to answer match true", func(o sim.Outcome) (bool, string) { return o.Matched(), told(o) })
}

// HaveMismatched succeeds for a [sim.Outcome] whose device was told that the number is not its user's. No answer is
// neither a match nor a mismatch.
func HaveMismatched() types.GomegaMatcher {
	return outcome("the server to answer match false", func(o sim.Outcome) (bool, string) {
		return o.Match != nil && !*o.Match, told(o)
	})
}

// HaveCheckStatus succeeds for a [sim.Outcome] whose check the platform has in the given status, such as "ERROR", and
// with the given error code if there is one.
func HaveCheckStatus(status string, errorCode ...string) types.GomegaMatcher {
	want := strings.Join(append([]string{status}, errorCode...), " ")
	return outcome("the check to be "+want, func(o sim.Outcome) (bool, string) {
		c, ok := o.Check()
		if !ok {
			return false, "there is no check"
		}
		is := string(c.Status)
		if c.ErrorCode != "" && len(errorCode) > 0 {
			is += " " + c.ErrorCode
		}
		return is == want, "it is " + is
	})
}

func world(want string, holds func([]journal.Record) (bool, string)) types.GomegaMatcher {
	return &matcher[*sim.World]{want: want, show: (*sim.World).Timeline, holds: func(w *sim.World) (bool, string) {
		return holds(w.Journal().Records())
	}}
}

// HaveExchange succeeds for a [*sim.World] whose journal has an exchange with such a line; see [journal.Record.Line]. In
// the pattern * stands for any characters, and -> may be written for →.
func HaveExchange(pattern string) types.GomegaMatcher {
	return world("an exchange "+pattern, func(records []journal.Record) (bool, string) {
		all := journal.Exchanges(records)
		for i := range all {
			if all[i].Matches(pattern) {
				return true, ""
			}
		}
		return false, nearest(pattern, all)
	})
}

// HaveExchanges succeeds for a [*sim.World] whose journal has exactly these exchanges, in this order.
func HaveExchanges(patterns ...string) types.GomegaMatcher {
	return world("exactly these exchanges:\n  "+strings.Join(patterns, "\n  "), func(records []journal.Record) (bool, string) {
		all := journal.Exchanges(records)
		for i, pattern := range patterns {
			if i >= len(all) {
				return false, fmt.Sprintf("number %d is missing: %s", i+1, pattern)
			}
			if !all[i].Matches(pattern) {
				return false, fmt.Sprintf("number %d is %s", i+1, all[i].Line())
			}
		}
		if len(all) > len(patterns) {
			return false, fmt.Sprintf("there is one more: %s", all[len(patterns)].Line())
		}
		return true, ""
	})
}

// HaveNote succeeds for a [*sim.World] in whose journal an actor made a note that contains the given text.
func HaveNote(text string) types.GomegaMatcher {
	return world(fmt.Sprintf("a note with %q", text), func(records []journal.Record) (bool, string) {
		var notes []string
		for i := range records {
			notes = append(notes, records[i].Notes...)
		}
		for _, n := range notes {
			if strings.Contains(n, text) {
				return true, ""
			}
		}
		return false, "the notes are:\n  " + strings.Join(notes, "\n  ")
	})
}

// nearest names the exchange that has most words in common with the pattern.
func nearest(pattern string, all []journal.Record) string {
	words := strings.Fields(strings.ReplaceAll(pattern, "*", " "))
	best, most := "nothing crossed the network", -1
	for i := range all {
		line, common := all[i].Line(), 0
		for _, w := range words {
			if strings.Contains(line, w) {
				common++
			}
		}
		if common > most {
			best, most = "the nearest is "+line, common
		}
	}
	return best
}
