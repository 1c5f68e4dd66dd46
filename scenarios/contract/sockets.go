package contract

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/frontdoor"
)

// sockets are where a backend in another process finds the platform: in clear, and over TLS with certificates that can be changed for
// ones that nobody has reason to trust.
type sockets struct {
	handler    http.Handler
	plain, tls net.Listener
	door       *frontdoor.Door // of the plain one
	ca         *frontdoor.CA   // that the backend is told of
	overTLS    atomic.Bool     // the backend has come over TLS
	relaying   sync.WaitGroup

	mu     sync.Mutex
	outlet *frontdoor.Queue
	secure *frontdoor.Door
}

func newSockets(ctx context.Context, plain, secure string, handler http.Handler) (*sockets, error) {
	s := &sockets{handler: handler}
	var err error
	if s.ca, err = frontdoor.NewCA(clock.NewReal().Now); err != nil {
		return nil, err
	}
	if plain == "" {
		plain = "127.0.0.1:0"
	}
	if secure == "" {
		secure = "127.0.0.1:0"
	}
	if s.plain, err = new(net.ListenConfig).Listen(ctx, "tcp", plain); err != nil {
		return nil, err
	}
	if s.tls, err = new(net.ListenConfig).Listen(ctx, "tcp", secure); err != nil {
		return nil, errors.Join(err, s.plain.Close())
	}
	s.door = frontdoor.New(s.ca)
	s.door.Serve(s.plain, handler)
	s.present(s.ca)
	s.relaying.Go(func() {
		for {
			c, err := s.tls.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			to := s.outlet
			s.mu.Unlock()
			to.Put(c)
		}
	})
	return s, nil
}

// present makes the platform show certificates of that authority from now on, on new connections alone: those there are are cut.
func (s *sockets) present(ca *frontdoor.CA) {
	door, out := frontdoor.New(ca), frontdoor.NewQueue(s.tls.Addr())
	door.ServeTLS(out, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.overTLS.Store(true)
		s.handler.ServeHTTP(w, r)
	}))
	s.mu.Lock()
	old := s.secure
	s.secure, s.outlet = door, out
	s.mu.Unlock()
	if old != nil {
		_ = old.Close()
	}
}

func (s *sockets) close() {
	_ = s.tls.Close()
	_ = s.door.Close()
	s.mu.Lock()
	secure := s.secure
	s.mu.Unlock()
	_ = secure.Close()
	s.relaying.Wait()
}
