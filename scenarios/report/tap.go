package report

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// tap writes the Test Anything Protocol, version 14, with what failed as YAML under the test.
func tap(b *bytes.Buffer, r Run) error {
	fmt.Fprintf(b, "TAP version 14\n1..%d\n# seed %d\n", len(r.Results), r.Seed)
	for i, res := range r.Results {
		result := "ok"
		if !res.Passed {
			result = "not ok"
		}
		fmt.Fprintf(b, "%s %d - %s\n", result, i+1, tapText(res.Scenario+": "+r.Scenarios[i].Title))
		if res.Passed {
			continue
		}
		b.WriteString("  ---\n")
		if file := r.file(i); file != "" {
			fmt.Fprintf(b, "  file: %s\n", strconv.Quote(file))
		}
		fmt.Fprintf(b, "  virtual_seconds: %.3f\n", res.VirtualSeconds)
		fmt.Fprintf(b, "  explanation: %s\n", strconv.Quote(res.Explanation))
		b.WriteString("  failures:\n")
		for _, f := range res.Failures {
			// Every escape of Go's quoted strings means the same in YAML's.
			fmt.Fprintf(b, "    - where: %s\n      line: %d\n      what: %s\n      want: %s\n      got: %s\n",
				strconv.Quote(f.Where), f.Line, strconv.Quote(f.What), strconv.Quote(f.Want), strconv.Quote(f.Got))
		}
		b.WriteString("  ...\n")
	}
	passed, failed := r.count()
	fmt.Fprintf(b, "# %d passed, %d failed\n", passed, failed)
	return nil
}

// tapText is a test's description. A # would begin a directive.
func tapText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "#", `\#`).Replace(oneLine(s))
}
