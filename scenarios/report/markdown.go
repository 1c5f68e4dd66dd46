package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/phonechecksim/phonechecksim/sim/journal"
)

// markdown writes the summary of a job: a table of all, then each failure with its sequence.
func markdown(b *bytes.Buffer, r Run) error {
	passed, failed := r.count()
	fmt.Fprintf(b, "## Scenarios: %d passed, %d failed\n\nSeed %d.\n\n", passed, failed, r.Seed)
	b.WriteString("| Result | Scenario | Title | Virtual time |\n| --- | --- | --- | ---: |\n")
	for i, res := range r.Results {
		result := "✅ passed"
		if !res.Passed {
			result = "❌ failed"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %.3f s |\n",
			result, markdownText(res.Scenario), markdownText(r.Scenarios[i].Title), res.VirtualSeconds)
	}
	for _, res := range r.Results {
		if res.Passed {
			continue
		}
		fmt.Fprintf(b, "\n### ❌ %s\n\n", markdownText(res.Scenario))
		for _, f := range res.Failures {
			fmt.Fprintf(b, "- %s\n", markdownText(f.String()))
		}
		// No back-tick and no line break comes out of the journal's Mermaid: nothing can end the block early.
		fmt.Fprintf(b, "\n<details>\n<summary>Sequence</summary>\n\n```mermaid\n%s```\n\n</details>\n",
			journal.Mermaid(res.Records, journal.MermaidOptions{}))
	}
	return nil
}

// markdownText makes a text mean nothing but itself, in a table's cell as elsewhere. Lines stay lines.
func markdownText(s string) string {
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(s, "\r", "\n")) {
		if line = oneLine(line); line != "" {
			lines = append(lines, markdownEscapes.Replace(line))
		}
	}
	return strings.Join(lines, "<br>")
}

var markdownEscapes = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", // HTML
	`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "#", `\#`, "~", `\~`, "$", `\$`,
	"@", "&#64;", // or it calls people
)
