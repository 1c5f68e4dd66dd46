package vnet

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
)

// Answer has the host at address answer r on w, as if r had come over a connection of the interface. It is for requests
// that come from real sockets: they need no second connection, in memory, behind the real one. It reports false, and has
// done nothing, when only a connection will do: the host or a way to it is missing, an answer takes time on this path, or
// there are faults. Then [Interface.RoundTrip] says what happens.
//
// r is as a server sees it; its RemoteAddr and TLS are set to those of the interface, its context is that of the real
// connection.
func (i *Interface) Answer(w http.ResponseWriter, r *http.Request, address string, secure bool) bool {
	n := i.n
	if i.down.Load() || i.cfg.Latency > 0 || n.faults.some.Load() {
		return false
	}
	host := n.lookup(address)
	if host == nil || host.down.Load() || !n.enter() {
		return false
	}
	defer n.open.Done()

	own := *r
	r = &own
	r.RemoteAddr = netip.AddrPortFrom(i.cfg.Addr, uint16(49152+i.ports.Add(1)%16384)).String()
	r.TLS = nil
	if secure {
		r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: host.Name}
	}
	l := &link{iface: i, host: host, secure: secure}
	x := n.newExchange(l, r)
	x.caller, x.awaits = nil, 1 // nobody waits inside for the answer to arrive
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	x.cancel = cancel
	n.begin(x)
	defer n.end(x)
	defer context.AfterFunc(n.done, func() { cancel(net.ErrClosed) })()

	res := &response{ResponseWriter: w, limit: n.bodyLimit}
	w.Header()["Date"] = []string{date(x.Start)}
	defer func() {
		problem := recover()
		o := res.outcome(problem != nil)
		if problem != nil && o.Err == "" {
			o.Err = "the host broke off its answer"
			if problem != http.ErrAbortHandler {
				o.Err = fmt.Sprintf("the host's handler panicked: %v", problem)
			}
		}
		x.handled(o, n.clk.Now())
		if problem != nil {
			panic(http.ErrAbortHandler)
		}
	}()
	handler := host.handler
	if box := i.cfg.Middlebox; box != nil && !secure {
		handler = box(handler)
	}
	handler.ServeHTTP(res, r.WithContext(context.WithValue(ctx, exchangeKey{}, x)))
	return true
}

// enter counts one more that Close waits for, unless it is too late.
func (n *Network) enter() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.open.Add(1)
	return true
}
