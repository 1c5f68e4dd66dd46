// Package contract gives a verdict on an integrator's backend: which of the mistakes that break or betray a PhoneCheck
// integration it makes, with the exchanges that prove it.
//
// The backend is the only real thing. The platform, the operators, the phones and their users are the simulator's, and so
// is time: a platform that says nothing for a minute costs a millisecond.
//
//	func TestContract(t *testing.T) {
//		profile, err := contract.Ready("guide") // or LoadProfile, of a file
//		if err != nil {
//			t.Fatal(err)
//		}
//		contract.RunT(t, contract.Config{
//			Profile: profile,
//			New:     func(w *sim.World) http.Handler { return NewBackend(w.Client(), w.Project(), w.Clock()) },
//		})
//	}
//
// A [Profile] says how an app speaks to the backend. Each check works in a world of its own, with a backend of its own. What
// it finds it proves by what crossed the network or by what the backend says of a session (the oracle); where neither
// can prove it the verdict is a hint. A check that could not be run has not been passed, and a report without findings says that
// these checks found no defect, which is less than that there is none.
//
// A backend that panics in a handler, never answers, or answers garbage is reported. One that panics on a goroutine of its own takes
// the process with it: let it run in another one then, and say where it is with [Config.Start].
package contract

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/phonechecksim/phonechecksim/sim"
)

// Config says which backend is looked at and for what. Profile and one of New and Start are needed.
type Config struct {
	Profile *Profile

	// New makes the backend anew for each check's world. It calls the platform at [sim.APIBase] with w.Client() and the
	// credentials of w.Project(); for its timeouts and lifetimes to cost no time it counts on w.Clock(). If what it
	// returns has a method Close, that is called at the end of the check.
	New func(w *sim.World) http.Handler
	// RealTime puts the worlds on the machine's clock, for a Go backend that counts on it too. Inside a testing/synctest bubble
	// that costs no time either; outside long waits are waited.
	RealTime bool

	// Start says where a backend in a process of its own is, as a base URL, having started it if need be. It is called once,
	// when the platform can be reached.
	Start func(ctx context.Context, s Surroundings) (baseURL string, err error)
	// Listen and ListenTLS are where the platform listens for that backend; "127.0.0.1:0", any free port, when empty.
	Listen, ListenTLS string
	// ClientSecret is the credential's secret for that backend; one of our own when empty. It has to be one that nothing else
	// contains, as it is looked for in all that a device gets.
	ClientSecret string

	// Only and Skip choose checks by their ids, such as "C3". Severity leaves out those below it.
	Only, Skip []string
	Severity   Severity
	// Baseline are known findings; they are reported and do not count.
	Baseline *Report

	// Patience is how long the backend may take for an answer; 30 s when zero, 12 s for one that is started with Start.
	Patience time.Duration
	// Confirm is how long, in real time, a backend in virtual time is waited for that seems to have no deadline for its calls: it may
	// have one by the machine's clock. 10 s when zero; negative: it is not waited for.
	Confirm time.Duration
	// Seed decides ids, tokens and codes; 1 when zero.
	Seed uint64
	// Replay is the command that repeats one check, without its id at the end. It stands in the report.
	Replay string
}

// Surroundings is what a backend in a process of its own needs to know.
type Surroundings struct {
	APIBase                string // the platform's base URL, in clear HTTP
	APIBaseTLS             string // the same over TLS: with this one it is seen whether the backend verifies certificates
	CA                     []byte // the authority of those certificates, in PEM
	ClientID, ClientSecret string
}

// TB is what [RunT] needs of a test: *testing.T and GinkgoT() have it.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
}

// RunT runs the checks as part of a test. Each check that finds something is one Errorf with its evidence, hints and what was not run
// are logged, and so is the summary.
func RunT(tb TB, cfg Config) *Report {
	tb.Helper()
	report, err := Run(context.Background(), cfg)
	if err != nil {
		tb.Errorf("contract: %v", err)
		return report
	}
	if report.Problem != nil {
		tb.Errorf("contract: could not run: %s", report.Problem.text())
		return report
	}
	for _, r := range report.Results {
		switch {
		case r.counts():
			tb.Errorf("%s", r.text())
		case r.Verdict == Hint || r.Verdict == Fail:
			tb.Logf("%s", r.text())
		case r.Verdict == NotRun && !strings.HasPrefix(r.Reason, notChosen):
			tb.Logf("%s was not run: %s", r.ID, r.Reason)
		}
	}
	tb.Logf("contract: %s", report.Summary.Text)
	return report
}

// Run runs the checks. An error means that the configuration makes no sense; a backend that cannot be examined is in the
// report's Problem.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	report := newReport(&cfg)
	ground, err := newGround(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	defer ground.close()
	if ground.problem == nil {
		ground.problem = preflight(ground)
	}
	if report.Problem = ground.problem; report.Problem != nil {
		report.finish()
		return report, nil
	}
	for i := range all {
		c := &all[i]
		result := c.result(&cfg)
		if why := cfg.leavesOut(c); why != "" {
			result.Verdict, result.Reason = NotRun, why
		} else if ctx.Err() != nil {
			result.Verdict, result.Reason = NotRun, "the run was cancelled"
		} else if ground.hopeless() {
			result.Verdict, result.Reason = NotRun, "too many requests of the checks before got no answer"
		} else {
			c.examine(ground, &result)
		}
		report.Results = append(report.Results, result)
	}
	ground.conclude(report)
	report.compare(cfg.Baseline)
	report.finish()
	return report, nil
}

// complete fills in what was left out.
func (c *Config) complete() error {
	switch {
	case c.Profile == nil:
		return errors.New("contract: the configuration has no profile")
	case (c.New == nil) == (c.Start == nil):
		return errors.New("contract: the configuration needs one of New and Start")
	}
	if err := c.Profile.complete(); err != nil {
		return err
	}
	for _, id := range slices.Concat(c.Only, c.Skip) {
		if !slices.ContainsFunc(all, func(k check) bool { return strings.EqualFold(k.id, id) }) {
			return fmt.Errorf("contract: there is no check %q; there are %s", id, strings.Join(IDs(), ", "))
		}
	}
	if c.Severity != "" && c.Severity.rank() == 0 {
		return fmt.Errorf("contract: there is no severity %q; there are low, medium and high", c.Severity)
	}
	if c.Patience == 0 {
		c.Patience = 30 * time.Second
		if c.Start != nil {
			c.Patience = 12 * time.Second
		}
	}
	if c.Confirm == 0 {
		c.Confirm = 10 * time.Second
	}
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.Replay == "" {
		c.Replay = "phonechecksim contract --profile " + c.Profile.source() + " --only"
	}
	return nil
}

func (c *Config) leavesOut(k *check) string {
	named := func(ids []string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(k.id, id) })
	}
	switch {
	case len(c.Only) > 0 && !named(c.Only), named(c.Skip):
		return notChosen
	case k.severity.rank() < c.Severity.rank():
		return notChosen + ": below that severity"
	}
	return ""
}
