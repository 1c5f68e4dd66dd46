package idlayrfake

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Platform is an IDlayr platform: an http.Handler with its checks and tokens in
// memory. It is safe for concurrent use. Make one with [New].
type Platform struct {
	cfg      Config
	networks networks
	clients  map[string][]*Project // by client id

	done context.Context // ends with Close
	stop context.CancelFunc

	randMu sync.Mutex

	// mu guards what follows. It is never held across a callback or I/O.
	mu     sync.Mutex
	store  store
	tokens tokens
	agenda *agenda
	limits limits

	running sync.WaitGroup // what the agenda runs now
}

// New makes a platform.
func New(cfg Config) *Platform {
	p := &Platform{cfg: cfg.withDefaults(), clients: map[string][]*Project{}}
	p.networks = newNetworks(p.cfg.Networks)
	for i := range p.cfg.Projects {
		if project := &p.cfg.Projects[i]; project.ClientID != "" {
			p.clients[project.ClientID] = append(p.clients[project.ClientID], project)
		}
	}
	p.done, p.stop = context.WithCancel(context.Background())
	p.store = newStore(p.cfg.Balance, p.cfg.MaxChecks)
	p.tokens = newTokens()
	p.agenda = &agenda{running: &p.running}
	return p
}

// Checks returns the checks kept, in the order of their creation.
func (p *Platform) Checks() []Check {
	p.passTime()
	p.mu.Lock()
	defer p.mu.Unlock()
	checks := make([]Check, 0, p.store.order.Len())
	for e := p.store.order.Front(); e != nil; e = e.Next() {
		checks = append(checks, snapshot(e.Value.(*record)))
	}
	return checks
}

// Check returns one check, and false for one the platform does not have (any
// more).
func (p *Platform) Check(id string) (Check, bool) {
	p.passTime()
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.store.byID[id]
	if !ok {
		return Check{}, false
	}
	return snapshot(r), true
}

// snapshot shares nothing with the record.
func snapshot(r *record) Check {
	c := r.Check
	if c.Match != nil {
		match := *c.Match
		c.Match = &match
	}
	if c.NoSIMChange != nil {
		same := *c.NoSIMChange
		c.NoSIMChange = &same
	}
	return c
}

// Knows says whether the platform has given out the access token. It may have expired since.
func (p *Platform) Knows(accessToken string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, known := p.tokens.byValue[accessToken]
	return known
}

// TakeTokens makes the access tokens of another platform good here as well, where there is a project with the same client
// id: for a server that goes on using its token when one platform takes another's place.
func (p *Platform) TakeTokens(from *Platform) {
	from.mu.Lock()
	given := maps.Clone(from.tokens.byValue)
	from.mu.Unlock()
	now := p.cfg.Clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	// They are kept in the order in which they expire.
	for _, value := range slices.SortedFunc(maps.Keys(given), func(a, b string) int {
		return cmp.Or(given[a].expires.Compare(given[b].expires), strings.Compare(a, b))
	}) {
		t := given[value]
		for _, project := range p.clients[t.project.ClientID] {
			t.project = project
			p.tokens.add(value, t, now)
		}
	}
}

// Reset forgets every check and the callbacks still to be made, and restores the
// balance. Access tokens stay valid until they expire: a server that holds one
// need not know of the reset.
func (p *Platform) Reset() {
	p.mu.Lock()
	old := p.agenda
	defer old.close()
	defer p.mu.Unlock()
	if p.done.Err() == nil {
		p.agenda = &agenda{running: &p.running}
	}
	for _, r := range p.store.byID {
		r.order = nil // an operator's answer under way comes to nothing
	}
	p.store = newStore(p.cfg.Balance, p.cfg.MaxChecks)
}

// Close stops the platform's timers and gives up callbacks and questions to
// operators; the checks these were for stay PENDING. It returns when nothing of
// the platform is running on the clock. A closed platform still answers. Do not
// call it from Config.Observe.
func (p *Platform) Close() {
	p.stop()
	p.mu.Lock()
	a := p.agenda
	p.mu.Unlock()
	a.close()
	p.running.Wait()
}

// change moves a check to what next makes of it, and returns it as it is then.
// It reports false for a check that was dropped meanwhile.
func (p *Platform) change(ctx context.Context, r *record, next func(c Check, now time.Time) Check) (Check, bool) {
	now := p.cfg.Clock.Now()
	p.mu.Lock()
	t := transition{record: r, before: r.Check}
	t.after = next(t.before, now)
	kept := r.order != nil
	p.store.update(r, t.after)
	p.mu.Unlock()
	if kept {
		p.happened(ctx, t)
	}
	return t.after, kept
}

// find returns a check of a product as it is now, for whoever may see it; nil
// if there is none.
func (p *Platform) find(ctx context.Context, api *product, id string, visible func(*Project) bool) (*record, Check) {
	p.mu.Lock()
	r := p.store.byID[id]
	p.mu.Unlock()
	if r == nil || r.api != api || !visible(r.project) {
		return nil, Check{}
	}
	c, kept := p.change(ctx, r, expire)
	if !kept {
		return nil, Check{}
	}
	return r, c
}

// happened sees to what follows from a transition, if it is one.
func (p *Platform) happened(ctx context.Context, t transition) {
	if t.before.Status == t.after.Status {
		return
	}
	p.observe(ctx, t)
	p.callBack(t)
}

// observe reports a transition.
func (p *Platform) observe(ctx context.Context, t transition) {
	if p.cfg.Observe == nil {
		return
	}
	e := Event{CheckID: t.after.CheckID, Kind: "transition", From: t.before.Status, To: t.after.Status, ErrorCode: t.after.ErrorCode}
	if e.From == "" {
		e.Text = "check " + string(e.To)
	} else {
		e.Text = "check " + string(e.From) + " → " + string(e.To)
	}
	if e.ErrorCode != "" {
		e.Text += " (" + e.ErrorCode + ")"
	}
	p.cfg.Observe(ctx, e)
}

// decide reports a decision.
func (p *Platform) decide(ctx context.Context, checkID, code string, text ...string) {
	if p.cfg.Observe != nil {
		p.cfg.Observe(ctx, Event{CheckID: checkID, Kind: "decision", ErrorCode: code, Text: strings.Join(text, "")})
	}
}

// random returns n random bytes.
func (p *Platform) random(n int) []byte {
	b := make([]byte, n)
	p.randMu.Lock()
	defer p.randMu.Unlock()
	if _, err := io.ReadFull(p.cfg.Rand, b); err != nil {
		_, _ = rand.Read(b) // never fails
	}
	return b
}

// opaque returns a random word that says nothing, 22 characters as in the
// guide's sample token.
func (p *Platform) opaque() string {
	return base64.RawURLEncoding.EncodeToString(p.random(16))
}

// newID returns a random UUID (version 4).
func (p *Platform) newID() string {
	id := uuid.UUID(p.random(16))
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// base returns what absolute links start with.
func (p *Platform) base(r *http.Request) string {
	if p.cfg.PublicURL != "" {
		return p.cfg.PublicURL
	}
	host := r.Host
	if host == "" { // HTTP/1.0
		host = "eu.api.idlayr.com"
	}
	if r.TLS != nil {
		return "https://" + host
	}
	return "http://" + host
}

// callerOf returns the address a request came from: the connection's, whatever
// headers claim. The zero address is nobody's.
func callerOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
