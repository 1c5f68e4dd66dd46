package appserver

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysLife = 10 * time.Minute
	// keysPause is how old the keys are at least when one that is not among them makes the server ask again. Anybody can
	// name a key; not everybody shall be able to make the server ask for it all the time.
	keysPause = 10 * time.Second
)

// keys are those that callbacks are signed with, by id (RFC 7517).
type keys map[string]*rsa.PublicKey

func (s *Server) newKeys() *shared[keys] {
	return &shared[keys]{clk: s.c.Clock, fetch: func(ctx context.Context) (keys, time.Duration, error) {
		var set struct {
			Keys []json.RawMessage `json:"keys"`
		}
		if _, err := s.once(ctx, request{method: http.MethodGet, path: "/.well-known/jwks.json"}, "", &set); err != nil {
			return nil, 0, err
		}
		all := keys{}
		for _, raw := range set.Keys {
			var k jose.JSONWebKey
			if k.UnmarshalJSON(raw) != nil || k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != "RS256" {
				continue // for somebody else
			}
			if public, ok := k.Key.(*rsa.PublicKey); ok {
				all[k.KeyID] = public
			}
		}
		return all, keysLife, nil
	}}
}

// key returns the key of that id. Keys change; so an unknown one is looked for once more.
func (s *Server) key(ctx context.Context, id string) (*rsa.PublicKey, error) {
	all, err := s.keys.get(ctx, func(all keys, age time.Duration) bool { return all[id] == nil && age >= keysPause })
	if err != nil {
		return nil, err
	}
	if all[id] == nil {
		return nil, errKey
	}
	return all[id], nil
}
