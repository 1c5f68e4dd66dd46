package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/phonechecksim/phonechecksim/sim/journal"
)

// expect holds what is expected against what is, and keeps what does not hold.
func (r *run) expect(e Expect, where, path string) {
	fail := func(what, want, got string) {
		if !r.looksAt(what) {
			return
		}
		r.failures = append(r.failures, Failure{Where: where, Line: r.s.file.Line(path + "." + what), What: what, Want: want, Got: got})
	}
	text := func(what, want, got string) {
		if want != "" && want != cmp.Or(got, absent) {
			fail(what, want, cmp.Or(got, absent))
		}
	}
	number := func(what string, want, got int) {
		if want != 0 && want != got {
			fail(what, fmt.Sprint(want), fmt.Sprint(got))
		}
	}

	var known DeviceResult
	if r.last != nil {
		known = r.last.known
	}
	text("device.match", string(e.Device.Match), string(verdictOf(known.Match)))
	text("device.no_sim_change", string(e.Device.NoSIMChange), string(verdictOf(known.NoSIMChange)))
	text("device.code", e.Device.Code, map[bool]string{true: present}[known.Code != ""])
	number("device.answer_status", e.Device.AnswerStatus, known.AnswerStatus)
	number("device.http_status", e.Device.HTTPStatus, known.HTTPStatus)
	text("device.error", e.Device.Error, known.Error)
	text("device.problem", e.Device.Problem, known.Problem)
	answers(e.Device.Answer, known.Answer, fail)

	c, _ := r.check()
	text("check.status", e.Check.Status, string(c.Status))
	text("check.match", string(e.Check.Match), string(verdictOf(c.Match)))
	text("check.error_code", e.Check.ErrorCode, c.ErrorCode)
	text("check.network_id", e.Check.NetworkID, c.NetworkID)

	if v := e.VirtualSeconds; v != nil {
		if now := r.elapsed(); now < v.AtLeast || v.AtMost > 0 && now > v.AtMost {
			fail("virtual_seconds", v.String(), fmt.Sprint(now))
		}
	}
	r.expectJournal(e, fail)
}

// String says the bounds in words.
func (v *Range) String() string {
	if v.AtMost > 0 {
		return fmt.Sprintf("from %v to %v", v.AtLeast, v.AtMost)
	}
	return fmt.Sprintf("at least %v", v.AtLeast)
}

func (r *run) expectJournal(e Expect, fail func(what, want, got string)) {
	if e.Exchanges == nil && e.Notes == nil && e.NoNotes == nil {
		return
	}
	records := r.w.Journal().Records()
	if e.Exchanges != nil {
		expectExchanges(e.Exchanges, journal.Exchanges(records), fail)
	}
	var notes []string
	for i := range records {
		notes = append(notes, records[i].Notes...)
		if records[i].Text != "" {
			notes = append(notes, records[i].Text)
		}
	}
	has := func(part string) bool {
		return slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, part) })
	}
	for i, part := range e.Notes {
		if !has(part) {
			fail(fmt.Sprintf("notes[%d]", i), fmt.Sprintf("a note %q", part), "not among:\n      "+strings.Join(notes, "\n      "))
		}
	}
	for i, part := range e.NoNotes {
		if has(part) {
			fail(fmt.Sprintf("no_notes[%d]", i), fmt.Sprintf("no note %q", part), "there")
		}
	}
}

// expectExchanges wants the very exchanges, in order.
func expectExchanges(want []string, got []journal.Record, fail func(what, want, got string)) {
	for i, pattern := range want {
		if i >= len(got) {
			fail(fmt.Sprintf("exchanges[%d]", i), pattern, "missing")
			return
		}
		if !got[i].Matches(pattern) {
			fail(fmt.Sprintf("exchanges[%d]", i), pattern, got[i].Line())
			return
		}
	}
	if len(got) > len(want) {
		fail("exchanges", fmt.Sprintf("%d exchanges", len(want)), fmt.Sprintf("followed by %s", got[len(want)].Line()))
	}
}
