package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode"

	"github.com/phonechecksim/phonechecksim/scenarios"
)

// The elements of a JUnit report that CI systems agree on.
type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		junitTotals
		Suite junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitTotals
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitTotals struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`  // a scenario that cannot be played ends the run: always 0
		Skipped  int    `xml:"skipped,attr"` // always 0
		Time     string `xml:"time,attr"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		File      string        `xml:"file,attr,omitempty"`
		Failure   *junitFailure `xml:"failure"`
		SystemOut *junitText    `xml:"system-out"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		junitText
	}
	junitText struct {
		Text string `xml:",cdata"` // outside of CDATA the encoder writes line breaks as entities
	}
)

func junit(b *bytes.Buffer, r Run) error {
	suite := junitSuite{Name: "scenarios", Properties: []junitProperty{{"seed", fmt.Sprint(r.Seed)}}}
	seconds := 0.0
	for i, res := range r.Results {
		seconds += res.VirtualSeconds
		suite.Cases = append(suite.Cases, junitCaseOf(res, r.file(i)))
	}
	_, failed := r.count()
	suite.junitTotals = junitTotals{Tests: len(r.Results), Failures: failed, Time: junitTime(seconds)}
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(b)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Name: "phonechecksim", junitTotals: suite.junitTotals, Suite: suite}); err != nil {
		return err
	}
	b.WriteByte('\n')
	return nil
}

func junitCaseOf(res *scenarios.Result, file string) junitCase {
	c := junitCase{Name: res.Scenario, Classname: "scenarios", Time: junitTime(res.VirtualSeconds), File: file}
	if res.Passed {
		return c
	}
	// One element for all of them: there are readers that look at the first only.
	c.Failure = &junitFailure{Type: "expectation"}
	var all []string
	for _, f := range res.Failures {
		all = append(all, f.String())
	}
	if c.Failure.Text = xmlText(strings.Join(all, "\n")); len(all) > 0 {
		c.Failure.Message = all[0]
	}
	if len(all) > 1 {
		c.Failure.Message += fmt.Sprintf(" (and %d more)", len(all)-1)
	}
	c.SystemOut = &junitText{xmlText("\n" + sequence(res) + "\n" + res.Explanation + "\n")}
	return c
}

// junitTime writes seconds as the readers want them.
func junitTime(seconds float64) string { return fmt.Sprintf("%.3f", seconds) }

// xmlText replaces what no XML document may hold, as the encoder does by itself everywhere but in CDATA, and ends lines
// as any parser would.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r == '\uFFFE' || r == '\uFFFF' {
			return unicode.ReplacementChar
		}
		return r
	}, strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s))
}
