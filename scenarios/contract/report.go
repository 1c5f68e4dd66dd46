package contract

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/phonechecksim/phonechecksim/sim/journal"
)

// Report is what a run came to.
type Report struct {
	Schema  string   `json:"$schema,omitempty"`
	Profile string   `json:"profile"`
	File    string   `json:"file,omitempty"` // of the profile
	Version string   `json:"version"`        // of the API
	Problem *Problem `json:"problem,omitempty"`
	Results []Result `json:"results"`
	Summary Summary  `json:"summary"`
}

// Problem is why a backend could not be examined.
type Problem struct {
	Text     string     `json:"text"`
	Evidence []Exchange `json:"evidence,omitempty"`
}

// Result is what one check came to.
type Result struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Severity Severity  `json:"severity"`
	Verdict  Verdict   `json:"verdict"`
	Known    bool      `json:"known,omitempty"`  // all that it found is in the baseline
	Reason   string    `json:"reason,omitempty"` // why it was not run
	Why      string    `json:"why"`              // it matters
	How      string    `json:"how"`              // it decides
	Fix      string    `json:"fix"`
	Replay   string    `json:"replay"`
	Findings []Finding `json:"findings,omitempty"`
}

// Finding is one thing that a check found.
type Finding struct {
	Text     string     `json:"text"`
	Sure     bool       `json:"sure"` // proved; else a person has to look
	Evidence []Exchange `json:"evidence,omitempty"`
}

// Exchange is one request that proves something, and its answer. Secrets are cut down to their beginnings.
type Exchange struct {
	At       float64 `json:"at"` // virtual seconds since the first one of the evidence
	From     string  `json:"from"`
	To       string  `json:"to"`
	Path     string  `json:"path,omitempty"` // of a device: "cellular", "wifi"
	Method   string  `json:"method"`
	URL      string  `json:"url"`
	Request  string  `json:"request,omitempty"` // body
	Status   int     `json:"status"`            // 0: no answer
	Answer   string  `json:"answer,omitempty"`  // body
	Error    string  `json:"error,omitempty"`   // on the wire
	Duration float64 `json:"duration,omitempty"`
}

// Summary counts the verdicts.
type Summary struct {
	Pass     int    `json:"pass"`
	Fail     int    `json:"fail"`
	Hint     int    `json:"hint"`
	NotRun   int    `json:"not_run"`
	Known    int    `json:"known"` // findings among fail and hint that are in the baseline
	ExitCode int    `json:"exit_code"`
	Text     string `json:"text"`
}

//go:embed report.schema.json
var reportSchema []byte

//go:embed profile.schema.json
var profileSchema []byte

// ReportSchema is the JSON Schema of a report.
func ReportSchema() []byte { return reportSchema }

// ProfileSchema is the JSON Schema of a profile.
func ProfileSchema() []byte { return profileSchema }

const schemaID = "https://phonechecksim.github.io/schema/contract-report.json"

func newReport(cfg *Config) *Report {
	return &Report{Schema: schemaID, Profile: cfg.Profile.Name, File: cfg.Profile.file, Version: cfg.Profile.Version, Results: []Result{}}
}

// ReadReport reads a report in JSON, such as the one that is the baseline of the next.
func ReadReport(r io.Reader) (*Report, error) {
	report := new(Report)
	if err := json.NewDecoder(io.LimitReader(r, 16<<20)).Decode(report); err != nil {
		return nil, fmt.Errorf("contract: this is not a report: %w", err)
	}
	return report, nil
}

// ExitCode is 0 when nothing was found, 1 when something was proved, and 2 when the backend could not be examined. Known findings and
// hints do not count.
func (r *Report) ExitCode() int { return r.Summary.ExitCode }

// compare marks what the baseline has.
func (r *Report) compare(baseline *Report) {
	if baseline == nil {
		return
	}
	known := map[string]bool{}
	for _, b := range baseline.Results {
		for _, f := range b.Findings {
			known[b.ID+"\x00"+f.Text] = true
		}
	}
	for i := range r.Results {
		result := &r.Results[i]
		result.Known = len(result.Findings) > 0
		for _, f := range result.Findings {
			result.Known = result.Known && known[result.ID+"\x00"+f.Text]
		}
	}
}

// counts reports whether a result is a defect that is news.
func (r *Result) counts() bool { return r.Verdict == Fail && !r.Known }

func (r *Report) finish() {
	s := Summary{}
	news := 0
	for i := range r.Results {
		result := &r.Results[i]
		switch result.Verdict {
		case Pass:
			s.Pass++
		case Fail:
			s.Fail++
		case Hint:
			s.Hint++
		case NotRun:
			s.NotRun++
		}
		if result.Known {
			s.Known++
		}
		if result.counts() {
			news++
		}
	}
	counts := fmt.Sprintf("%d passed, %d failed, %d hinted at something, %d not run", s.Pass, s.Fail, s.Hint, s.NotRun)
	if s.Known > 0 {
		counts += fmt.Sprintf(", %d known", s.Known)
	}
	switch {
	case r.Problem != nil:
		s.ExitCode, s.Text = 2, "could not run: "+r.Problem.Text
	case s.Pass+s.Fail+s.Hint == 0:
		s.ExitCode, s.Text = 2, "could not run: no check was run"
	case news > 0:
		s.ExitCode, s.Text = 1, fmt.Sprintf("%s: %s", plural(news, "defect"), counts)
	default:
		s.Text = "no defect found by these checks: " + counts
		if s.Fail > 0 {
			s.Text = "no new defect found by these checks: " + counts
		}
	}
	r.Summary = s
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

const (
	maxEvidence = 12  // exchanges
	maxBody     = 300 // bytes of a body that are shown
)

// evidence is what has crossed the network since the last mark, the latest of it if it is much.
func (w *world) evidence() []Exchange {
	secrets := w.secrets()
	clean := func(s string) string {
		s = shortened(journal.Redact(s, false), secrets)
		s = instant.ReplaceAllString(s, "<time>") // the same evidence is the same text in every run
		if len(s) > maxBody {
			s = strings.ToValidUTF8(s[:maxBody], "") + "…"
		}
		return strings.ToValidUTF8(s, "�")
	}
	records := w.since()
	if len(records) > maxEvidence {
		records = records[len(records)-maxEvidence:]
	}
	var found []Exchange
	for i := range records {
		r := &records[i]
		e := Exchange{
			From: r.FromName, To: r.ToName, Method: r.Method, URL: clean(r.URL), Status: r.Status,
			Request: clean(string(r.RequestBody)), Answer: clean(string(r.ResponseBody)), Error: clean(r.Err),
			At: r.Start.Sub(records[0].Start).Seconds(), Duration: r.Duration.Seconds(),
		}
		if r.From == journal.Device {
			e.Path = r.Path
		}
		if r.Open() {
			e.Error = "no answer yet"
		}
		if w.ground.cfg.Start != nil { // a real backend's times are never the same
			e.At, e.Duration = float64(int(e.At)), float64(int(e.Duration))
		}
		found = append(found, e)
	}
	return found
}

var instant = regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)`)

func (e Exchange) text() string {
	status := fmt.Sprint(e.Status)
	if e.Status == 0 {
		status = "✕"
	}
	from := e.From
	if e.Path != "" {
		from += " (" + e.Path + ")"
	}
	s := fmt.Sprintf("%+8.2fs  %s → %s  %s %s  %s", e.At, from, e.To, e.Method, e.URL, status)
	if e.Duration >= 1 {
		s += fmt.Sprintf(" after %.0f s", e.Duration)
	}
	for _, part := range []struct{ mark, text string }{{"→", e.Request}, {"←", e.Answer}, {"!", e.Error}} {
		if part.text != "" {
			s += "\n             " + part.mark + " " + oneLine(part.text)
		}
	}
	return s
}

// oneLine makes text from a backend harmless on a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)
}

func sequence(evidence []Exchange) string {
	var b strings.Builder
	for _, e := range evidence {
		b.WriteString(e.text() + "\n")
	}
	return b.String()
}

func (p *Problem) text() string {
	return strings.TrimSuffix(p.Text+"\n"+sequence(p.Evidence), "\n")
}

// text is a result with its findings and their evidence.
func (r *Result) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s (%s, %s)\n", r.ID, r.Title, r.Verdict, r.Severity)
	for _, f := range r.Findings {
		mark := "✗"
		if !f.Sure {
			mark = "?"
		}
		fmt.Fprintf(&b, "  %s %s\n", mark, oneLine(f.Text))
	}
	if len(r.Findings) > 0 {
		fmt.Fprintf(&b, "%s", sequence(r.Findings[0].Evidence))
	}
	fmt.Fprintf(&b, "  why     %s\n  fix     %s\n  replay  %s", r.Why, r.Fix, r.Replay)
	return b.String()
}
