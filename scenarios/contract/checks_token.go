package contract

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

var checkRenewal = check{
	id: "C13", severity: Medium,
	title: "Access tokens are renewed when they end or are refused",
	why:   "a token that is used for ever brings every verification down after its first hour, or when it is revoked",
	how:   "tokens live for 20 seconds; then one is revoked between start and finish; then all are refused. Verifications and requests are counted",
	fix:   "Renew before expires_in is over; on 401 fetch one new token and repeat the call once.",
	run:   runRenewal,
}

func runRenewal(b *bench) {
	w := b.world()
	life := 20 * time.Second
	if !w.canWait(life) {
		life = 3 * time.Second
		w.front.revoke() // it may have one for an hour
	}
	w.front.limit(life)
	w.mark()
	first := w.user(numberA).verify(numberA)
	if !first.success() {
		w.fail("with a token that lives for %v, or after one was revoked, a verification fails: %s", life, first.text())
	}
	w.sleep(life + time.Second)
	w.mark()
	bob := w.user(numberB)
	a := bob.verify(numberB)
	if !bob.verified() {
		w.fail("after a token's time was up a verification fails: %s", a.text())
	}
	w.front.limit(0)
	w.front.revoke()

	w.mark()
	alice := w.user(numberA)
	if s := alice.start(numberA); s.ok() {
		got := alice.open(s)
		w.front.revoke()
		w.mark()
		a := alice.finish(s, got)
		tokens, asked := len(w.calls(toToken)), len(w.calls(toRead, toRedeem))
		switch {
		case !alice.verified():
			w.fail("when the token is revoked between start and finish the verification fails: %s", a.text())
		case tokens > 2:
			w.fail("one revoked token made the backend fetch %d new ones", tokens)
		case asked > 3:
			w.fail("one revoked token made the backend ask for the result %d times", asked)
		}
	} else {
		w.fail("after a token was revoked a start fails: %s", s.text())
	}
	last := w.user(numberA)
	w.mark()
	remove := w.front.on(func(c *call) { c.refuse(http.StatusUnauthorized, "access_token_error") }, toCreate)
	s := last.start(numberA)
	remove()
	if tokens := len(w.calls(toToken)); tokens > 3 || s.hung {
		w.fail("when every token is refused the backend does not give up: %d tokens for one start, %s", tokens, s.text())
	}
}

var checkCached = check{
	id: "C12", severity: Medium,
	title: "One access token serves many checks",
	why:   "a token for each check doubles the calls, the latency and the way to the rate limit",
	how:   "token requests are counted over five verifications one after the other, and over six starts at once without a token",
	fix:   "Keep the token until shortly before its end, and let one request fetch it while the others wait.",
	run:   runCached,
}

func runCached(b *bench) {
	w := b.world()
	w.mark()
	for range 5 {
		w.user(numberA).verify(numberA)
	}
	if n := mostAsked(w); n > 1 {
		w.fail("five verifications one after the other took %d access tokens of the same scope", n)
	}
	w = b.world()
	w.cold()
	users := make([]*user, 6)
	for i := range users {
		users[i] = w.user(numberA)
	}
	w.mark()
	var all sync.WaitGroup
	for _, u := range users {
		all.Go(func() { u.start(numberA) })
	}
	all.Wait()
	if n := mostAsked(w); n > 1 {
		w.hint("six starts at once took %d access tokens", n)
	}
}

// mostAsked is how often a token of one scope was asked for since the last mark.
func mostAsked(w *world) (most int) {
	byScope := map[string]int{}
	for _, r := range w.calls(toToken) {
		form, _ := url.ParseQuery(string(r.RequestBody))
		byScope[form.Get("scope")]++
		most = max(most, byScope[form.Get("scope")])
	}
	return most
}

var checkBasic = check{
	id: "C14", severity: Medium,
	title: "Credentials and bodies are encoded as the API wants them",
	why:   "a secret with a colon, a percent sign or an umlaut is as good as any, until it is put into a header by hand",
	how:   "the client's secret is one of special characters; then the Basic header is decoded and the types of all bodies are looked at",
	fix:   "Let an OAuth2 library make the Basic header; send the token request as a form, the create as JSON, and the code as a JSON patch.",
	run:   runBasic,
}

// specialSecret has what breaks hand-made headers.
const specialSecret = "s:p%41+c/r&t=é?#"

func runBasic(b *bench) {
	w := b.world()
	w.cold()
	w.mark()
	w.user(numberA).verify(numberA)
	for _, r := range w.calls(toToken) {
		header := r.RequestHeader.Get("Authorization")
		scheme, value, _ := strings.Cut(header, " ")
		plain, err := base64.StdEncoding.DecodeString(value)
		id, secret, _ := strings.Cut(string(plain), ":")
		p := w.Project()
		switch {
		case !strings.EqualFold(scheme, "Basic") || err != nil:
			w.fail("the token request has no Basic credentials")
		case id != p.ClientID && unescaped(id) != p.ClientID, secret != p.ClientSecret && unescaped(secret) != p.ClientSecret:
			w.fail("the Basic header does not hold the client's id and secret")
		}
		if media(r.RequestHeader) != "application/x-www-form-urlencoded" {
			w.fail("the token request is not a form but %q", r.RequestHeader.Get("Content-Type"))
		}
	}
	for _, r := range w.calls(toCreate) {
		if media(r.RequestHeader) != "application/json" {
			w.hint("the create is not declared as application/json but as %q", r.RequestHeader.Get("Content-Type"))
		}
	}
	for _, r := range w.calls(toRedeem) {
		var patch []map[string]any
		if media(r.RequestHeader) != "application/json-patch+json" || json.Unmarshal(r.RequestBody, &patch) != nil {
			w.fail("the code is not sent as an application/json-patch+json array")
		}
	}
	if b.room != nil {
		return // it was started with its secret
	}
	w = b.world(worldOptions{secret: specialSecret})
	w.mark()
	if a := w.user(numberA).start(numberA); !a.ok() {
		w.fail("with a secret that contains : %% + / & = ? # and é a start fails: %s", a.text())
	}
}

func unescaped(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return s
	}
	return plain
}

func media(h http.Header) string {
	t, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return t
}

var checkScope = check{
	id: "C15", severity: Low,
	title: "Tokens have the scope of the product and no other",
	why:   "a token that gets out does the harm that its scopes allow",
	how:   "the scope of each token request is read; more than phone_check, or none, which means all, is a hint",
	fix:   "Ask for the scope phone_check for checks, and for coverage with a token of its own.",
	run:   runScope,
}

func runScope(b *bench) {
	w := b.world()
	w.cold()
	w.mark()
	w.user(numberA).verify(numberA)
	asked := w.front.tokenRequests()
	if len(asked) == 0 {
		b.notRun("the backend asked for no token")
	}
	for _, r := range asked {
		scopes := strings.Fields(r.scope)
		slices.Sort(scopes)
		switch {
		case len(scopes) == 0:
			w.hint("a token is asked for without scope, which means all scopes")
		case len(scopes) > 1 || scopes[0] != "phone_check" && scopes[0] != "coverage":
			w.hint("a token is asked for with the scopes %s", strings.Join(scopes, ", "))
		}
	}
}
