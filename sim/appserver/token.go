package appserver

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

const (
	earlyRenewal    = time.Minute // before a token ends
	defaultLifetime = time.Hour   // of a token that does not say
)

// tokens are an access token that all requests share.
type tokens = shared[string]

// coverage is the scope of the tokens that devices get.
const coverage = "coverage"

// allTokens returns what to call each API with.
func (s *Server) allTokens() map[string]*tokens {
	all := map[string]*tokens{coverage: s.newTokens(true, coverage)}
	var one *tokens
	if len(s.c.Scopes) > 0 {
		one = s.newTokens(false, s.c.Scopes...)
	}
	names := []string{simCheck.name}
	for _, p := range products {
		names = append(names, p.name)
	}
	for _, name := range names {
		switch {
		case one != nil:
			all[name] = one
		case all[name] == nil:
			all[name] = s.newTokens(false, name)
		}
	}
	return all
}

// newTokens returns those of some scopes. One that is for handing on must be good for nothing else: then a token that the
// platform says has other scopes is none.
func (s *Server) newTokens(handedOn bool, scopes ...string) *tokens {
	oauth := clientcredentials.Config{
		ClientID:     s.c.ClientID,
		ClientSecret: s.c.ClientSecret,
		TokenURL:     s.c.APIBase + "/oauth2/v1/token",
		Scopes:       scopes,
		AuthStyle:    oauth2.AuthStyleInHeader,
	}
	return &tokens{clk: s.c.Clock, fetch: func(ctx context.Context) (string, time.Duration, error) {
		ctx, cancel := clock.WithTimeout(ctx, s.c.Clock, s.c.CallTimeout)
		defer cancel()
		defer context.AfterFunc(s.life, cancel)()
		got, err := oauth.Token(context.WithValue(ctx, oauth2.HTTPClient, s.api))
		if err != nil {
			return "", 0, s.tokenProblem(ctx, err)
		}
		if handedOn && !within(got, scopes) {
			s.c.Log.Warn("the platform gave a token of more scopes than were asked for")
			return "", 0, unavailable
		}
		// The library counts on the machine's clock; ours may stand elsewhere. The lifetime began when the platform made
		// the token, which is after it was asked.
		life := lifetime(got)
		return got.AccessToken, life - min(earlyRenewal, life/2), nil
	}}
}

// within reports whether a token has no scopes but those. One that does not say has what was asked for (RFC 6749,
// section 5.1).
func within(token *oauth2.Token, scopes []string) bool {
	granted, _ := token.Extra("scope").(string)
	for _, scope := range strings.Fields(granted) {
		if !slices.Contains(scopes, scope) {
			return false
		}
	}
	return true
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
