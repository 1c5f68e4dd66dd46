package contract

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// notice is a callback as somebody sends it.
type notice struct {
	header http.Header
	body   []byte
}

// ownKey signs callbacks that the platform did not send. It is made anew in each process: nobody has to keep it.
var ownKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(stop{"no key for callbacks: " + err.Error()})
	}
	return key
})

const ownKeyID = "contract"

// ownJWK is the key as a member of a key set (RFC 7517).
func ownJWK() map[string]any {
	public := ownKey().PublicKey
	return map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": ownKeyID,
		"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
	}
}

// told is a callback's body.
func told(id, status string, more map[string]any) []byte {
	object := map[string]any{"check_id": id, "status": status, "charge_amount": 1, "charge_currency": "API"}
	for k, v := range more {
		object[k] = v
	}
	body, _ := json.Marshal(object)
	return body
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "SHA-256=" + hex.EncodeToString(sum[:])
}

// unsigned is a callback that says nothing of who sent it.
func (w *world) unsigned(body []byte) notice {
	return notice{http.Header{
		"Content-Type": {"application/json"}, "Date": {w.Now().UTC().Format(http.TimeFormat)}, "X-Tru-Callback": {"phone_check"},
		"Digest": {digest(body)},
	}, body}
}

// signed is a callback with a signature of our own key under that name, as the platform makes them.
func (w *world) signed(body []byte, keyID string) notice {
	n := w.unsigned(body)
	u, _ := url.Parse(w.callbackURL())
	text := "(request-target): post " + u.RequestURI() + "\nhost: " + u.Host + "\ndate: " + n.header.Get("Date") +
		"\nx-tru-callback: phone_check\ndigest: " + n.header.Get("Digest")
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, ownKey(), crypto.SHA256, sum[:])
	if err != nil {
		panic(stop{"no signature: " + err.Error()})
	}
	n.header.Set("Authorization", `Signature keyId="`+keyID+`",algorithm="rsa-sha256",headers="(request-target) host date x-tru-callback digest",signature="`+
		base64.StdEncoding.EncodeToString(signature)+`"`)
	return n
}

func (w *world) callbackURL() string { return w.base + w.ground.cfg.Profile.Callback }

// outsider is the way of somebody on the internet who is nobody's phone.
func (w *world) outsider() *vnet.Interface {
	if w.anybody == nil {
		w.anybody = w.Network().Interface(vnet.InterfaceConfig{
			Owner: "Outsider", Name: "wired", Kind: vnet.Wired, Addr: netip.AddrFrom4([4]byte{203, 0, 113, 66}),
		})
	}
	return w.anybody
}

// deliver posts a callback to the backend.
func (w *world) deliver(n notice) *answer {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return w.do(w.post(ctx, n), w.outsider(), cancel)
}

func (w *world) post(ctx context.Context, n notice) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.callbackURL(), bytes.NewReader(n.body))
	if err != nil {
		panic(stop{err.Error()})
	}
	for name, v := range n.header {
		req.Header[name] = v
	}
	return req
}

// genuine returns the platform's latest callback to the backend, and what the backend answered.
func (w *world) genuine(owner string) (n notice, status int, ok bool) {
	for _, r := range w.since() {
		if r.FromName == journal.IDlayr && r.ToName == owner {
			n, status, ok = notice{r.RequestHeader.Clone(), r.RequestBody}, r.Status, true
		}
	}
	n.header.Del("Host")
	n.header.Del("Content-Length")
	return n, status, ok
}

// callbacks makes a world in which the platform calls the backend back.
func (b *bench) callbacks() *world {
	if b.profile.Callback == "" {
		b.notRun("the profile names no path for callbacks")
	}
	if b.room != nil {
		return b.world(worldOptions{callback: b.room.callbackURL()})
	}
	return b.world(worldOptions{callback: "https://" + backendHost + b.profile.Callback})
}

var checkSignature = check{
	id: "C9", severity: High,
	title: "Callbacks are believed only when the platform signed them",
	why:   "the callback's address is open to everybody; who believes it without a signature lets anybody verify anybody",
	how: "an attacker's check is reported as COMPLETED with match without signature, with a wrong and an unknown key, and with the signature of another " +
		"callback; one is replayed late, one was signed for another address. The oracle is asked; an answer of 200 alone is a hint",
	fix: "Verify signature, digest, date and that the signature covers (request-target), host, date and digest, with the platform's key set; answer 400 otherwise.",
	run: runSignature,
}

func runSignature(b *bench) {
	w := b.callbacks()
	w.mark()
	alice := w.user(numberA)
	s := alice.mustStart(numberA)
	alice.finish(s, alice.open(s))
	w.sleep(2 * time.Second)
	genuine, status, ok := w.genuine("Server")
	switch {
	case !ok:
		b.notRun("the platform's own callback did not come")
	case status != http.StatusOK:
		b.notRun("the backend answers %d to the platform's own callback, so a refusal says nothing", status)
	}
	yes := map[string]any{"match": true, "network_id": "23410"}
	forgeries := []struct {
		name string
		make func(body []byte) notice
	}{
		{"without a signature", w.unsigned},
		{"signed with a wrong key", func(body []byte) notice { return w.signed(body, keyIDOf(genuine)) }},
		{"signed with an unknown key", func(body []byte) notice { return w.signed(body, "nobody-has-this-key") }},
		{"with the headers of another callback", func(body []byte) notice { return notice{genuine.header.Clone(), body} }},
		{"with the signature of another callback and a digest of its own", func(body []byte) notice {
			n := notice{genuine.header.Clone(), body}
			n.header.Set("Digest", digest(body))
			return n
		}},
		{"with an empty signature", func(body []byte) notice {
			n := w.signed(body, keyIDOf(genuine))
			head, _, _ := strings.Cut(n.header.Get("Authorization"), `signature="`)
			n.header.Set("Authorization", head+`signature=""`)
			return n
		}},
	}
	for _, f := range forgeries {
		w.mark()
		bob := w.user(numberB)
		s := bob.mustStart(numberV)
		a := w.deliver(f.make(told(s.id, "COMPLETED", yes)))
		verified := w.probes() && bob.verified()
		if !verified {
			bob.last = bob.send(b.profile.finish().filled(values{"check_id": s.id, "code": "0badc0de00", "user": bob.id}))
			verified = bob.verified()
		}
		switch {
		case verified:
			w.fail("an attacker was verified by a callback %s", f.name)
		case a.success() && !w.probes():
			w.hint("a callback %s was answered %d", f.name, a.status)
		}
	}
	w.mark()
	if !w.canWait(2 * time.Minute) {
		return
	}
	// A callback that the platform signed for somebody else's address.
	const elsewhere = "elsewhere.example"
	w.Network().Handle(elsewhere, "Elsewhere", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	remove := w.front.on(func(c *call) {
		c.order(func(o map[string]any) { o["callback_url"] = "https://" + elsewhere + "/callback" })
	}, toCreate)
	bob := w.user(numberB)
	bob.mustStart(numberB)
	remove()
	w.sleep(62 * time.Second)
	if n, _, ok := w.genuine("Elsewhere"); ok {
		if a := w.deliver(n); a.success() {
			w.hint("a callback that was signed for another host and path was answered %d", a.status)
		}
	}
	w.mark()
	w.sleep(10 * time.Minute)
	if a := w.deliver(genuine); a.success() {
		w.hint("a callback that was signed more than ten minutes ago was answered %d", a.status)
	}
}

func keyIDOf(n notice) string {
	_, rest, _ := strings.Cut(n.header.Get("Authorization"), `keyId="`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

var checkOrder = check{
	id: "C10", severity: Medium,
	title: "Callbacks may come twice, late, early and at once",
	why:   "networks repeat and reorder: a backend that fails then loses verifications or undoes them",
	how: "genuine callbacks are delivered twice, two at a time, for an unknown check, as EXPIRED after COMPLETED, and before the create is answered; the oracle " +
		"is asked",
	fix: "Make the handler idempotent by check_id, keep the first final status, and answer 200 to what is genuine and no news.",
	run: runOrder,
}

func runOrder(b *bench) {
	w := b.callbacks()
	w.front.on(func(c *call) {
		c.edit(func(o map[string]any) {
			keys, _ := o["keys"].([]any)
			o["keys"] = append(keys, ownJWK())
		})
	}, toKeys)
	yes := map[string]any{"match": true, "network_id": "23410"}
	w.mark()
	alice := w.user(numberA)
	s := alice.mustStart(numberA)
	got := alice.open(s)
	alice.finish(s, got)
	if !alice.verified() {
		b.notRun("without any disorder there was no verification")
	}
	w.sleep(2 * time.Second)
	completed := told(s.id, "COMPLETED", yes)
	if a := w.deliver(w.signed(completed, ownKeyID)); !a.success() {
		b.notRun("the backend answers %s to a callback signed with a key that is new in the key set", a.text())
	}
	bad := func(a *answer) bool { return !a.answered() || a.status >= http.StatusInternalServerError }
	still := func() bool {
		if !w.probes() {
			alice.finish(s, got)
		}
		return alice.verified()
	}
	switch a := w.deliver(w.signed(completed, ownKeyID)); {
	case bad(a):
		w.fail("the second delivery of a callback was answered with %s", a.text())
	case !a.success():
		w.hint("the second delivery of a callback was answered %d, so the platform sends it again", a.status)
	}
	w.mark()
	both := make(chan *answer, 2)
	for range 2 {
		n := w.signed(completed, ownKeyID)
		w.outsider()
		go func() { both <- w.deliver(n) }()
	}
	for range 2 {
		if a := <-both; bad(a) {
			w.fail("one of two deliveries at once was answered with %s", a.text())
		}
	}
	w.mark()
	if a := w.deliver(w.signed(told("00000000-0000-4000-8000-00000000dead", "COMPLETED", yes), ownKeyID)); bad(a) {
		w.fail("a callback for a check that is not known was answered with %s", a.text())
	}
	w.mark()
	if a := w.deliver(w.signed(told(s.id, "EXPIRED", nil), ownKeyID)); bad(a) {
		w.fail("EXPIRED after COMPLETED was answered with %s", a.text())
	}
	if !still() {
		w.fail("a verified session is no longer so after a late EXPIRED")
	}
	w.mark()
	bob := w.user(numberB)
	way := w.outsider()
	remove := w.front.on(func(c *call) {
		c.pass()
		var o map[string]any
		_ = json.Unmarshal(c.content, &o)
		n := w.signed(told(memberText(o, "check_id"), "COMPLETED", yes), ownKeyID)
		early := make(chan struct{})
		go func() {
			defer close(early)
			_ = exchange(&http.Client{Transport: way}, w.post(context.Background(), n))
		}()
		// A backend that answers callbacks only after its own call is over is no worse for it.
		ctx, cancel := clock.WithTimeout(context.Background(), clock.NewReal(), breath)
		defer cancel()
		select {
		case <-early:
		case <-ctx.Done():
		}
	}, toCreate)
	early := bob.start(numberB)
	remove()
	if !early.ok() {
		w.fail("a start whose callback came before the create was answered failed: %s", early.text())
		return
	}
	bob.finish(early, bob.open(early))
	if !bob.verified() {
		w.fail("a user whose callback came before the create was answered cannot be verified")
	}
}
