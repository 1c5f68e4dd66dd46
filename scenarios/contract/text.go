package contract

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes the report for a terminal: a table of all checks, then what was found with its evidence as a short sequence. It returns the
// error of w.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "contract of %s (%s)\n\n", oneLine(r.Profile), r.Version)
	if r.Problem != nil {
		fmt.Fprintf(&b, "could not run: %s\n", r.Problem.text())
		_, err := io.WriteString(w, b.String())
		return err
	}
	width := 0
	chosen, others := r.chosen()
	for _, result := range chosen {
		width = max(width, len([]rune(result.Title)))
	}
	for _, result := range chosen {
		verdict := string(result.Verdict)
		if result.Known {
			verdict += ", known"
		}
		line := fmt.Sprintf("  %s %-4s %-*s  %-6s  %s", marks[result.Verdict], result.ID, width, result.Title, result.Severity, verdict)
		if result.Reason != "" {
			line += ": " + oneLine(result.Reason)
		}
		b.WriteString(line + "\n")
	}
	if others > 0 {
		fmt.Fprintf(&b, "  - %s not chosen\n", plural(others, "check"))
	}
	for _, result := range r.Results {
		if len(result.Findings) > 0 {
			b.WriteString("\n" + result.text() + "\n")
		}
	}
	fmt.Fprintf(&b, "\n%s\n", r.Summary.Text)
	_, err := io.WriteString(w, b.String())
	return err
}

var marks = map[Verdict]string{Pass: "✓", Fail: "✗", Hint: "?", NotRun: "-"}

// chosen are the results of the checks that were wanted, and how many others there are.
func (r *Report) chosen() (chosen []Result, others int) {
	for _, result := range r.Results {
		if strings.HasPrefix(result.Reason, notChosen) {
			others++
			continue
		}
		chosen = append(chosen, result)
	}
	return chosen, others
}
