package device

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

// SetBearer gives the SIM in a slot, counted from 0, another mobile data session; nil takes it away. An empty slot is an error.
func (p *Phone) SetBearer(slot int, b Bearer) error {
	if slot < 0 || slot >= len(p.sims) {
		return fmt.Errorf("device: %s has no SIM in slot %d", p.name, slot)
	}
	p.set(func() { p.sims[slot].Bearer = b })
	return nil
}

// SetWiFiNetwork puts the phone in reach of another WiFi network; nil of none.
func (p *Phone) SetWiFiNetwork(b Bearer) { p.set(func() { p.wifi = b }) }

// later is something to do once the phone has had so many more answers.
type later struct {
	answers int
	do      func()
}

// After does something once the phone has had that many more answers, before it sends the next request: with it a path
// changes between two hops. An answer counts when the phone is done with it, and so does a request that failed.
func (p *Phone) After(answers int, do func()) {
	if answers <= 0 {
		do()
		return
	}
	p.set(func() { p.later = append(p.later, later{answers, do}) })
}

// hadAnswer does what was to be done after that many answers.
func (p *Phone) hadAnswer() {
	var due []func()
	p.set(func() {
		kept := p.later[:0]
		for _, l := range p.later {
			if l.answers--; l.answers > 0 {
				kept = append(kept, l)
			} else {
				due = append(due, l.do)
			}
		}
		clear(p.later[len(kept):])
		p.later = kept
	})
	for _, do := range due { // without the lock: most of it is the phone's own switches
		do()
	}
}

// counted is a bearer that tells its phone when an answer is over.
type counted struct {
	Bearer
	phone *Phone
}

func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.Bearer.RoundTrip(r)
	if err != nil {
		c.phone.hadAnswer()
		return nil, err
	}
	resp.Body = &countedBody{resp.Body, sync.OnceFunc(c.phone.hadAnswer)}
	return resp, nil
}

func (c counted) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.Bearer.DialContext(ctx, network, address)
	if err != nil {
		c.phone.hadAnswer()
		return nil, err
	}
	return &countedConn{conn, sync.OnceFunc(c.phone.hadAnswer)}, nil
}

type countedBody struct {
	io.ReadCloser
	done func()
}

func (b *countedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// countedConn is a connection for one hop, as the vendor's SDKs open it.
type countedConn struct {
	net.Conn
	done func()
}

func (c *countedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}
