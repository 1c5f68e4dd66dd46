package report

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
)

// github writes workflow commands, which become annotations of the lines where the expectations stand.
func github(b *bytes.Buffer, r Run) error {
	for i, res := range r.Results {
		place := ""
		file := r.file(i)
		if file != "" {
			place = "file=" + githubProperty(file) + ","
		}
		for _, f := range res.Failures {
			at := place
			if file != "" && f.Line > 0 {
				at += fmt.Sprintf("line=%d,", f.Line)
			}
			fmt.Fprintf(b, "::error %stitle=%s::%s\n", at, githubProperty(res.Scenario), githubMessage(f.String()))
		}
	}
	passed, failed := r.count()
	fmt.Fprintf(b, "::notice title=phonechecksim::%d passed, %d failed, seed %d\n", passed, failed, r.Seed)
	return nil
}

// githubMessage makes a text fit for the end of a command: a command ends with its line.
func githubMessage(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
			return unicode.ReplacementChar // the log is shown on terminals
		}
		return r
	}, s)
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// githubProperty makes a text fit for a property, which ends with a comma or a colon.
func githubProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(githubMessage(s))
}
