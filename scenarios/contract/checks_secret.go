package contract

import (
	"fmt"
	"net/http"
	"strings"
)

var checkSecrets = check{
	id: "C7", severity: High,
	title: "No secret gets to a device",
	why:   "whoever has the client secret or an access token makes and reads checks at the integrator's expense and in the integrator's name",
	how: "every byte of every answer to a phone, in this and all other checks, is searched for the access token, the client secret and the Basic string, also " +
		"in base64, hex and URL encoding; here the platform quotes them in its errors. A token for coverage alone is meant for devices",
	fix: "Build each answer to a device from the members it needs; never pass on an answer or an error of the platform's.",
	run: runSecrets,
}

func runSecrets(b *bench) {
	w := b.world()
	w.mark()
	alice := w.user(numberA)
	alice.verify(numberA)
	_ = alice.verified()
	quote := func(c *call) {
		c.refuse(http.StatusBadRequest, "bad_request")
		c.content = []byte(strings.Replace(string(c.content), canaryDetail, "sent was "+c.r.Header.Get("Authorization")+" and "+string(c.body), 1))
	}
	for _, k := range []kind{toCreate, toRead, toToken} {
		w.mark()
		bob := w.user(numberB)
		kinds := []kind{k}
		if k == toRead {
			kinds = append(kinds, toRedeem)
		}
		if k == toToken {
			w.cold()
		}
		remove := w.front.on(quote, kinds...)
		bob.verify(numberB)
		remove()
		w.front.forgive()
	}
	b.reportLeaks()
}

// reportLeaks adds the secrets that were seen so far, in whatever check.
func (b *bench) reportLeaks() {
	b.ground.mu.Lock()
	leaks := b.leaks
	b.ground.mu.Unlock()
	for _, l := range leaks {
		b.find(Finding{Sure: true, Text: fmt.Sprintf("%s stands in %s", l.what, l.where), Evidence: l.evidence})
	}
}

var checkInternals = check{
	id: "C28", severity: Low,
	title: "Nothing of the vendor's own gets to a device",
	why:   "what a check costs, what is left of the balance and the platform's error texts are nobody's business, and apps begin to depend on them",
	how:   "answers to a phone are searched for charge_amount, charge_currency, snapshot_balance, _links and the platform's problem texts",
	fix:   "Answer with members and messages of your own; translate the platform's problems.",
	run:   runInternals,
}

func runInternals(b *bench) {
	w := b.world()
	look := func(when string, a *answer) {
		if a == nil {
			return
		}
		for _, word := range []string{"charge_amount", "charge_currency", "snapshot_balance", "_links", "api-errors#", canaryDetail} {
			if strings.Contains(string(a.body), word) {
				if word == canaryDetail {
					word = "the text of the platform's problem"
				}
				w.fail("%s stands in the answer to %s", word, when)
			}
		}
	}
	w.mark()
	alice := w.user(numberA)
	s := alice.mustStart(numberA)
	look("the start", s.answer)
	look("the finish", alice.finish(s, alice.open(s)))
	for _, k := range []kind{toCreate, toRead} {
		w.mark()
		remove := w.front.on(func(c *call) { c.refuse(http.StatusBadRequest, "mno_not_supported") }, k, map[kind]kind{toRead: toRedeem, toCreate: toCreate}[k])
		bob := w.user(numberB)
		s := bob.start(numberB)
		if k == toCreate {
			look("a start that the platform refused", s.answer)
		} else if s.ok() {
			look("a finish that the platform refused", bob.finish(s, bob.open(s)))
		}
		remove()
	}
}

var checkClientURLs = check{
	id: "C8", severity: High,
	title: "Clients have no say in redirect_url and callback_url",
	why:   "whoever chooses where the phone or the platform goes with code and result gets both",
	how:   "a phone sends both in the start, in several spellings, and names another host in its headers; the body of the create is looked at",
	fix:   "Take redirect_url and callback_url from the server's configuration.",
	run:   runClientURLs,
}

func runClientURLs(b *bench) {
	const evil = "evil.example"
	w := b.world()
	extra := map[string]any{}
	for _, name := range []string{"redirect_url", "redirectUrl", "callback_url", "callbackUrl"} {
		extra[name] = "https://" + evil + "/take"
	}
	attack := func(where string, m message) {
		bob := w.user(numberB)
		w.mark()
		_ = bob.begun(m)
		for _, r := range w.calls(toCreate) {
			if strings.Contains(string(r.RequestBody), evil) {
				w.fail("the create has a URL that the phone sent %s", where)
			}
		}
	}
	start := b.profile.start().filled(values{"number": numberB, "user": "bob"})
	attack("in the start", start.with(extra))
	query := start
	query.path += separator(query.path) + "redirect_url=https%3A%2F%2F" + evil + "%2F&callback_url=https%3A%2F%2F" + evil + "%2F"
	attack("in the query of the start", query)
	headers := start
	headers.headers = map[string]string{"X-Forwarded-Host": evil, "Origin": "https://" + evil, "Referer": "https://" + evil + "/"}
	for name, value := range start.headers {
		headers.headers[name] = value
	}
	attack("in a header", headers)
}
