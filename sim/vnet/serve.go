package vnet

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// serve handles one request: it opens the exchange, lets the boxes on the path and the faults have their way with it,
// and gives it to the host.
func (n *Network) serve(w http.ResponseWriter, r *http.Request) {
	l := r.Context().Value(linkKey{}).(*link)
	if l.secure {
		r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: l.host.Name}
	}
	x := n.newExchange(l, r)
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	x.cancel = cancel
	n.begin(x)
	defer n.end(x)

	r = r.WithContext(context.WithValue(ctx, exchangeKey{}, x))
	l.down.shapeNext(shape{answer: x, delay: l.iface.cfg.Latency, split: -1, stop: -1})
	res := &response{ResponseWriter: w, link: l, limit: n.bodyLimit}
	l.answer = res
	l.setCurrent(x)
	w.Header()["Date"] = []string{date(x.Start)}
	defer func() {
		problem := recover()
		o := res.outcome(problem != nil)
		if problem != nil && o.Err == "" && !res.silent {
			o.Err = "the host broke off its answer"
			if problem != http.ErrAbortHandler {
				o.Err = fmt.Sprintf("the host's handler panicked: %v", problem)
			}
		}
		x.handled(o, n.clk.Now())
		l.down.uncork()
		if problem != nil {
			panic(problem)
		}
	}()
	l.front.ServeHTTP(res, r)
}

func (n *Network) newExchange(l *link, r *http.Request) *Exchange {
	x := &Exchange{
		From: l.iface.origin(), Host: l.host.Name, Owner: l.host.Owner, Secure: l.secure,
		Start: n.clk.Now(), Method: r.Method, URL: absoluteURL(l, r), Header: r.Header.Clone(),
		caller: l.currentCaller(), awaits: parts,
	}
	x.Header["Host"] = []string{r.Host}
	x.Body = n.peekBody(r)
	return x
}

func absoluteURL(l *link, r *http.Request) string {
	if r.URL.IsAbs() {
		return r.URL.String()
	}
	scheme := "http://"
	if l.secure {
		scheme = "https://"
	}
	return scheme + r.Host + r.URL.RequestURI()
}

// peekBody returns the start of the body and puts it back in front of the rest.
func (n *Network) peekBody(r *http.Request) []byte {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	var start []byte
	var err error
	if size := r.ContentLength; size >= 0 && size <= int64(n.bodyLimit) {
		start = make([]byte, size)
		var got int
		got, err = io.ReadFull(r.Body, start)
		start = start[:got]
	} else {
		start, err = io.ReadAll(io.LimitReader(r.Body, int64(n.bodyLimit)))
	}
	var rest io.Reader = r.Body
	if err != nil {
		rest = failing{err}
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), rest), r.Body}
	return start
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// begin registers x as being handled and tells the tap.
func (n *Network) begin(x *Exchange) {
	x.ID = n.ids.Add(1)
	if x.caller != nil {
		if parent := ExchangeFrom(x.caller); parent != nil {
			x.Parent = parent.ID
		}
	}
	n.mu.Lock()
	if x.Parent == 0 {
		x.Parent = n.handledBy(x.From.Owner)
	}
	n.active[x] = struct{}{}
	n.mu.Unlock()
	x.tap = n.tap
	if n.tap != nil {
		n.tap.Opened(x)
	}
}

// handledBy guesses the parent of a request whose maker did not pass its context on: the latest request that the same
// owner is handling.
func (n *Network) handledBy(owner string) uint64 {
	var latest uint64
	for x := range n.active {
		if x.Owner == owner {
			latest = max(latest, x.ID)
		}
	}
	return latest
}

func (n *Network) end(x *Exchange) {
	n.mu.Lock()
	delete(n.active, x)
	if len(n.active) == 0 {
		n.idle.Broadcast()
	}
	n.mu.Unlock()
}

// response passes an answer on and keeps what the exchange wants of it.
type response struct {
	http.ResponseWriter
	link    *link // nil for an answer on a real connection
	limit   int
	status  int
	body    []byte
	written int    // bytes of the body
	err     string // what the network did to the answer
	silent  bool   // no byte of it gets through

	flushed, hijacked bool // by the host
}

func (r *response) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *response) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	if room := r.limit - len(r.body); room > 0 {
		r.body = append(r.body, b[:min(room, n)]...)
	}
	r.written += n
	return n, err
}

func (r *response) Flush() {
	r.flushed = true
	r.uncork()
	if f, ok := r.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	r.hijacked = true
	r.uncork()
	return r.ResponseWriter.(http.Hijacker).Hijack()
}

func (r *response) uncork() {
	if r.link != nil {
		r.link.down.uncork()
	}
}

// Unwrap is for [http.ResponseController].
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *response) outcome(brokenOff bool) Outcome {
	if r.silent || (brokenOff && r.status == 0) {
		return Outcome{Err: r.err}
	}
	return Outcome{Status: cmp.Or(r.status, http.StatusOK), Header: r.Header(), Body: r.body, Err: r.err}
}

// stopAfter cuts the answer off after n bytes of it, headers included.
func (r *response) stopAfter(n int, err error, text string) {
	r.err, r.silent = text, n == 0
	s := &r.link.down
	s.mu.Lock()
	s.shape.stop, s.shape.stopErr, s.shape.stopText = n, err, text
	s.mu.Unlock()
}

// settleStop sends what the host has written, and says that nothing happened to it if it was too short for the cut.
func (r *response) settleStop() {
	if r.err == "" || r.hijacked {
		return
	}
	// What net/http does for short answers, which a flush would keep it from.
	if _, set := r.Header()["Content-Length"]; !set && !r.flushed && r.written > 0 && r.written <= 2048 {
		r.Header().Set("Content-Length", strconv.Itoa(r.written))
	}
	if f, ok := r.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
	s := &r.link.down
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.shape.stop = -1
		r.err = ""
	}
}

func (r *response) reset(n int) {
	r.stopAfter(n, errReset, fmt.Sprintf("connection reset after %d bytes", n))
}

func (r *response) truncate(n int) {
	r.stopAfter(n, io.EOF, fmt.Sprintf("connection closed after %d bytes", n))
}
