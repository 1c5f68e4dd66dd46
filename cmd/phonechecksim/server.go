package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/phonechecksim/phonechecksim/scenarios"
)

// serverPatience is how long a server outside may take to listen.
const serverPatience = 2 * time.Second

// against are the flags that play scenarios against a server outside.
type against struct{ url, profile, apiAddr string }

func (a *against) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.url, "server", "", "play against the application server at this base URL, in real time, instead of the reference server")
	f.StringVar(&a.profile, "profile", "", "how apps speak to that server: a file (default: as to the reference server)")
	f.StringVar(&a.apiAddr, "api-addr", "127.0.0.1:8080", "where the platform listens for that server")
}

// playable leaves out what cannot be played against a server outside, and says so.
func playable(cmd *cobra.Command, chosen []*scenarios.Scenario, server *scenarios.Server) (some []*scenarios.Scenario) {
	for _, s := range chosen {
		if ok, why := server.Plays(s); !ok {
			fmt.Fprintf(cmd.ErrOrStderr(), "not played: %s: %s\n", s.Name, why)
			continue
		}
		some = append(some, s)
	}
	return some
}

// open listens for the server, if there is one. It has to call the platform at the address meant here.
func (a *against) open(cmd *cobra.Command) (s *scenarios.Server, end func(), err error) {
	if a.url == "" {
		return nil, func() {}, nil
	}
	if !strings.HasPrefix(a.url, "http://") && !strings.HasPrefix(a.url, "https://") {
		return nil, nil, fmt.Errorf("--server %q: write it as a URL, such as http://127.0.0.1:3000", a.url)
	}
	var profile scenarios.ServerProfile
	if a.profile != "" {
		if profile, err = scenarios.LoadServerProfile(a.profile); err != nil {
			return nil, nil, err
		}
	}
	u, err := url.Parse(a.url)
	if err != nil {
		return nil, nil, err
	}
	if err := (*process)(nil).waitFor(cmd.Context(), u, serverPatience); err != nil {
		return nil, nil, fmt.Errorf("--server: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(cmd.Context(), "tcp", a.apiAddr)
	if err != nil {
		return nil, nil, fmt.Errorf("the platform cannot listen on %s: %w; choose another address with --api-addr", a.apiAddr, err)
	}
	var platform atomic.Pointer[http.Handler]
	web := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := platform.Load(); h != nil {
			(*h).ServeHTTP(w, r)
			return
		}
		http.Error(w, "no scenario is being played", http.StatusServiceUnavailable)
	})}
	go func() { _ = web.Serve(l) }()
	fmt.Fprintf(cmd.ErrOrStderr(), "the platform is at http://%s, for the server at %s\n", l.Addr(), a.url)
	s = profile.Server(strings.TrimRight(a.url, "/"))
	s.Serve = func(h http.Handler) { platform.Store(&h) }
	return s, func() { _ = web.Shutdown(context.WithoutCancel(cmd.Context())) }, nil
}
