package vnet

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// StallLimit is how long a stalled answer keeps its connection open before something on the path cuts it.
const StallLimit = 5 * time.Minute

// Fault makes requests to a host go wrong on the network. Its first four fields select requests, the next three say
// how often it strikes, the rest says how. Host and Path are patterns in which * stands for any characters; an empty
// one selects all.
type Fault struct {
	Host   string // the virtual host's name
	Method string
	Path   string // the path without the query
	From   string // the owner of the interface, such as "Device *"

	Skip        int     // let so many selected requests through first
	Times       int     // strike so many times; 0: always
	Probability float64 // strike only with this chance, decided by the network's seed; 0: always

	// Status answers in the host's place, with Body and Header; the host does not see the request.
	Status int
	Header http.Header
	Body   string
	// Delay lets the answer arrive so much later; the host sees the request at once.
	Delay time.Duration
	// Stall accepts the request and never answers it; the connection is cut after StallLimit.
	Stall bool
	// Reset and Truncate cut the answer off after so many bytes of it, headers included, with a reset or a plain end.
	// Split lets the rest travel in a segment of its own. The host has done its work in all three. An answer that is
	// shorter than that gets through whole. See [After].
	Reset, Truncate, Split *int
}

// After returns a pointer to n, for the fields of a [Fault] that count bytes.
func After(n int) *int { return &n }

// Validate returns an error that says what is wrong with the fault.
func (f Fault) Validate() error {
	effects := 0
	for _, set := range []bool{f.Status != 0, f.Stall, f.Reset != nil, f.Truncate != nil} {
		if set {
			effects++
		}
	}
	switch {
	case effects == 0 && f.Delay == 0 && f.Split == nil:
		return fmt.Errorf("the fault does nothing: set one of status, delay, stall, reset, truncate, split")
	case effects > 1:
		return fmt.Errorf("the fault has more than one of status, stall, reset, truncate: add a second fault instead")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is not a final HTTP status (200 to 599)", f.Status)
	case !(f.Probability >= 0 && f.Probability <= 1): // not a number is neither
		return fmt.Errorf("probability %v is not between 0 and 1", f.Probability)
	case f.Delay < 0:
		return fmt.Errorf("delay %v is negative", f.Delay)
	case f.Times < 0 || f.Skip < 0:
		return fmt.Errorf("times and skip count requests and cannot be negative")
	}
	for name, n := range map[string]*int{"reset": f.Reset, "truncate": f.Truncate, "split": f.Split} {
		if n != nil && *n < 0 {
			return fmt.Errorf("%s counts bytes and cannot be negative", name)
		}
	}
	return nil
}

// String says in words what the fault does.
func (f Fault) String() string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	switch {
	case f.Status != 0:
		add("answer %d", f.Status)
	case f.Stall:
		add("stall")
	case f.Reset != nil:
		add("reset after %d bytes", *f.Reset)
	case f.Truncate != nil:
		add("end after %d bytes", *f.Truncate)
	}
	if f.Split != nil {
		add("split after %d bytes", *f.Split)
	}
	if f.Delay > 0 {
		add("delay %v", f.Delay)
	}
	return strings.Join(words, ", ")
}

// activeFault is a Fault at work.
type activeFault struct {
	Fault
	seen, struck int
}

// faults is the layer in front of all hosts.
type faults struct {
	some atomic.Bool // whether there are any: spares the common case the lock
	mu   sync.Mutex
	list []*activeFault
	rand *rand.Rand
}

// AddFault sets a fault and returns a function that takes it away. Of several faults that select a request the one
// that was added first strikes.
func (n *Network) AddFault(f Fault) (remove func(), err error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	f.Header = f.Header.Clone()
	a := &activeFault{Fault: f}
	n.faults.mu.Lock()
	n.faults.list = append(n.faults.list, a)
	n.faults.some.Store(true)
	n.faults.mu.Unlock()
	return func() { n.faults.remove(func(b *activeFault) bool { return a == b }) }, nil
}

// ClearFaults takes all faults away.
func (n *Network) ClearFaults() { n.faults.remove(func(*activeFault) bool { return true }) }

func (s *faults) remove(which func(*activeFault) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := make([]*activeFault, 0, len(s.list))
	for _, f := range s.list {
		if !which(f) {
			kept = append(kept, f)
		}
	}
	s.list = kept
	s.some.Store(len(kept) > 0)
}

// pick returns the fault that strikes the request, or nil.
func (s *faults) pick(r *http.Request, host, from string) *Fault {
	if !s.some.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.list {
		if !f.selects(r, host, from) || (f.Times > 0 && f.struck >= f.Times) {
			continue
		}
		f.seen++
		if f.seen <= f.Skip || (f.Probability > 0 && s.rand.Float64() >= f.Probability) {
			continue
		}
		f.struck++
		struck := f.Fault
		return &struck
	}
	return nil
}

func (f *activeFault) selects(r *http.Request, host, from string) bool {
	return (f.Method == "" || strings.EqualFold(f.Method, r.Method)) &&
		MatchPattern(strings.ToLower(f.Host), host) && MatchPattern(f.Path, r.URL.Path) && MatchPattern(f.From, from)
}

// MatchPattern reports whether the pattern, in which * stands for any characters, covers the whole of s. An empty pattern
// covers everything.
func MatchPattern(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		_, rest, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = rest
	}
	return strings.HasSuffix(s, parts[last])
}

// front is a host with the faults in front of it.
type front struct {
	faults *faults
	host   *Host
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !f.faults.some.Load() {
		f.host.handler.ServeHTTP(w, r)
		return
	}
	x := ExchangeFrom(r.Context())
	fault := f.faults.pick(r, f.host.Name, x.From.Owner)
	if fault == nil {
		f.host.handler.ServeHTTP(w, r)
		return
	}
	x.Note("fault: " + fault.String())
	fault.strike(w, r, f.host.handler)
}

// strike answers, or lets the host answer, as the fault says.
func (f *Fault) strike(w http.ResponseWriter, r *http.Request, host http.Handler) {
	l := r.Context().Value(linkKey{}).(*link)
	l.down.mu.Lock()
	l.down.shape.delay += f.Delay
	if f.Split != nil {
		l.down.shape.split = *f.Split
	}
	l.down.mu.Unlock()
	switch {
	case f.Stall:
		_, _ = io.Copy(io.Discard, r.Body) // it is the answer that stalls, not the request
		l.answer.silent = true
		l.down.stall(StallLimit)
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		f.respond(w)
		return
	case f.Reset != nil:
		l.answer.reset(*f.Reset)
	case f.Truncate != nil:
		l.answer.truncate(*f.Truncate)
	}
	host.ServeHTTP(w, r)
	l.answer.settleStop()
}

// respond answers in the host's place.
func (f *Fault) respond(w http.ResponseWriter) {
	for name, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if w.Header().Get("Content-Type") == "" && strings.HasPrefix(f.Body, "{") {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(f.Status)
	_, _ = io.WriteString(w, f.Body)
}
