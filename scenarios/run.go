package scenarios

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// Start is when every scenario begins: the time of the guide's own sample.
var Start = time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC)

// Options says how scenarios are run.
type Options struct {
	Seed   uint64  // decides ids, tokens and chances
	Server *Server // nil: the reference server
}

// Result is what a run came to. Its JSON form holds no real time: the same scenario and seed give the same bytes.
type Result struct {
	Scenario       string          `json:"scenario"`
	Passed         bool            `json:"passed"`
	Failures       []Failure       `json:"failures"`
	Device         *DeviceResult   `json:"device"` // the device that acted last
	Check          *CheckResult    `json:"check"`  // its check
	VirtualSeconds float64         `json:"virtual_seconds"`
	Exchanges      []journal.Entry `json:"exchanges"`

	// Records is the journal, for rendering.
	Records []journal.Record `json:"-"`
	// Explanation says in words what became of the check and why.
	Explanation string `json:"-"`
}

// DeviceResult is what a device knows at the end.
type DeviceResult struct {
	Name             string `json:"name"`
	Match            *bool  `json:"match,omitempty"`
	NoSIMChange      *bool  `json:"no_sim_change,omitempty"`
	Code             string `json:"-"` // a secret until it is redeemed
	AnswerStatus     int    `json:"answer_status,omitempty"`
	HTTPStatus       int    `json:"http_status,omitempty"`
	Error            string `json:"error,omitempty"`
	ErrorDescription string `json:"error_description,omitempty"`
	Problem          string `json:"problem,omitempty"`
	Answer           string `json:"-"` // whole; it may hold what only the device should have
}

// CheckResult is what the platform knows at the end.
type CheckResult struct {
	CheckID   string `json:"check_id"`
	Status    string `json:"status"`
	Match     *bool  `json:"match,omitempty"`
	ErrorCode string `json:"error_code,omitempty"`
	NetworkID string `json:"network_id,omitempty"`
}

// Failure is an expectation that did not hold.
type Failure struct {
	Where string `json:"where"` // "after step 2, advance" or "at the end"
	Line  int    `json:"line"`  // of the scenario file, where the expectation stands
	What  string `json:"what"`  // "check.status"
	Want  string `json:"want"`
	Got   string `json:"got"`
}

// String says in one line where it is, what should be, and what is.
func (f Failure) String() string {
	return fmt.Sprintf("%s (line %d): %s should be %s, and is %s", f.Where, f.Line, f.What, f.Want, f.Got)
}

// Run plays a scenario in a world of its own. An expectation that does not hold is in the result; an error means that
// the scenario could not be played.
func Run(ctx context.Context, s *Scenario, o Options) (*Result, error) {
	opts := append(s.Cast.Options(), sim.WithSeed(o.Seed), sim.WithStart(Start))
	if o.Server == nil {
		opts = append(opts, sim.WithLatency())
	} else {
		opts = append(opts, o.Server.options()...)
	}
	w, err := sim.New(opts...)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if o.Server != nil {
		leave, err := o.Server.join(w)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	r := &run{s: s, w: w, actors: map[string]*actor{}, began: w.Now(), looksAt: o.Server.looksAt}
	if err := r.cast(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	for i := range s.Script {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.step(ctx, &s.Script[i])
		if r.broken != nil {
			return nil, fmt.Errorf("%s: step %d: %w", s.Name, i+1, r.broken)
		}
		name, _ := s.Script[i].verb()
		r.expect(s.Script[i].Expect, fmt.Sprintf("after step %d, %s", i+1, name), fmt.Sprintf("$.script[%d].expect", i))
	}
	r.expect(s.Expect, "at the end", "$.expect")
	return r.result(), nil
}

// run is a scenario being played.
type run struct {
	s        *Scenario
	w        *sim.World
	actors   map[string]*actor
	last     *actor // who acted last
	failures []Failure
	broken   error // why the script could not be played
	began    time.Time
	looksAt  func(what string) bool
}

// actor is a device of the cast and what it knows.
type actor struct {
	phone   *sim.Phone
	started device.Started
	known   DeviceResult
}

// cast makes the devices, in the order of their names: addresses are given out in that order.
func (r *run) cast() error {
	if err := r.s.Cast.Operators.apply(r.w); err != nil {
		return err
	}
	for _, name := range r.s.Cast.Names() {
		phone, err := r.s.Cast.Devices[name].AddTo(r.w, name)
		if err != nil {
			return err
		}
		r.actors[name] = &actor{phone: phone, known: DeviceResult{Name: name}}
	}
	return nil
}

// actor returns the named device, or the only one there is, as the one who acts now.
func (r *run) actor(name string) *actor {
	if name == "" {
		name = r.s.Cast.Names()[0]
	}
	r.last = r.actors[name]
	return r.last
}

func (r *run) step(ctx context.Context, step *Step) {
	switch _, said := step.verb(); v := said.(type) {
	case *Verify:
		a := r.actor(v.Device)
		if step.SubmitNumber != nil {
			a.submit(ctx, v.Number)
			return
		}
		a.verify(ctx, v.Number)
	case *OpenCheckURL:
		a := r.actor(v.Device)
		from := a
		if v.CheckOf != "" {
			from = r.actors[v.CheckOf]
		}
		a.open(ctx, from.started.CheckURL)
	case *RedeemCode:
		a := r.actor(v.Device)
		from := a
		if v.CheckOf != "" {
			from = r.actors[v.CheckOf]
		}
		a.learn(a.phone.RedeemCode(ctx, from.started.CheckID, a.known.Code))
	case *Act:
		a := r.actor(v.Device)
		if step.Coverage != nil {
			a.coverage(ctx)
			return
		}
		a.learn(a.phone.RequestResult(ctx, a.started.CheckID))
	case *Duration:
		r.w.Advance(time.Duration(*v))
	case *Set:
		r.set(v)
	case *Fault:
		r.w.Fault(v.fault())
	case player:
		v.play(ctx, r)
	default: // clear_faults
		r.w.ClearFaults()
	}
}

func (r *run) set(v *Set) {
	a := r.actors[r.s.Cast.Names()[0]]
	if v.Device != "" {
		a = r.actors[v.Device]
	}
	a.phone.After(v.AfterAnswers, func() {
		if err := v.apply(a.phone); err != nil {
			r.broken = errors.Join(r.broken, err)
		}
	})
}

func (f Fault) fault() vnet.Fault {
	header := http.Header{}
	for name, value := range f.Headers {
		header.Set(name, value)
	}
	return vnet.Fault{
		Host: f.Host, Method: f.Method, Path: f.Path, From: f.From,
		Skip: f.Skip, Times: f.Times, Probability: f.Probability,
		Status: f.Status, Header: header, Body: f.Body,
		Delay: time.Duration(f.Delay), Stall: f.Stall, Reset: f.Reset, Truncate: f.Truncate, Split: f.Split,
	}
}

// verify is all the steps; the device keeps what each left it with.
func (a *actor) verify(ctx context.Context, number string) {
	if a.submit(ctx, number) {
		opened := a.open(ctx, a.started.CheckURL)
		a.learn(a.phone.Finish(ctx, a.started, opened))
	}
}

func (a *actor) submit(ctx context.Context, number string) bool {
	started, err := a.phone.SubmitNumber(ctx, number)
	a.started = started
	a.known = DeviceResult{Name: a.known.Name, AnswerStatus: statusOf(err)}
	return err == nil
}

func (a *actor) open(ctx context.Context, checkURL string) device.Result {
	res := a.phone.OpenCheckURL(ctx, checkURL)
	a.opened(res)
	return res
}

// coverage leaves the device with what opening a check URL would.
func (a *actor) coverage(ctx context.Context) {
	res, err := a.phone.Coverage(ctx)
	a.known = DeviceResult{Name: a.known.Name, AnswerStatus: statusOf(err)}
	a.opened(res)
}

func (a *actor) opened(res device.Result) {
	a.known.Code = res.Code()
	a.known.HTTPStatus, a.known.Error, a.known.ErrorDescription = res.HTTPStatus, res.Error, res.ErrorDescription
	a.known.Problem = problemOf(res.ResponseBody)
}

// learn takes the server's answer. An error is in what the answer leaves out.
func (a *actor) learn(answer device.Answer, _ error) {
	a.known.AnswerStatus, a.known.Match, a.known.NoSIMChange = answer.Status, answer.Match, answer.NoSIMChange
	a.known.Answer = string(answer.Body)
}

// statusOf is the HTTP status behind a failed start; one that went well has status 200 at this server.
func statusOf(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if step := (*device.StepError)(nil); errors.As(err, &step) {
		return step.Status
	}
	return 0
}

// problemOf is the anchor of the problem that a body is, or empty.
func problemOf(body []byte) string {
	var problem struct{ Type string }
	if json.Unmarshal(body, &problem) != nil {
		return ""
	}
	_, anchor, _ := strings.Cut(problem.Type, "#")
	return anchor
}

// check is the check of the device that acted last.
func (r *run) check() (idlayrfake.Check, bool) {
	if r.last == nil {
		return idlayrfake.Check{}, false
	}
	return r.w.Check(r.last.started.CheckID)
}

func (r *run) result() *Result {
	res := &Result{
		Scenario: r.s.Name, Passed: len(r.failures) == 0, Failures: append([]Failure{}, r.failures...),
		VirtualSeconds: r.elapsed(),
		Records:        r.w.Journal().Records(),
	}
	res.Exchanges = journal.View(journal.Exchanges(res.Records), journal.ViewOptions{})
	if r.last != nil {
		res.Device = &r.last.known
	}
	if c, ok := r.check(); ok {
		res.Check = &CheckResult{c.CheckID, string(c.Status), c.Match, c.ErrorCode, c.NetworkID}
		res.Explanation = r.w.Explain(c.CheckID)
	}
	return res
}

// elapsed is the time that has passed in the world, in seconds to the millisecond.
func (r *run) elapsed() float64 { return math.Round(r.w.Now().Sub(r.began).Seconds()*1e3) / 1e3 }
