// Package report writes down what scenarios came to, for people, for programs and for CI systems.
//
// All formats are made from one [Run]. They hold no real time, so that the same scenarios and seed give the same bytes,
// and secrets are shortened in all of them. Phone numbers stay as they are.
package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/sim/journal"
)

// Run is what reports are made from.
type Run struct {
	Seed      uint64
	Scenarios []*scenarios.Scenario
	Results   []*scenarios.Result // in the order of Scenarios

	// Files are the paths of the scenario files, in the order of Scenarios, as a CI system should show them: relative to
	// the repository, with slashes. It may be left out, as a whole or by empty strings.
	Files []string
}

// formats are the functions behind [Write]. What they are given has been redacted.
var formats = map[string]func(*bytes.Buffer, Run) error{
	"github":   github,
	"har":      har,
	"json":     writeJSON,
	"junit":    junit,
	"markdown": markdown,
	"mermaid":  mermaid,
	"tap":      tap,
}

// Formats returns the names of the formats, sorted.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// Write writes a run in one of the [Formats]. After an error other than w's own, nothing has been written.
func Write(w io.Writer, format string, r Run) error {
	write, ok := formats[format]
	switch {
	case !ok:
		return fmt.Errorf("there is no report format %q; there are %s", format, strings.Join(Formats(), ", "))
	case len(r.Scenarios) != len(r.Results):
		return fmt.Errorf("a report needs one result per scenario: %d scenarios, %d results", len(r.Scenarios), len(r.Results))
	}
	var b bytes.Buffer
	if err := write(&b, redacted(r)); err != nil {
		return fmt.Errorf("%s: %w", format, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// redacted returns the run with no secret in what the results say in words. Their records are left as they are: the
// journal redacts what it draws.
func redacted(r Run) Run {
	results := make([]*scenarios.Result, len(r.Results))
	for i, res := range r.Results {
		c := *res
		c.Failures = make([]scenarios.Failure, len(res.Failures))
		for j, f := range res.Failures {
			f.Want, f.Got = journal.Redact(f.Want, false), journal.Redact(f.Got, false)
			c.Failures[j] = f
		}
		c.Exchanges = append([]journal.Entry{}, res.Exchanges...) // never null
		if res.Device != nil {
			d := *res.Device
			d.ErrorDescription = journal.Redact(d.ErrorDescription, false)
			c.Device = &d
		}
		c.Explanation = journal.Redact(c.Explanation, false)
		results[i] = &c
	}
	r.Results = results
	return r
}

// file is the path of a scenario's file, or empty when nobody knows.
func (r *Run) file(i int) string {
	if i < len(r.Files) && r.Files[i] != "" {
		return r.Files[i]
	}
	s := r.Scenarios[i]
	if known, err := scenarios.Named(s.Name); err == nil && known == s {
		return "scenarios/catalog/" + s.Name + ".yaml"
	}
	return ""
}

// count returns how many scenarios came out as they say, and how many did not.
func (r *Run) count() (passed, failed int) {
	for _, res := range r.Results {
		if res.Passed {
			passed++
		}
	}
	return passed, len(r.Results) - passed
}

// sequence draws what crossed the network, for text without colours.
func sequence(r *scenarios.Result) string {
	var b bytes.Buffer
	_ = journal.Text(&b, r.Records, journal.TextOptions{}) // a buffer takes everything
	return b.String()
}

// oneLine makes a text fit for a line of its own: control characters, line breaks among them, become blanks.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) // line and paragraph separators are spaces
	}), " ")
}
