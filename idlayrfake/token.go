package idlayrfake

import (
	"context"
	"time"
)

// maxTokens bounds the tokens kept. A server that asks for one per check reaches
// it in an hour at 18 checks a second; the oldest then end early.
const maxTokens = 1 << 16

// token is what an access token stands for.
type token struct {
	project *Project
	scopes  []string
	expires time.Time
}

// tokens are the access tokens issued and not revoked. The platform's lock guards
// them.
type tokens struct {
	byValue map[string]token
	order   []string // as issued, which is as they expire
}

func newTokens() tokens { return tokens{byValue: map[string]token{}} }

// RevokeTokens ends every access token, as if somebody had revoked the credentials' tokens in the vendor's console. Servers
// learn of it when the next call is answered 401.
func (p *Platform) RevokeTokens() {
	p.mu.Lock()
	p.tokens = newTokens()
	p.mu.Unlock()
	p.decide(context.Background(), "", "", "all access tokens revoked")
}

func (t *tokens) add(value string, tok token, now time.Time) {
	for len(t.order) > 0 {
		oldest := t.byValue[t.order[0]]
		if now.Before(oldest.expires) && len(t.order) < maxTokens {
			break
		}
		delete(t.byValue, t.order[0])
		t.order[0] = ""
		t.order = t.order[1:]
	}
	t.byValue[value] = tok
	t.order = append(t.order, value)
}
