// Package frontdoor lets real clients into the virtual internet: an API or application server that stands at a socket,
// and an access proxy that puts its client on a device's path. Inside nothing knows the difference.
//
// A door forwards each request over the way that its client has: an interface of the virtual internet. What happens to it
// there happens to the client: an answer that takes long takes long, and a connection that is reset is reset.
package frontdoor

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Way is how a client's requests reach the virtual internet, asked anew for each: a device's route may change. An error
// says why there is no way.
type Way func() (http.RoundTripper, error)

// Door serves sockets. Make one with [New]; close it when done.
type Door struct {
	ca      *CA
	server  http.Server // of sockets
	tunnels http.Server // of what comes through CONNECT
	accept  *Queue
	handing sync.WaitGroup
}

const (
	// A client that has not said what it wants by then is cut off: it may be one of many.
	headerPatience = 10 * time.Second
	idlePatience   = 2 * time.Minute
	maxHeader      = 64 << 10 // bytes
)

type handlerKey struct{}

// New returns a door that nobody can reach yet. Certificates are made by the authority.
func New(ca *CA) *Door {
	d := &Door{ca: ca, accept: NewQueue(&net.TCPAddr{})}
	for _, s := range []*http.Server{&d.server, &d.tunnels} {
		s.ReadHeaderTimeout, s.IdleTimeout, s.MaxHeaderBytes = headerPatience, idlePatience, maxHeader
		s.ErrorLog = log.New(io.Discard, "", 0) // it would tell of every garbage connection
		s.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Context().Value(handlerKey{}).(http.Handler).ServeHTTP(w, r)
		})
		s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				c = t.NetConn()
			}
			return context.WithValue(ctx, handlerKey{}, c.(*marked).handler)
		}
	}
	d.handing.Go(func() { _ = d.tunnels.Serve(d.accept) })
	return d
}

// Serve answers what comes in at a socket, until the door is closed.
func (d *Door) Serve(l net.Listener, h http.Handler) {
	d.handing.Go(func() { _ = d.server.Serve(marking{l, h}) })
}

// ServeTLS does the same with TLS, with a certificate for whatever name the client asks for.
func (d *Door) ServeTLS(l net.Listener, h http.Handler) {
	conf := d.ca.tlsConfig(func(c net.Conn) string {
		host, _, _ := net.SplitHostPort(c.LocalAddr().String())
		return host
	})
	d.handing.Go(func() { _ = d.server.Serve(tls.NewListener(marking{l, h}, conf)) })
}

// Shutdown takes no more connections and waits for the requests under way; when ctx ends it cuts them off and returns
// why.
func (d *Door) Shutdown(ctx context.Context) error {
	err := errors.Join(d.server.Shutdown(ctx), d.tunnels.Shutdown(ctx))
	return errors.Join(err, d.Close())
}

// Close cuts everything off.
func (d *Door) Close() error {
	err := errors.Join(d.server.Close(), d.tunnels.Close())
	d.handing.Wait()
	return err
}

// marked is a connection that knows who answers on it.
type marked struct {
	net.Conn
	handler http.Handler
}

type marking struct {
	net.Listener
	handler http.Handler
}

func (m marking) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &marked{c, m.handler}, nil
}

// Queue is a listener for connections that were accepted elsewhere. Make one with [NewQueue].
type Queue struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	addr   net.Addr
}

// NewQueue returns an empty queue that says it listens on addr.
func NewQueue(addr net.Addr) *Queue {
	return &Queue{conns: make(chan net.Conn), closed: make(chan struct{}), addr: addr}
}

// Put hands a connection to whoever accepts; once the queue is closed it closes the connection.
func (q *Queue) Put(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.closed:
		_ = c.Close()
	}
}

// Accept implements [net.Listener].
func (q *Queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (q *Queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

// Addr implements [net.Listener].
func (q *Queue) Addr() net.Addr { return q.addr }
