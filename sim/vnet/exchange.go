package vnet

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Kind is the kind of path that an [Interface] is. The kind says nothing about identity by itself:
// what a network recognises is the source address, and what a box on the path does to clear requests.
type Kind string

// The kinds of path.
const (
	Cellular Kind = "cellular" // through a mobile operator's packet gateway
	WiFi     Kind = "wifi"     // through fixed-line broadband
	Wired    Kind = "wired"    // a server's own connection
	VPN      Kind = "vpn"      // through a VPN, out at its exit
	Relay    Kind = "relay"    // through somebody's relay: a private relay, a browser's data-saver
)

// Origin says where a request came from.
type Origin struct {
	Owner string     // whose interface it is: "Device alice", "Server", "IDlayr"
	Path  string     // the interface's name: "cellular O2 UK", "wifi", "wired"
	Kind  Kind       // the kind of path
	Addr  netip.Addr // the source address that the host saw
}

// Exchange is one request and what became of it, as the virtual internet saw it.
//
// The request part never changes. Notes may be added while the exchange is open, and the outcome is set once, when
// it closes; [Exchange.Outcome] and [Exchange.Notes] may be called at any time, from any goroutine.
type Exchange struct {
	ID     uint64 // 1, 2, 3... in the order in which requests arrived
	Parent uint64 // the exchange during which this one was made, 0 when none or unknown
	Start  time.Time

	From   Origin
	Host   string // the virtual host's name
	Owner  string // whose host it is
	Secure bool   // port 443: nobody on the path could read or stamp it

	Method string
	URL    string      // absolute
	Header http.Header // as the client sent it, before any box on the path touched it
	Body   []byte      // at most BodyLimit bytes, see Config

	caller context.Context         // the caller's request context, nil when it is unknown
	cancel context.CancelCauseFunc // ends the context of the handler

	mu      sync.Mutex
	notes   []string
	outcome Outcome
	tap     Tap
	awaits  int     // parts (see part) that must still happen before the exchange closes
	pending Outcome // what is known of the outcome while they have not
	lost    bool    // no byte of the answer got through
}

// Outcome is how an exchange ended.
type Outcome struct {
	Closed   bool          // false while the exchange is open: every other field is then zero
	Duration time.Duration // virtual time between the request and the end
	Status   int           // 0 when no response began
	Header   http.Header
	Body     []byte // at most BodyLimit bytes, see Config
	Err      string // what went wrong on the wire ("connection reset after 20 bytes"), empty when nothing did
}

// Outcome returns how the exchange ended, or the zero Outcome while it is open.
func (x *Exchange) Outcome() Outcome {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.outcome
}

// Notes returns what the actors noted on the exchange, oldest first.
func (x *Exchange) Notes() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.notes)
}

// Note adds a note to the exchange. A note that comes after it closed is kept as well: a box may only then know.
func (x *Exchange) Note(text string) {
	x.mu.Lock()
	x.notes = append(x.notes, text)
	tap := x.tap
	x.mu.Unlock()
	if tap != nil {
		tap.Noted(x, text)
	}
}

// Close sets the outcome and tells the tap. Only the first call counts. The virtual internet closes its own exchanges;
// the method is exported for tests of what reads them.
func (x *Exchange) Close(o Outcome) {
	x.mu.Lock()
	if x.outcome.Closed {
		x.mu.Unlock()
		return
	}
	o.Closed = true
	x.outcome = o
	tap := x.tap
	x.mu.Unlock()
	if tap != nil {
		tap.Closed(x)
	}
}

// An exchange closes when its handler is done and its answer has arrived, whichever comes last: a delayed answer
// belongs to the time at which the caller got it, a streamed one to the time at which it was complete.
const (
	partHandled = iota
	partArrived
	parts
)

// handled says that the host is done with the request.
func (x *Exchange) handled(o Outcome, at time.Time) { x.partDone(o, at) }

// arrived says that the answer's first bytes reached the caller, or that it is lost and nothing will: the exchange then
// ended at that time, whatever the host still does.
func (x *Exchange) arrived(problem string, lost bool, at time.Time) {
	if lost {
		x.mu.Lock()
		x.lost = true
		x.pending.Duration = at.Sub(x.Start)
		x.mu.Unlock()
	}
	x.partDone(Outcome{Err: problem}, at)
}

// followCaller ends the handler's context when the caller gave up, or a caller further up.
func (x *Exchange) followCaller() {
	if x == nil || x.caller == nil {
		return
	}
	ExchangeFrom(x.caller).followCaller()
	if x.caller.Err() != nil && x.cancel != nil {
		x.cancel(context.Canceled)
	}
}

func (x *Exchange) partDone(o Outcome, at time.Time) {
	x.mu.Lock()
	x.awaits--
	if o.Status != 0 {
		x.pending.Status, x.pending.Header, x.pending.Body = o.Status, o.Header, o.Body
	}
	if x.pending.Err == "" {
		x.pending.Err = o.Err
	}
	if x.lost {
		x.pending.Status, x.pending.Header, x.pending.Body = 0, nil, nil
	} else {
		x.pending.Duration = at.Sub(x.Start)
	}
	done, outcome := x.awaits == 0, x.pending
	x.mu.Unlock()
	if done {
		x.Close(outcome)
	}
}

type exchangeKey struct{}

// ExchangeFrom returns the exchange that a handler's request context belongs to, or nil.
func ExchangeFrom(ctx context.Context) *Exchange {
	x, _ := ctx.Value(exchangeKey{}).(*Exchange)
	return x
}

// Note adds a note to the exchange that ctx belongs to, if it belongs to one.
func Note(ctx context.Context, text string) {
	if x := ExchangeFrom(ctx); x != nil {
		x.Note(text)
	}
}

// Tap sees each exchange once. Its methods are called from the goroutines that serve the exchanges, so they must be
// safe for concurrent use and quick.
type Tap interface {
	// Opened is called when the request has arrived, before any handler sees it.
	Opened(*Exchange)
	// Noted is called for each note, which may come after Closed.
	Noted(x *Exchange, text string)
	// Closed is called when the outcome is known.
	Closed(*Exchange)
}
