package journal

import (
	"fmt"
	"strings"

	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// Line is an exchange in one line, for assertions to name it by:
//
//	5 Device → IDlayr GET https://eu.api.idlayr.com/phone_check/v0.1/checks/c69b.../redirect 302 over cellular
//
// The status is "broken" for an exchange that got no answer, and "open" for one that has not ended.
func (r *Record) Line() string {
	status := fmt.Sprint(r.Status)
	switch {
	case r.Open():
		status = "open"
	case r.Status == 0:
		status = "broken"
	}
	return fmt.Sprintf("%d %s → %s %s %s %s over %s", r.Step, r.From, r.To, r.Method, Redact(r.URL, false), status, r.Path)
}

// Matches reports whether the pattern, in which * stands for any characters and -> may be written for →, is the
// record's [Record.Line].
func (r *Record) Matches(pattern string) bool {
	return vnet.MatchPattern(strings.ReplaceAll(pattern, "->", "→"), r.Line())
}

// Exchanges returns the records without the notes that stand by themselves.
func Exchanges(records []Record) []Record {
	var all []Record
	for _, r := range records {
		if !r.IsNote() {
			all = append(all, r)
		}
	}
	return all
}
