package contract

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"strings"
)

// Formats are what [Report.Write] can write.
func Formats() []string { return []string{"text", "json", "junit", "markdown", "sarif", "github"} }

// Write writes the report in one of the [Formats]. It returns the error of w.
func (r *Report) Write(w io.Writer, format string) error {
	switch format {
	case "text":
		return r.WriteText(w)
	case "json":
		return writeJSON(w, r)
	case "junit":
		return r.junit(w)
	case "markdown":
		return r.markdown(w)
	case "sarif":
		return writeJSON(w, r.sarif())
	case "github":
		return r.github(w)
	}
	return fmt.Errorf("contract: there is no format %q; there are %s", format, strings.Join(Formats(), ", "))
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// junit writes a test suite with a case for each check. Hints are passed cases with their text as output.
func (r *Report) junit(w io.Writer) error {
	type problem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		Failure *problem `xml:"failure,omitempty"`
		Error   *problem `xml:"error,omitempty"`
		Skipped *problem `xml:"skipped,omitempty"`
		Output  string   `xml:"system-out,omitempty"`
	}
	type suite struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Cases    []testcase `xml:"testcase"`
	}
	s := suite{Name: "contract of " + printable(r.Profile)}
	class := "contract." + printable(r.Profile)
	if p := r.Problem; p != nil {
		s.Errors++
		s.Cases = append(s.Cases, testcase{Name: "preflight", Class: class, Error: &problem{Message: printable(p.Text), Text: printable(p.text())}})
	}
	for i := range r.Results {
		result := &r.Results[i]
		c := testcase{Name: result.ID + " " + result.Title, Class: class}
		switch {
		case result.counts():
			s.Failures++
			c.Failure = &problem{Message: printable(result.Findings[0].Text), Type: string(result.Severity), Text: printable(result.text())}
		case result.Verdict == NotRun:
			s.Skipped++
			c.Skipped = &problem{Message: printable(result.Reason)}
		case len(result.Findings) > 0:
			c.Output = printable(result.text())
		}
		s.Cases = append(s.Cases, c)
	}
	s.Tests = len(s.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// printable drops what XML cannot hold and terminals obey.
func printable(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = oneLine(lines[i])
	}
	return strings.ToValidUTF8(strings.Join(lines, "\n"), "�")
}

// markdown writes the report for a pull request or a wiki.
func (r *Report) markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Contract of %s (%s)\n\n%s\n", cell(r.Profile), r.Version, cell(r.Summary.Text))
	if p := r.Problem; p != nil {
		b.WriteString("\n" + fenced(p.text()))
	}
	if len(r.Results) > 0 {
		b.WriteString("\n|  | Check | Severity | Verdict |\n|:-:|---|---|---|\n")
	}
	chosen, _ := r.chosen()
	for _, result := range chosen {
		verdict := string(result.Verdict)
		if result.Known {
			verdict += ", known"
		}
		if result.Reason != "" {
			verdict += ": " + result.Reason
		}
		fmt.Fprintf(&b, "| %s | %s %s | %s | %s |\n", marks[result.Verdict], result.ID, cell(result.Title), result.Severity, cell(verdict))
	}
	for _, result := range r.Results {
		if len(result.Findings) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s %s\n\n%s\n\n", result.ID, cell(result.Title), cell(capital(result.Why)+"."))
		for _, f := range result.Findings {
			kind := "Defect"
			if !f.Sure {
				kind = "Hint"
			}
			fmt.Fprintf(&b, "- %s: %s\n", kind, cell(f.Text))
		}
		b.WriteString("\n" + fenced(sequence(result.Findings[0].Evidence)))
		fmt.Fprintf(&b, "\n**Fix.** %s\n\n**Replay.** `%s`\n", cell(result.Fix), strings.ReplaceAll(oneLine(result.Replay), "`", "'"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// cell makes text harmless inside Markdown.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`, "`", "'", "[", `\[`, "]", `\]`).Replace(oneLine(s))
}

// fenced is a block of code that nothing in it can end.
func fenced(s string) string {
	fence := "```"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return fence + "text\n" + strings.TrimSuffix(s, "\n") + "\n" + fence + "\n"
}

// github writes workflow commands, which become annotations of the profile's file.
func (r *Report) github(w io.Writer) error {
	var b strings.Builder
	escape := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	say := func(level, title, text string) {
		file := ""
		if r.File != "" {
			file = "file=" + property.Replace(r.File) + ",line=1,"
		}
		fmt.Fprintf(&b, "::%s %stitle=%s::%s\n", level, file, property.Replace(title), escape.Replace(printable(text)))
	}
	if p := r.Problem; p != nil {
		say("error", "contract could not run", p.text())
	}
	for i := range r.Results {
		result := &r.Results[i]
		if len(result.Findings) == 0 {
			continue
		}
		level := "notice"
		switch {
		case result.counts():
			level = "error"
		case !result.Known:
			level = "warning"
		}
		texts := make([]string, 0, len(result.Findings))
		for _, f := range result.Findings {
			texts = append(texts, f.Text)
		}
		say(level, result.ID+" "+result.Title, strings.Join(texts, "\n")+"\n"+result.Fix)
	}
	say("notice", "contract", r.Summary.Text)
	_, err := io.WriteString(w, b.String())
	return err
}

// sarif is the report in the Static Analysis Results Interchange Format 2.1.0.
func (r *Report) sarif() any {
	type object = map[string]any
	levels := map[Severity]string{High: "error", Medium: "warning", Low: "note"}
	scores := map[Severity]string{High: "8.0", Medium: "5.0", Low: "2.0"}
	file := r.File
	if file == "" || strings.HasPrefix(file, "/") || strings.HasPrefix(path.Clean(file), "..") {
		file = path.Base("/" + r.Profile + ".yaml") // a place outside of the repository is none to the readers of this format
	}
	rules, results := []object{}, []object{}
	for i := range r.Results {
		result := &r.Results[i]
		rules = append(rules, object{
			"id": result.ID, "name": result.ID,
			"shortDescription":     object{"text": result.Title},
			"fullDescription":      object{"text": capital(result.Why) + ". Decided thus: " + result.How + "."},
			"help":                 object{"text": result.Fix},
			"defaultConfiguration": object{"level": levels[result.Severity]},
			"properties":           object{"security-severity": scores[result.Severity], "tags": []string{"phonecheck", string(result.Severity)}},
		})
		for _, f := range result.Findings {
			level, kind := levels[result.Severity], "fail"
			if !f.Sure {
				level, kind = "none", "review"
			}
			found := object{
				"ruleId": result.ID, "ruleIndex": i, "level": level, "kind": kind,
				"message":             object{"text": printable(f.Text + "\n" + sequence(f.Evidence))},
				"locations":           []object{{"physicalLocation": object{"artifactLocation": object{"uri": file}, "region": object{"startLine": 1}}}},
				"partialFingerprints": object{"finding/v1": result.ID + ": " + printable(f.Text)},
			}
			if result.Known {
				found["baselineState"] = "unchanged"
			}
			results = append(results, found)
		}
	}
	invocation := object{"executionSuccessful": r.Problem == nil, "exitCode": r.ExitCode()}
	if r.Problem != nil {
		invocation["toolExecutionNotifications"] = []object{{"level": "error", "message": object{"text": printable(r.Problem.text())}}}
	}
	return object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": []object{{
			"tool":        object{"driver": object{"name": "phonechecksim contract", "informationUri": "https://github.com/phonechecksim/phonechecksim", "rules": rules}},
			"invocations": []object{invocation},
			"results":     results,
		}},
	}
}
