package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/sim/journal"
)

// page writes for people.
type page struct {
	w     io.Writer
	color bool
	width int
}

const maxWidth = 120

// newPage colours and measures only what is a terminal.
func newPage(w io.Writer) *page {
	p := &page{w: w, width: 100}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return p
	}
	p.color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		p.width = min(width, maxWidth)
	}
	return p
}

const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
)

func (p *page) paint(style, text string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *page) story(s *scenarios.Scenario) {
	p.line("%s", p.paint(bold, s.Name+": "+s.Title))
	for _, line := range wrap(s.Story, p.width-2) {
		p.line("  %s", line)
	}
	p.line("")
}

// entry is a scenario as the catalog tells it.
func (p *page) entry(s *scenarios.Scenario) {
	p.story(s)
	for _, part := range []struct{ name, text string }{
		{"On the wire", s.Wire}, {"The server sees", s.Server}, {"The device sees", s.Device},
		{"A good integration", s.Integration}, {"Source", s.Source}, {"Tags", tagsOf(s)},
	} {
		if part.text == "" {
			continue
		}
		for i, line := range wrap(part.text, p.width-22) {
			if i > 0 {
				part.name = ""
			}
			p.line("  %s%s", p.paint(dim, fmt.Sprintf("%-20s", part.name)), line)
		}
	}
	p.line("")
}

func (p *page) sequence(r *scenarios.Result) {
	_ = journal.Text(p.w, r.Records, journal.TextOptions{Color: p.color, Width: p.width}) // stdout is gone: nobody to tell
}

func (p *page) verdict(r *scenarios.Result) {
	p.line("")
	for i, line := range strings.Split(r.Explanation, "\n") {
		if i > 0 { // an event, in a line of its own
			p.line("  %s", line)
			continue
		}
		for _, part := range wrap(line, p.width-2) {
			p.line("  %s", part)
		}
	}
	for _, f := range r.Failures {
		p.line("  %s %s", p.paint(red, "✕"), f)
	}
	if r.Passed {
		p.line("  %s", p.paint(green, "✓ as the scenario expects"))
	}
	p.line("")
}

// wrap breaks a text into lines of so many columns.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
