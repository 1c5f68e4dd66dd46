package report

import (
	"bytes"
	"fmt"

	"github.com/phonechecksim/phonechecksim/sim/journal"
)

// mermaid writes one sequence diagram per scenario, under its name.
func mermaid(b *bytes.Buffer, r Run) error {
	for i, res := range r.Results {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "%%%% %s\n%s", oneLine(res.Scenario), journal.Mermaid(res.Records, journal.MermaidOptions{}))
	}
	return nil
}

// har writes all exchanges as an HTTP archive with a page per scenario.
func har(b *bytes.Buffer, r Run) error {
	pages := make([]journal.HARPage, len(r.Results))
	for i, res := range r.Results {
		pages[i] = journal.HARPage{Title: res.Scenario, Records: res.Records}
	}
	return journal.HAR(b, pages)
}
