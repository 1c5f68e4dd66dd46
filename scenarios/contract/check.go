package contract

import (
	"fmt"
)

// Severity is how much harm a defect does.
type Severity string

// The severities.
const (
	High   Severity = "high"   // somebody is taken for somebody else, or a secret gets out
	Medium Severity = "medium" // verification fails, costs, or hangs when something else does
	Low    Severity = "low"    // it is untidy
)

func (s Severity) rank() int {
	switch s {
	case High:
		return 3
	case Medium:
		return 2
	case Low:
		return 1
	}
	return 0
}

// Verdict is what a check came to.
type Verdict string

// The verdicts.
const (
	Pass   Verdict = "pass"    // it ran and found nothing
	Fail   Verdict = "fail"    // what it observed proves a defect
	Hint   Verdict = "hint"    // what it observed is suspicious; a person has to look
	NotRun Verdict = "not run" // it says nothing; Reason says why
)

// check is one thing that is looked for, as data.
type check struct {
	id, title string
	why       string // it matters
	how       string // it decides
	fix       string
	severity  Severity
	run       func(*bench)
}

// all are the checks, in the order of their value.
var all = []check{
	checkStatus, checkCode, checkSession, checkClientResult, checkSignature, checkSecrets, checkNumberFixed, checkAnonymous,
	checkClientURLs, checkOnce, checkRenewal, checkTimeouts, checkE164, checkRetries, checkRetryAfter, checkCached, checkBasic,
	checkOrder, checkScope, checkRefusals, checkPolling, checkOpens, checkURLUnchanged, checkAbuse, checkFallback, checkHosts,
	checkAdditive, checkInternals, checkVersion, checkPhoneIP, checkPanic, checkHang, checkSpill,
}

// IDs returns the ids of all checks, in the order in which they run.
func IDs() []string {
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].id
	}
	return ids
}

func (c *check) result(cfg *Config) Result {
	return Result{
		ID: c.id, Title: c.title, Why: c.why, How: c.how, Severity: c.severity, Fix: c.fix, Replay: cfg.Replay + " " + c.id,
	}
}

// stop ends a check from within: what comes after makes no sense.
type stop struct{ why string }

// examine runs the check. What it throws is a finding of the harness's own and must not end the run.
func (c *check) examine(g *ground, result *Result) {
	b := &bench{ground: g, cfg: g.cfg, profile: g.cfg.Profile, result: result}
	defer func() {
		thrown := recover()
		s, stopped := thrown.(stop)
		if thrown != nil && !stopped { // a mistake in the check itself
			s, stopped = stop{fmt.Sprintf("the check broke: %v", thrown)}, true
		}
		b.tidy()
		switch {
		case len(result.Findings) > 0:
			result.judge()
		case stopped:
			result.Verdict, result.Reason = NotRun, s.why
		default:
			result.Verdict = Pass
		}
	}()
	c.run(b)
}

// notRun ends the check without a verdict.
func (b *bench) notRun(format string, args ...any) { panic(stop{fmt.Sprintf(format, args...)}) }

// judge makes the verdict of what was found.
func (r *Result) judge() {
	r.Verdict, r.Reason = Hint, ""
	for _, f := range r.Findings {
		if f.Sure {
			r.Verdict = Fail
		}
	}
}

// notChosen is why a check was not run that the configuration leaves out.
const notChosen = "not chosen"
