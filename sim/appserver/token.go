package appserver

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

const (
	earlyRenewal    = time.Minute // before a token ends
	defaultLifetime = time.Hour   // of a token that does not say
)

// tokens keeps the one access token that all requests share. Whoever needs a new one first starts a fetch; everybody
// else who comes meanwhile waits for the same fetch. The lock is never held during a call.
type tokens struct {
	s     *Server
	oauth clientcredentials.Config
	calls sync.WaitGroup

	mu      sync.Mutex
	token   string
	renewAt time.Time
	fetch   *fetch // under way, or nil
	closed  bool
}

// fetch is one call to the token endpoint; token and err are set when done is closed.
type fetch struct {
	done  chan struct{}
	token string
	err   error
}

func newTokens(s *Server) *tokens {
	return &tokens{s: s, oauth: clientcredentials.Config{
		ClientID:     s.c.ClientID,
		ClientSecret: s.c.ClientSecret,
		TokenURL:     s.c.APIBase + "/oauth2/v1/token",
		Scopes:       s.c.Scopes,
		AuthStyle:    oauth2.AuthStyleInHeader,
	}}
}

// get returns the shared token, fetching it when there is none or it is about to end. A token that the platform has
// refused is named as stale and not returned again.
func (t *tokens) get(ctx context.Context, stale string) (string, error) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return "", unavailable
	}
	if stale != "" && t.token == stale {
		t.token = ""
	}
	if t.token != "" && t.s.c.Clock.Now().Before(t.renewAt) {
		defer t.mu.Unlock()
		return t.token, nil
	}
	f := t.fetch
	if f == nil {
		f = &fetch{done: make(chan struct{})}
		t.fetch = f
		t.calls.Add(1)
		// The fetch serves others too, so it must outlive the request that happened to come first.
		go t.run(context.WithoutCancel(ctx), f)
	}
	t.mu.Unlock()

	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return "", ended(ctx)
	}
}

func (t *tokens) run(ctx context.Context, f *fetch) {
	defer t.calls.Done()
	defer close(f.done)
	asked := t.s.c.Clock.Now()
	ctx, cancel := clock.WithTimeout(ctx, t.s.c.Clock, t.s.c.CallTimeout)
	defer cancel()
	defer context.AfterFunc(t.s.life, cancel)()

	got, err := t.oauth.Token(context.WithValue(ctx, oauth2.HTTPClient, t.s.api))
	if err != nil {
		f.err = t.s.tokenProblem(ctx, err)
	} else {
		f.token = got.AccessToken
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fetch = nil
	if err == nil {
		// The library counts on the machine's clock; ours may stand elsewhere. The lifetime began when the platform made
		// the token, which is after it was asked.
		life := lifetime(got)
		t.token, t.renewAt = f.token, asked.Add(life-min(earlyRenewal, life/2))
	}
}

// wait forbids further fetches and returns when none is under way.
func (t *tokens) wait() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.calls.Wait()
}

// lifetime returns for how long the token said it is good.
func lifetime(token *oauth2.Token) time.Duration {
	var seconds float64
	switch v := token.Extra("expires_in").(type) {
	case float64:
		seconds = v
	case string:
		seconds, _ = strconv.ParseFloat(v, 64)
	}
	if !(seconds > 0) {
		return defaultLifetime
	}
	return time.Duration(min(seconds, (24*time.Hour).Seconds()) * float64(time.Second))
}

// tokenProblem translates a failed fetch. The error itself may quote what the platform said: it stays here.
func (s *Server) tokenProblem(ctx context.Context, err error) error {
	var refused *oauth2.RetrieveError
	if ctx.Err() == nil && errors.As(err, &refused) && refused.Response != nil {
		s.c.Log.Warn("the platform gave no token", "status", refused.Response.StatusCode)
		if refused.Response.StatusCode == tooMany.status {
			return limited{tooMany, retryAfter(refused.Response.Header)}
		}
		return unavailable
	}
	if ctx.Err() != nil {
		s.c.Log.Warn("no token in time")
		return ended(ctx)
	}
	s.c.Log.Warn("the platform cannot be reached for a token")
	return unavailable
}

// ended tells a deadline from other ends of a context.
func ended(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return timedOut
	}
	return unavailable
}
