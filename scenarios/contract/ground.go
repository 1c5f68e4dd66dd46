package contract

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/frontdoor"
	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// The people of the checks. Their numbers are kept for fiction, and all with one operator.
const (
	numberA = "447700900001" // alice: a user who does as the app says
	numberB = "447700900002" // bob: another user, or the attacker
	numberV = "447700900003" // victor: whose number is wanted
)

var names = map[string]string{numberA: "alice", numberB: "bob", numberV: "victor"}

const (
	backendHost = "backend.test"
	clientID    = "contract-client"
	// A secret that no backend contains by chance.
	canarySecret = "cNrY7secret9of4the2contract"
	// bored is how long, in real time, a backend in virtual time may be silent before time is moved on for it.
	bored = 1500 * time.Millisecond
	// skipped is how far the platform's clock may be put ahead of that of a backend in another process, each time it is worth it.
	skipped = 2 * time.Second
	// breath is how long, in real time, is waited for handlers that nobody waits for any more.
	breath = 300 * time.Millisecond
)

// ground is where a run takes place.
type ground struct {
	cfg     *Config
	problem *Problem

	room *world // the one world of a backend in another process; nil otherwise

	mu            sync.Mutex
	leaks         []leak   // secrets that got to devices, in whatever check
	crashes       []broken // what the backend did that no backend should
	hangs         []broken
	tried, renews bool     // whether a backend in another process renews a token that is refused has been tried, and that it does
	drowsy        bool     // the backend waits for timers that nobody else moves
	spills        []string // answers that were never closed
}

// broken is something that went wrong inside the backend, whatever was looked for.
type broken struct {
	text     string
	evidence []Exchange
}

func newGround(ctx context.Context, cfg *Config) (*ground, error) {
	g := &ground{cfg: cfg}
	if cfg.Start == nil {
		return g, nil
	}
	var never func(string) bool
	outside := frontdoor.Outside{Everything: true, Owner: "Server", Never: func(address string) bool { return never != nil && never(address) }}
	// Devices open https alone; inside, the platform's own name leads to it.
	public := func(c *idlayrfake.Config) { c.PublicURL = "https://" + cfg.Profile.Region + ".api.idlayr.com" }
	w, err := g.newWorld(worldOptions{secret: cfg.ClientSecret}, sim.WithOutside(outside), sim.WithPlatform(public))
	if err != nil {
		return nil, err
	}
	g.room = w
	if w.sockets, err = newSockets(ctx, cfg.Listen, cfg.ListenTLS, w.APIHandler(nil)); err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("contract: the platform cannot listen: %w", err)
	}
	plain, secure := w.sockets.plain.Addr().String(), w.sockets.tls.Addr().String()
	never = func(address string) bool { return address == plain || address == secure }
	for _, own := range []string{plain, secure} {
		w.AnswerAs(own)
		w.ways = append(w.ways, w.Network().Handle(own, "IDlayr", w.front))
	}
	base, err := cfg.Start(ctx, Surroundings{
		APIBase: "http://" + plain, APIBaseTLS: "https://" + secure, CA: w.sockets.ca.PEM(), ClientID: clientID, ClientSecret: w.Project().ClientSecret,
	})
	if err != nil {
		g.problem = &Problem{Text: "the backend could not be started: " + err.Error()}
		return g, nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		g.problem = &Problem{Text: fmt.Sprintf("the backend's base URL %q is none", base)}
		return g, nil
	}
	w.base = strings.TrimSuffix(base, "/")
	w.host = u.Host
	return g, nil
}

func (g *ground) close() {
	if g.room != nil {
		g.tidy(g.room)
	}
}

// virtual reports whether waiting costs nothing.
func (g *ground) virtual() bool { return g.cfg.Start == nil && !g.cfg.RealTime }

func (w *world) virtual() bool { return w.ground.virtual() && !w.real }

// patience is how long the backend may take for an answer.
func (w *world) patience() time.Duration {
	if w.real {
		return w.ground.cfg.Confirm
	}
	return w.ground.cfg.Patience
}

// bench is one check at work.
type bench struct {
	*ground
	cfg     *Config
	profile *Profile
	result  *Result
	worlds  []*world
}

// world is a world with a backend in it, as a check sees it.
type world struct {
	*sim.World
	ground  *ground
	bench   *bench // nil in the preflight
	front   *front
	real    bool         // on the machine's clock, whatever the others are on
	sockets *sockets     // of a world for another process; nil otherwise
	ways    []*vnet.Host // the platform's names there
	base    string       // of the backend
	host    string       // its name on the network
	backend any
	phones  map[string]*sim.Phone
	marked  int             // exchanges up to this one belong to what was looked at before
	anybody *vnet.Interface // on the internet
	users   int
}

type worldOptions struct {
	secret   string // of the client; the canary when empty
	callback string // that the project is configured with
	real     bool   // on the machine's clock, whatever the others are on
}

// world makes a world with a backend, or clears the one that there is.
func (b *bench) world(o ...worldOptions) *world {
	var opts worldOptions
	if len(o) > 0 {
		opts = o[0]
	}
	if w := b.room; w != nil {
		if opts.secret != "" {
			b.notRun("the backend has been started with another secret")
		}
		w.bench = b
		w.front.clear()
		w.Reset()
		w.marked = 0
		if opts.callback != "" {
			w.callbacksTo(opts.callback)
		}
		return w
	}
	w, err := b.newWorld(opts)
	if err != nil {
		b.notRun("%v", err)
	}
	w.bench = b
	b.worlds = append(b.worlds, w)
	return w
}

// newWorld makes a world, with a backend unless that is elsewhere.
func (g *ground) newWorld(o worldOptions, more ...sim.Option) (w *world, err error) {
	secret := o.secret
	if secret == "" {
		secret = canarySecret
	}
	w = &world{ground: g, real: o.real, phones: map[string]*sim.Phone{}, base: "https://" + backendHost, host: backendHost}
	project := idlayrfake.Project{ClientID: clientID, ClientSecret: secret, DataResidency: g.cfg.Profile.Region}
	if o.callback != "" {
		project.PhoneCheck.CallbackURL = o.callback
	}
	opts := append([]sim.Option{sim.WithSeed(g.cfg.Seed), sim.WithProject(project)}, more...)
	if !w.virtual() {
		opts = append(opts, sim.WithClock(clock.NewReal()))
	}
	if w.World, err = sim.New(opts...); err != nil {
		return nil, err
	}
	w.front = &front{platform: w.Platform(), now: w.Now, issued: map[string]time.Time{}, revoked: map[string]bool{}}
	for _, region := range []string{"eu", "in", "us"} {
		w.Network().Handle(region+".api.idlayr.com", "IDlayr", w.front)
		w.Network().Handle(region+".api.tru.id", "IDlayr", w.front)
	}
	if g.cfg.New == nil {
		return w, nil
	}
	p := g.cfg.Profile
	defer func() {
		if problem := recover(); problem != nil {
			w.backend = nil
			g.tidy(w)
			w, err = nil, fmt.Errorf("making the backend panicked: %v", problem)
		}
	}()
	handler := g.cfg.New(w.World)
	if handler == nil {
		g.tidy(w)
		return nil, errors.New("making the backend brought none")
	}
	w.backend = handler
	w.Serve(backendHost, watched(w, handler), device.Profile{
		StartMethod: p.Start.Method, StartPath: cutQuery(p.Start.Path), FinishMethod: p.Finish.Method, FinishPath: cutQuery(p.Finish.Path),
	})
	return w, nil
}

func cutQuery(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return path
}

// watched is the backend with somebody looking on who hears it panic.
func watched(w *world, h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer func() {
			problem := recover()
			if problem == nil {
				return
			}
			if problem != http.ErrAbortHandler {
				w.ground.crashed(fmt.Sprintf("%s %s: panic: %v", r.Method, r.URL.Path, problem))
			}
			panic(problem)
		}()
		h.ServeHTTP(rw, r)
	})
}

func (g *ground) crashed(text string, evidence ...Exchange) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.crashes = append(g.crashes, broken{journal.Redact(text, false), evidence})
}

func (g *ground) hung(text string, evidence []Exchange) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hangs = append(g.hangs, broken{text, evidence})
}

// tidy closes a check's worlds.
func (b *bench) tidy() {
	for _, w := range b.worlds {
		b.ground.tidy(w)
	}
	if b.room != nil {
		b.room.front.clear()
		b.room.ClearFaults()
		b.room.bench = nil
	}
}

// tidy closes a world. A backend that does not come to an end keeps nobody waiting: it is left behind.
func (g *ground) tidy(w *world) {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if problem := recover(); problem != nil {
				done <- fmt.Errorf("closing the backend panicked: %v", problem)
			}
		}()
		var errs []error
		if w.sockets != nil {
			w.sockets.close()
		}
		err := w.Close()
		switch c := w.backend.(type) {
		case interface{ Close() }:
			c.Close()
		case interface{ Close() error }:
			errs = append(errs, c.Close())
		}
		done <- err
		_ = errs // how the backend's own closing ended is its own affair
	}()
	ctx, cancel := clock.WithTimeout(context.Background(), clock.NewReal(), 2*time.Second)
	defer cancel()
	select {
	case err := <-done:
		if err != nil && strings.Contains(err.Error(), "never closed the body") {
			g.mu.Lock()
			defer g.mu.Unlock()
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if strings.HasPrefix(line, "Server ") {
					g.spills = append(g.spills, line)
				}
			}
		}
	case <-ctx.Done():
		g.hung("a handler that never ends: it does not hear that its request's context has", nil)
	}
}

// sleep lets time pass, with all that falls due in it.
func (w *world) sleep(d time.Duration) {
	mover, ok := w.Clock().(interface{ Advance(time.Duration) })
	switch {
	case ok && w.virtual():
		mover.Advance(d)
	case ok && w.ground.room != nil && d <= skipped:
		mover.Advance(d)
		_ = clock.NewReal().Sleep(context.Background(), breath/2) // for what it brought about
	default:
		_ = w.Clock().Sleep(context.Background(), d)
	}
	w.rest()
}

// cut ends the connections that a backend in another process has with the platform: what stalls would go on for minutes.
func (w *world) cut() {
	for _, h := range w.ways {
		h.SetUp(false)
		h.SetUp(true)
	}
}

// maxHangs is after how many requests without answer a run is over: each of them is waited for.
const maxHangs = 12

func (g *ground) hopeless() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.hangs) > maxHangs
}

// rest waits a little, in real time, for handlers that nobody waits for any more.
func (w *world) rest() {
	if len(w.Network().Active()) == 0 {
		return
	}
	ctx, cancel := clock.WithTimeout(context.Background(), clock.NewReal(), breath)
	defer cancel()
	_ = w.Network().Settle(ctx)
}

// canWait ends the check where a wait would be a real one of more than a few seconds.
func (w *world) canWait(d time.Duration) bool { return w.ground.cfg.Start == nil || d <= 8*time.Second }

// mark begins what is looked at anew: evidence and counts are of what comes after.
func (w *world) mark() {
	for _, r := range w.Journal().Records() {
		w.marked = max(w.marked, r.Seq)
	}
}

// since are the exchanges since the last mark.
func (w *world) since() []journal.Record {
	return slices.DeleteFunc(journal.Exchanges(w.Journal().Records()), func(r journal.Record) bool { return r.Seq <= w.marked })
}

// fail keeps a proof.
func (w *world) fail(format string, args ...any) { w.find(true, fmt.Sprintf(format, args...)) }

// hint keeps a suspicion.
func (w *world) hint(format string, args ...any) { w.find(false, fmt.Sprintf(format, args...)) }

func (w *world) find(sure bool, text string) {
	w.bench.find(Finding{Sure: sure, Text: text, Evidence: w.evidence()})
}

// maxFindings bounds what one check says: the first ones are enough to act.
const maxFindings = 12

func (b *bench) find(f Finding) {
	for i, known := range b.result.Findings {
		if known.Text == f.Text {
			b.result.Findings[i].Sure = known.Sure || f.Sure
			return
		}
	}
	if len(b.result.Findings) < maxFindings {
		b.result.Findings = append(b.result.Findings, f)
	}
}

// callbacksTo makes the platform call back where it is told, for checks that the backend makes from now on.
func (w *world) callbacksTo(target string) {
	w.front.on(func(c *call) {
		c.order(func(o map[string]any) {
			if o["callback_url"] == nil {
				o["callback_url"] = target
			}
		})
	}, toCreate)
}

// secrets are what no device may ever see.
func (w *world) secrets() map[string]string {
	p := w.Project()
	found := map[string]string{
		p.ClientSecret: "the client secret",
		base64.StdEncoding.EncodeToString([]byte(p.ClientID + ":" + p.ClientSecret)):                                   "the Basic credentials",
		base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(p.ClientID) + ":" + url.QueryEscape(p.ClientSecret))): "the Basic credentials",
	}
	for _, r := range w.Journal().Records() {
		if k, _ := kindOf(r.Method, pathOf(r.URL)); k != toToken || r.To != journal.IDlayr {
			continue
		}
		var grant struct {
			AccessToken string `json:"access_token"`
			Scope       string `json:"scope"`
		}
		// A token that is good for coverage and nothing else is meant for devices.
		if json.Unmarshal(r.ResponseBody, &grant) == nil && grant.AccessToken != "" && grant.Scope != "coverage" {
			found[grant.AccessToken] = "an access token"
		}
	}
	return found
}

func pathOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Path
}
