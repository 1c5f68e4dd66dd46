package contract

import (
	"net/http"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// stage is one of the backend's calls to the platform, and how to strike it on the network.
type stage struct {
	name   string
	kinds  []kind
	faults []vnet.Fault
}

// From says that only the backend's own calls are struck.
var stages = []stage{
	{"the token", []kind{toToken}, []vnet.Fault{{From: "Server", Path: "/oauth2/v1/token"}}},
	{"the create", []kind{toCreate}, []vnet.Fault{{From: "Server", Method: http.MethodPost, Path: "*/checks"}}},
	{"the result", []kind{toRead, toRedeem}, []vnet.Fault{
		{From: "Server", Method: http.MethodGet, Path: "*/checks/*"}, {From: "Server", Method: http.MethodPatch, Path: "*/checks/*"},
	}},
}

// strike sets the stage's faults with an effect, and returns a function that takes them away.
func (w *world) strike(s stage, effect func(*vnet.Fault)) (remove func()) {
	var all []func()
	for _, f := range s.faults {
		effect(&f)
		all = append(all, w.Fault(f))
	}
	return func() {
		for _, r := range all {
			r()
		}
	}
}

// through begins a verification and sees to it that the call of a stage is the one that trouble hits; it returns the answer to the request
// of the phone that needed it.
func (w *world) through(s stage, u *user, trouble func() (remove func())) *answer {
	if s.kinds[0] != toRead {
		if s.kinds[0] == toToken {
			w.cold()
			defer w.front.forgive()
		}
		defer trouble()()
		return u.start(numberB).answer
	}
	begun := u.mustStart(numberB)
	got := u.open(begun)
	defer trouble()()
	return u.finish(begun, got)
}

var checkTimeouts = check{
	id: "C17", severity: Medium,
	title: "The backend gives up on a platform that says nothing",
	why:   "without a deadline each stalled call keeps a request, a connection and a user waiting, until the backend has none left",
	how: "the token, the create and the result are stalled for minutes; the time until the phone has an answer is measured, and whether the backend lets go of the " +
		"connection and works afterwards. A backend that seems to have no deadline in virtual time is tried again in real time",
	fix: "Put a deadline of a few seconds on every call to the platform.",
	run: runTimeouts,
}

func runTimeouts(b *bench) {
	late := func(w *world, a *answer) bool { return a.hung || a.took > w.patience() }
	certain := !b.virtual() || b.cfg.Confirm < 0
	for _, s := range stages {
		w := b.world()
		w.mark()
		a := w.stalled(s)
		if late(w, a) && !certain {
			// It may have a deadline by the machine's clock, which did not move.
			w := b.world(worldOptions{real: true})
			if a := w.stalled(s); !late(w, a) {
				continue
			}
			certain = true
		}
		switch {
		case a.hung:
			w.fail("the platform says nothing to %s: %s", s.name, a.text())
		case late(w, a):
			w.fail("the platform says nothing to %s: the phone has its answer after %s", s.name, a.took.Round(time.Second))
		case !a.answered():
			w.fail("the platform says nothing to %s: %s", s.name, a.text())
		}
		for _, r := range w.calls(s.kinds...) {
			if !late(w, a) && r.Open() {
				w.hint("the backend has answered, but keeps its connection for %s open", s.name)
			}
		}
		w.mark()
		alice := w.user(numberA)
		alice.verify(numberA)
		if !alice.verified() {
			w.fail("after %s was stalled the backend verifies nobody", s.name)
		}
	}
}

// stalled is the answer to a phone for which a stage stalls.
func (w *world) stalled(s stage) *answer {
	defer w.cut()
	return w.through(s, w.user(numberB), func() func() { return w.strike(s, func(f *vnet.Fault) { f.Stall = true }) })
}

var checkRefusals = check{
	id: "C18", severity: Medium,
	title: "Refusals of the platform become answers of the backend",
	why:   "a refusal that turns into a crash, a 500 or nothing leaves the user without a way on",
	how:   "the token, the create and the result are refused with 400, 401, 403, 404, 409, 412 and 501; an answer of 500, a 5xx without JSON, and none are defects",
	fix:   "Handle every status of the platform: tell the app in a defined answer whether to try again or to offer another way.",
	run:   runRefusals,
}

func runRefusals(b *bench) {
	w := b.world()
	anchors := map[int]string{
		400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "check_not_found", 409: "ip_msisdn_mismatch", 412: "not_mobile_ip", 501: "mno_redirect_unsupported",
	}
	for _, s := range stages {
		for _, status := range []int{400, 401, 403, 404, 409, 412, 501} {
			if s.kinds[0] == toToken && status > 403 {
				continue
			}
			w.mark()
			u := w.user(numberB)
			a := w.through(s, u, func() func() {
				return w.front.on(func(c *call) {
					if c.kind == toToken {
						c.answer(status, map[string]any{"error": "invalid_client", "error_description": canaryDetail})
						return
					}
					c.refuse(status, anchors[status])
				}, s.kinds...)
			})
			switch {
			case !a.answered():
				w.fail("%d for %s: %s", status, s.name, a.text())
			case a.status == http.StatusInternalServerError, a.status > 500 && a.json == nil:
				w.fail("%d for %s becomes a %d", status, s.name, a.status)
			case u.verified():
				w.fail("%d for %s verifies the user", status, s.name)
			}
		}
	}
}

var checkRetryAfter = check{
	id: "C19", severity: Medium,
	title: "A rate limit is respected",
	why:   "who knocks again at once stays locked out, for all users",
	how:   "the token, the create and the result are answered 429 with Retry-After: 30; calls within these 30 seconds are counted",
	fix:   "Do not repeat a call that was answered 429 before its Retry-After is over; tell the app to offer another way.",
	run:   runRetryAfter,
}

func runRetryAfter(b *bench) {
	for _, s := range stages {
		w := b.world()
		w.mark()
		u := w.user(numberB)
		a := w.through(s, u, func() func() {
			remove := w.front.on(func(c *call) {
				c.refuse(http.StatusTooManyRequests, "too_many_requests")
				c.header.Set("Retry-After", "30")
			}, s.kinds...)
			return func() {
				if w.canWait(29 * time.Second) {
					w.sleep(29 * time.Second)
				} else {
					w.sleep(3 * time.Second)
				}
				remove()
			}
		})
		if !a.answered() {
			w.fail("429 for %s: %s", s.name, a.text())
		}
		if gaps := gapsOf(w.calls(s.kinds...)); len(gaps) > 0 && gaps[0] < 29*time.Second {
			w.fail("after 429 with Retry-After: 30 for %s the next call comes after %s", s.name, gaps[0].Round(time.Millisecond))
		}
	}
}

// gapsOf are the times between the end of a call and the begin of the next one.
func gapsOf(calls []journal.Record) (gaps []time.Duration) {
	for i := 1; i < len(calls); i++ {
		gaps = append(gaps, calls[i].Start.Sub(calls[i-1].Start.Add(calls[i-1].Duration)))
	}
	return gaps
}

var checkRetries = check{
	id: "C20", severity: Medium,
	title: "Retries are few, spaced, and make no second check",
	why:   "retries without bound or pause turn an outage into a bigger one, and each repeated create is paid for",
	how:   "the token, the create and the result are answered 503; calls and gaps are counted. Then the connection is cut after the platform has made the check",
	fix:   "Repeat reads at most a few times with growing pauses; do not repeat a create whose answer was lost.",
	run:   runRetries,
}

func runRetries(b *bench) {
	for _, s := range stages {
		w := b.world()
		w.mark()
		u := w.user(numberB)
		a := w.through(s, u, func() func() {
			return w.front.on(func(c *call) { c.refuse(http.StatusServiceUnavailable, "unavailable") }, s.kinds...)
		})
		w.sleep(2 * time.Second)
		calls := w.calls(s.kinds...)
		quick := 0
		for _, gap := range gapsOf(calls) {
			if gap < 50*time.Millisecond {
				quick++
			}
		}
		switch {
		case !a.answered():
			w.fail("503 for %s: %s", s.name, a.text())
		case len(calls) > 6:
			w.fail("503 for %s is followed by %d more calls", s.name, len(calls)-1)
		case quick > 1:
			w.fail("503 for %s is followed by %d more calls without a pause", s.name, quick)
		}
	}
	w := b.world()
	w.user(numberA).start(numberA) // so that there is a token
	bob := w.user(numberB)
	before := len(w.Checks())
	w.mark()
	remove := w.strike(stages[1], func(f *vnet.Fault) { f.Reset, f.Times = vnet.After(0), 1 })
	bob.start(numberB)
	w.sleep(3 * time.Second)
	remove()
	if made := len(w.Checks()) - before; made > 1 {
		w.fail("a connection that was cut after the create made the backend create %s for one start", plural(made, "check"))
	}
}

var checkPolling = check{
	id: "C21", severity: Medium,
	title: "Polling is bounded and ends with the check",
	why:   "a backend that polls without pause or end eats its rate limit and its threads",
	how: "while a check is pending, after it has ended, and after it was left alone, the backend's questions for it are counted; so are those within one request of the " +
		"phone",
	fix: "Let the app ask, or poll every second or two until the status is final or the check's ttl is over.",
	run: runPolling,
}

func runPolling(b *bench) {
	w := b.world()
	const inOne = 30
	w.mark()
	bob := w.user(numberB)
	s := bob.mustStart(numberB)
	got := bob.open(s)
	remove := w.front.says(map[string]any{"status": "PENDING"})
	a := bob.finish(s, got)
	remove()
	calls := w.calls(toRead, toRedeem)
	switch quick := gapsUnder(calls, 100*time.Millisecond); {
	case a.hung:
		w.fail("a check that stays PENDING: %s", a.text())
	case len(calls) > inOne:
		w.fail("a check that stays PENDING is asked for %d times within one request", len(calls))
	case quick > 2:
		w.fail("a check that stays PENDING is asked for %d times without a pause", quick+1)
	}
	seconds := 120
	if !w.canWait(time.Minute) {
		seconds = 6
	}
	w.mark()
	for range seconds { // left alone
		w.sleep(time.Second)
	}
	if n := len(w.calls(toRead)); n > seconds/2+5 {
		w.fail("a check that nobody asks for was asked for %d times in %d seconds", n, seconds)
	}
	alice := w.user(numberA)
	alice.verify(numberA)
	w.mark()
	for range min(seconds, 30) {
		w.sleep(time.Second)
	}
	if n := len(w.calls(toRead)); n > 0 {
		w.fail("a check that has ended is still asked for: %d times in %d seconds", n, min(seconds, 30))
	}
}

func gapsUnder(calls []journal.Record, d time.Duration) (n int) {
	for _, gap := range gapsOf(calls) {
		if gap < d {
			n++
		}
	}
	return n
}

var checkOpens = check{
	id: "C22", severity: Medium,
	title: "The backend does not open check URLs",
	why:   "the platform sees the backend's address then, which is no phone's, and the check ends in ERROR",
	how:   "requests to check URLs are looked at: only the phone may make them",
	fix:   "Hand the check URL to the app; switch off link previews, validators and HTTP clients that follow it.",
	run:   runOpens,
}

func runOpens(b *bench) {
	w := b.world()
	w.mark()
	alice := w.user(numberA)
	s := alice.mustStart(numberA)
	w.sleep(2 * time.Second)
	alice.finish(s, alice.open(s))
	bob := w.user(numberB)
	if s = bob.start(numberB); s.ok() { // who never opens his
		bob.send(b.profile.finish().filled(values{"check_id": s.id, "code": "", "user": bob.id}))
	}
	w.sleep(2 * time.Second)
	for _, r := range w.since() {
		k, _ := kindOf(r.Method, pathOf(r.URL))
		if r.To == journal.IDlayr && k == toOpen && (r.From != journal.Device || r.FromName == "Device direct") {
			w.fail("the backend opened a check URL itself")
			return
		}
	}
}
