package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/clock"
)

const maxAnswer = 1 << 20 // bytes that are read of an answer

// user is somebody with a phone and a session of their own at the backend. Several may share a phone.
type user struct {
	w      *world
	phone  *sim.Phone
	id     string // for logins
	jar    map[string]string
	bearer string
	last   *answer // to the finish
	// stranger has no session and will not take one.
	stranger bool
}

// started is what came of a start.
type started struct {
	*answer
	id, url string
}

// ok reports whether there is a check to go on with.
func (s started) ok() bool { return s.id != "" && s.url != "" }

// answer is what the backend answered, or why it did not.
type answer struct {
	status int // 0: no answer
	header http.Header
	body   []byte
	json   any // nil if the body is not JSON
	took   time.Duration
	why    string // there is no answer
	hung   bool   // it was waited for as long as patience goes
}

func (a *answer) answered() bool { return a.status != 0 }

func (a *answer) success() bool { return a.status >= 200 && a.status < 300 }

// text says what came, in a few words.
func (a *answer) text() string {
	switch {
	case a.hung:
		return "no answer within " + a.took.Round(time.Second).String()
	case !a.answered():
		return "no answer (" + a.why + ")"
	}
	return fmt.Sprintf("%d", a.status)
}

// device returns the phone with that number.
func (w *world) device(number string) *sim.Phone {
	if p := w.phones[number]; p != nil {
		return p
	}
	name := names[number]
	if w.ground.room != nil { // whose world has seen many checks
		if p, ok := w.PhoneNamed(name); ok {
			w.phones[number] = p
			return p
		}
	}
	p, err := w.AddPhone(number, sim.Named(name))
	if err != nil {
		panic(stop{err.Error()})
	}
	w.phones[number] = p
	return p
}

// user begins a new session of somebody, on the phone with that number.
func (w *world) user(number string) *user {
	w.users++
	u := &user{w: w, phone: w.device(number), id: names[number] + strconv.Itoa(w.users), jar: map[string]string{}}
	if l := w.ground.cfg.Profile.Session.Login; l != nil {
		u.keep(u.send(l.message().filled(values{"user": u.id, "number": number})))
	}
	return u
}

// stranger is somebody with a phone and no session at all.
func (w *world) stranger(number string) *user {
	return &user{w: w, phone: w.device(number), id: "stranger", jar: map[string]string{}, stranger: true}
}

// keep takes the bearer token out of an answer, where that is how sessions are carried.
func (u *user) keep(a *answer) *answer {
	s := u.w.ground.cfg.Profile.Session
	if s.By == "bearer" && !u.stranger && u.bearer == "" {
		if t, ok := member(a.json, s.Token); ok {
			u.bearer, _ = t.(string)
		}
	}
	return a
}

// start sends a number.
func (u *user) start(number string, extra ...map[string]any) started {
	m := u.w.ground.cfg.Profile.start().filled(values{"number": number, "user": u.id})
	for _, e := range extra {
		m = m.with(e)
	}
	return u.begun(m)
}

// begun sends a start as it is.
func (u *user) begun(m message) started {
	p := u.w.ground.cfg.Profile
	s := started{answer: u.keep(u.send(m))}
	if s.success() {
		s.id, s.url = memberText(s.json, p.Start.CheckID), memberText(s.json, p.Start.CheckURL)
	}
	return s
}

// mustStart is start where nothing can be seen without a check.
func (u *user) mustStart(number string, extra ...map[string]any) started {
	s := u.start(number, extra...)
	if !s.ok() {
		panic(stop{"a start that has to succeed did not: " + s.text()})
	}
	return s
}

// opened is what the check URL led to: in v0.2 a code, or the place at the backend to which the platform sends a browser with one.
type opened struct{ code, landing string }

// maxHops bounds a chain of redirects, as browsers do.
const maxHops = 20

// open opens the check URL over mobile data: as the phone's SDK does or, where the chain ends at the backend, as a browser that stops
// before it gets there.
func (u *user) open(s started) opened {
	if !u.w.ground.cfg.Profile.Finish.Landing {
		result := u.phone.Phone.OpenCheckURL(context.Background(), s.url)
		u.w.rest()
		return opened{code: result.Code()}
	}
	next := s.url
	for range maxHops {
		at, err := url.Parse(next)
		if err != nil {
			break
		}
		if strings.EqualFold(at.Host, u.w.host) {
			return opened{landing: at.RequestURI()}
		}
		ctx, cancel := context.WithCancel(context.Background())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, next, nil)
		way, noWay := u.phone.Cellular()
		if err != nil || noWay != nil {
			cancel()
			break
		}
		a := u.w.do(req, way, cancel)
		cancel()
		to, err := at.Parse(a.header.Get("Location"))
		if err != nil || a.status < 300 || a.status > 399 {
			break
		}
		next = to.String()
	}
	return opened{}
}

// finish asks for the result, with what the check URL led to.
func (u *user) finish(s started, o opened, extra ...map[string]any) *answer {
	m := u.w.ground.cfg.Profile.finish().filled(values{"check_id": s.id, "code": o.code, "user": u.id})
	if o.landing != "" {
		m = message{method: http.MethodGet, path: o.landing}
	}
	for _, e := range extra {
		m = m.with(e)
	}
	u.last = u.send(m)
	return u.last
}

// verify is the whole of it.
func (u *user) verify(number string) *answer {
	s := u.start(number)
	if !s.ok() {
		return s.answer
	}
	return u.finish(s, u.open(s))
}

// verified asks the oracle.
func (u *user) verified() bool {
	o := u.w.ground.cfg.Profile.Oracle
	if o.Path == "" {
		return o.Verified.in(u.last)
	}
	return o.Verified.in(u.send(u.w.ground.cfg.Profile.probe()))
}

// proved asks the oracle for the number that was verified.
func (u *user) proved() string {
	o := u.w.ground.cfg.Profile.Oracle
	a := u.last
	if o.Path != "" {
		a = u.send(u.w.ground.cfg.Profile.probe())
	}
	if a == nil {
		return ""
	}
	return strings.TrimPrefix(memberText(a.json, o.Number), "+")
}

// discloses reports whether an answer to the finish says that the number matches.
func (w *world) discloses(a *answer) bool {
	if !a.success() {
		return false
	}
	v, _ := member(a.json, w.ground.cfg.Profile.Finish.Match)
	return v == true
}

// probes reports whether the backend can be asked about a session.
func (w *world) probes() bool { return w.ground.cfg.Profile.Oracle.Path != "" }

// send makes one request to the backend over the phone's default route and waits for the answer as long as patience goes.
func (u *user) send(m message) *answer {
	w := u.w
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, m.method, w.base+m.path, strings.NewReader(m.body))
	if err != nil {
		panic(stop{err.Error()})
	}
	u.dress(req, m)
	route, err := u.phone.DefaultRoute()
	if err != nil {
		panic(stop{err.Error()})
	}
	a := w.do(req, route, cancel)
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		switch {
		case u.stranger:
		case c.MaxAge < 0 || c.Value == "":
			delete(u.jar, c.Name)
		default:
			u.jar[c.Name] = c.Value
		}
	}
	w.look(m, a)
	return a
}

// do sends a request and waits for the answer.
func (w *world) do(req *http.Request, way http.RoundTripper, cancel func()) *answer {
	begun := w.Now()
	client := &http.Client{Transport: way, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	done := make(chan *answer, 1)
	go func() { done <- exchange(client, req) }()
	a := w.await(done, cancel)
	if a == nil {
		a = &answer{hung: true, why: "hung"}
	}
	a.took = w.Now().Sub(begun)
	w.rest()
	return a
}

// dress gives a request its headers and its session.
func (u *user) dress(req *http.Request, m message) {
	req.Header.Set("User-Agent", "contract")
	req.Header.Set("Accept", "application/json")
	switch {
	case m.body == "":
		req.Body, req.ContentLength = nil, 0
	case m.kind == "form":
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	default:
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range m.headers {
		req.Header.Set(name, value)
	}
	if u.stranger {
		return
	}
	names := make([]string, 0, len(u.jar))
	for name := range u.jar {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		req.AddCookie(&http.Cookie{Name: name, Value: u.jar[name]})
	}
	if u.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+u.bearer)
	}
}

func exchange(client *http.Client, req *http.Request) *answer {
	resp, err := client.Do(req)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return &answer{why: err.Error()}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return &answer{why: "it broke off: " + err.Error()}
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, body: body}
	_ = json.Unmarshal(body, &a.json)
	return a
}

// await waits for an answer. In virtual time whoever waits for something on the network moves the time; a backend that waits for a timer
// does not, so time is moved on for it when nothing has happened for a while. It returns nil when patience is over.
func (w *world) await(done <-chan *answer, cancel func()) *answer {
	real := clock.NewReal()
	wait := func(d time.Duration) *answer {
		ctx, stop := clock.WithTimeout(context.Background(), real, d)
		defer stop()
		select {
		case a := <-done:
			return a
		case <-ctx.Done():
			return nil
		}
	}
	patience := w.patience()
	if !w.virtual() {
		patience += patience / 8
		if a := wait(patience); a != nil {
			return a
		}
	} else {
		patience *= 2
		if a := wait(w.ground.boredom()); a != nil {
			return a
		}
		mover := w.Clock().(interface{ Advance(time.Duration) })
		for until := w.Now().Add(patience); w.Now().Before(until); {
			mover.Advance(time.Second)
			if a := wait(2 * time.Millisecond); a != nil {
				w.ground.mu.Lock()
				w.ground.drowsy = true
				w.ground.mu.Unlock()
				return a
			}
		}
	}
	evidence := w.evidence()
	cancel()
	_ = wait(breath) // so that nothing of it is left
	if !w.real {     // that one only confirms what is known
		w.ground.hung("no answer within "+patience.String(), evidence)
	}
	return nil
}

// boredom is how long, in real time, a silent backend is waited for before time is moved on for it.
func (g *ground) boredom() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.drowsy {
		return bored / 30
	}
	return bored
}

// look searches an answer for secrets.
func (w *world) look(m message, a *answer) {
	if !a.answered() {
		return
	}
	for _, found := range leaked(w.secrets(), a.header, a.body) {
		l := leak{found[0], found[1] + " of the answer to " + m.method + " " + cutQuery(m.path), w.evidence()}
		w.ground.mu.Lock()
		w.ground.leaks = append(w.ground.leaks, l)
		w.ground.mu.Unlock()
	}
}

// member returns what stands at a path such as "data.checks.0.id" in decoded JSON.
func member(object any, path string) (value any, there bool) {
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "$."), ".") {
		switch o := object.(type) {
		case map[string]any:
			if object, there = o[name]; !there {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(o) {
				return nil, false
			}
			object, there = o[i], true
		default:
			return nil, false
		}
	}
	return object, there
}

func memberText(object any, path string) string {
	if path == "" {
		return ""
	}
	v, _ := member(object, path)
	s, _ := v.(string)
	return s
}

// digits are those of a number, as it may be written.
func digits(s string) string { return notDigits.ReplaceAllString(s, "") }

var notDigits = regexp.MustCompile(`[^0-9]`)
