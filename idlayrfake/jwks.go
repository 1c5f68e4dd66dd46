package idlayrfake

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// jwks is the public half of the signing key as a JWK set (RFC 7517).
var jwks = sync.OnceValue(func() json.RawMessage {
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: signingKey().Public(), KeyID: keyID, Algorithm: string(jose.RS256), Use: "sig"},
	}})
	if err != nil {
		panic("idlayrfake: embedded key: " + err.Error())
	}
	return set
})

// getKeys is GET /.well-known/jwks.json: anybody may read it, and receivers do so
// on every callback.
func (p *Platform) getKeys(x *exchange) failure {
	writeJSON(x.w, http.StatusOK, "application/json", jwks())
	return nil
}
