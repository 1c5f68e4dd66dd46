package idlayrfake_test

import (
	"context"
	"fmt"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

// lives is a world in which several devices and servers do anything at any time,
// and what must hold whatever they do.
type lives struct {
	api
	t   *testing.T
	rnd *rand.Rand
	log []string

	checks []*life
	codes  map[string]string // by code: check and session it was issued for
}

type life struct {
	version, id string
	backs       []string // return addresses seen
	codes       []string
	final       string // the first final answer, as GET shows it
	status      idlayrfake.Status
	redeemed    string
}

// answers are what operators may say.
var answers = []func(*http.Request) (*http.Response, error){
	subscriber(alice), subscriber(bob),
	says(404, `{"error":"session_not_found"}`), says(404, `{"error":"subscriber_not_found"}`), says(503, ``), says(200, `?`),
	changedSIM("2020-06-01T16:00:00Z"),
}

func newLives(t *testing.T, seed int64) *lives {
	l := &lives{t: t, rnd: rand.New(rand.NewSource(seed)), codes: map[string]string{}}
	l.api = newAPI("", func(c *idlayrfake.Config) {
		c.Balance = 1000
		c.Projects[0].PhoneCheck.CallbackURL = "https://app.example/cb"
		c.Callbacks.Delays = []time.Duration{} // signatures take most of the time
		c.RefusalKeepsAccepted = seed%2 == 0
	})
	return l
}

func (l *lives) pick(n int) int { return l.rnd.Intn(n) }

var versions = []string{"phone_check/v0.1", "phone_check/v0.2", "subscriber_check/v0.1", "subscriber_check/v0.2"}

// step does one thing to one check.
func (l *lives) step() {
	l.operator.answer = answers[l.pick(len(answers))]
	if len(l.checks) < 5 {
		c := &life{version: versions[l.pick(len(versions))]}
		c.id = l.at(c.version).create(`{"phone_number":"` + []string{alice, bob}[l.pick(2)] + `"}`)
		l.checks = append(l.checks, c)
		l.say("create %s", c.version)
		return
	}
	c := l.checks[l.pick(len(l.checks))]
	a := l.at(c.version)
	from := []string{onO2, onEE, onWiFi, "10.20.0.1:1"}[l.pick(4)]
	switch l.pick(8) {
	case 0, 1:
		rec := a.open(c.id, from)
		l.say("open from %s: %d", from, rec.Code)
		if _, back := hop(rec); back != "" {
			c.backs = append(c.backs, back)
		}
	case 2, 3:
		if len(c.backs) > 0 {
			rec := a.send("GET", c.backs[l.pick(len(c.backs))], from, "", "")
			code, _ := object(rec)["code"].(string)
			l.say("hop back: %d %s", rec.Code, code)
			if code != "" {
				c.codes = append(c.codes, code)
				l.codes[code] = c.id
			}
		}
	case 4:
		l.say("result: %d", a.get(c.id).Code)
	case 5, 6:
		code, own := l.anyCode(c)
		rec := a.patch(c.id, code)
		l.say("patch %s: %d", code, rec.Code)
		l.patched(c, code, own, rec)
	case 7:
		d := time.Duration(l.pick(25)) * time.Second
		l.clock.advance(d)
		l.say("%s pass", d)
	}
}

func (l *lives) anyCode(c *life) (code string, own bool) {
	if len(c.codes) > 0 && l.pick(4) > 0 {
		return c.codes[l.pick(len(c.codes))], true
	}
	for code, id := range l.codes { // any other check's
		return code, id == c.id
	}
	return "0000000000", false
}

func (l *lives) patched(c *life, code string, own bool, rec *httptest.ResponseRecorder) {
	status := object(rec)["status"]
	switch {
	case rec.Code == 200 && !own:
		l.fail(c, "a code that is not the check's was taken")
	case rec.Code == 200 && status == "EXPIRED":
	case rec.Code == 200:
		if c.redeemed == "" {
			c.redeemed = code
		}
		if c.redeemed != code {
			l.fail(c, "a second code had an effect")
		}
	case rec.Code != 404 && rec.Code != 405:
		l.fail(c, fmt.Sprint("PATCH: ", rec.Code))
	}
}

// look holds every check against what must hold.
func (l *lives) look() {
	reserved, charged := 0, 0
	for _, c := range l.checks {
		now, ok := l.Check(c.id)
		if !ok {
			l.fail(c, "gone")
		}
		if (now.Match != nil) != (now.Status == idlayrfake.StatusCompleted) {
			l.fail(c, "match outside COMPLETED")
		}
		if now.Charged != (now.Status == idlayrfake.StatusCompleted) {
			l.fail(c, "charged for nothing, or not charged")
		}
		if c.status == idlayrfake.StatusPending && now.Status == idlayrfake.StatusAccepted {
			l.fail(c, "back to ACCEPTED")
		}
		picture := picture(now)
		if c.final != "" && c.final != picture {
			l.fail(c, "left a final status: "+c.final+" became "+picture)
		}
		switch now.Status {
		case idlayrfake.StatusAccepted, idlayrfake.StatusPending:
			reserved++
		default:
			c.final = picture
		}
		if now.Charged {
			charged++
			if strings.HasSuffix(c.version, "v0.2") && c.redeemed == "" {
				l.fail(c, "completed without a code")
			}
		}
		c.status = now.Status
	}
	// The next check tells the balance, and is left to expire.
	rec := l.at("phone_check/v0.1").post(forAlice)
	m := object(rec)
	l.checks = append(l.checks, &life{version: "phone_check/v0.1", id: m["check_id"].(string)})
	if got, want := m["snapshot_balance"].(float64), float64(1000-charged-reserved-1); got != want {
		l.t.Fatalf("balance %v, expected %v:\n%s", got, want, strings.Join(l.log, "\n"))
	}
}

// picture says all of a check that may not change any more.
func picture(c idlayrfake.Check) string {
	say := func(b *bool) string {
		if b == nil {
			return "-"
		}
		return fmt.Sprint(*b)
	}
	return fmt.Sprint(c.Status, say(c.Match), say(c.NoSIMChange), c.SIMChangeWithin, c.ErrorCode, c.Charged, c.UpdatedAt)
}

func (l *lives) say(format string, args ...any) {
	l.log = append(l.log, fmt.Sprintf(format, args...))
}

func (l *lives) fail(c *life, what string) {
	l.t.Helper()
	l.t.Fatalf("%s %s: %s\n%s", c.version, c.id, what, strings.Join(l.log, "\n"))
}

// TestLives interleaves opens, hops, results, patches, callbacks and expiry at
// random: no check leaves a final status, none shows a match outside COMPLETED,
// nothing but COMPLETED is billed, and once, and one code settles a check.
func TestLives(t *testing.T) {
	runs := 100
	if testing.Short() {
		runs = 40
	}
	seen := map[idlayrfake.Status]int{}
	for seed := range int64(runs) {
		l := newLives(t, seed)
		for range 60 {
			l.step()
			if l.pick(6) == 0 {
				l.look()
			}
		}
		l.look()
		for _, c := range l.checks {
			seen[c.status]++
		}
		l.clock.advance(2 * time.Minute)
		for _, c := range l.Checks() {
			if c.Status == idlayrfake.StatusAccepted || c.Status == idlayrfake.StatusPending {
				t.Fatalf("%s is %s after its time to live", c.CheckID, c.Status)
			}
		}
		l.Close()
	}
	for _, status := range []idlayrfake.Status{idlayrfake.StatusCompleted, idlayrfake.StatusError, idlayrfake.StatusExpired} {
		if seen[status] < runs/10 {
			t.Errorf("%s came up %d times only", status, seen[status])
		}
	}
}

// TestLivesAtOnce has devices and servers at the same checks at the same time:
// whatever the order, transitions of each check are one walk to one end.
func TestLivesAtOnce(t *testing.T) {
	var mu sync.Mutex
	ends, charges := map[string]int{}, map[string]int{}
	a := newAPI("phone_check/v0.2", func(c *idlayrfake.Config) {
		c.Observe = func(_ context.Context, e idlayrfake.Event) {
			if e.Kind != "transition" {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			switch e.To {
			case idlayrfake.StatusCompleted, idlayrfake.StatusError, idlayrfake.StatusExpired:
				ends[e.CheckID]++
			}
			if e.To == idlayrfake.StatusCompleted {
				charges[e.CheckID]++
			}
		}
	})
	defer a.Close()
	for range 10 {
		id := a.create(forAlice)
		effects := map[string]bool{}
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				_, back := hop(a.open(id, onO2))
				if back == "" {
					return // another one was faster
				}
				code, _ := object(a.send("GET", back, onO2, "", ""))["code"].(string)
				a.get(id)
				if code != "" && a.patch(id, code).Code == 200 {
					mu.Lock()
					effects[code] = true
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if len(effects) != 1 || ends[id] != 1 || charges[id] != 1 {
			t.Fatalf("%d codes had an effect, %d ends, %d charges", len(effects), ends[id], charges[id])
		}
	}
}

// TestCodesAtOnce redeems a code while the operator is asked for another one's
// session, of which it knows nothing: that answer is not this one's.
func TestCodesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI("phone_check/v0.2")
		id := a.create(forAlice)
		code := func() (session, code string) {
			session, back := hop(a.open(id, onO2))
			return session, object(a.send("GET", back, onO2, "", ""))["code"].(string)
		}
		unseen, first := code()
		_, second := code()
		leave := make(chan struct{})
		a.operator.answer = func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, unseen) {
				<-leave
				return says(404, `{"error":"session_not_found"}`)(r)
			}
			return subscriber(alice)(r)
		}
		var one, other int
		go func() { one = a.patch(id, first).Code }()
		synctest.Wait()
		go func() { other = a.patch(id, second).Code }()
		synctest.Wait()
		close(leave)
		synctest.Wait()
		if one != 404 || other != 200 {
			t.Errorf("%d and %d", one, other)
		}
	})
}
