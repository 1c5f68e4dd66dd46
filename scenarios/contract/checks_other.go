package contract

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/frontdoor"
)

var checkURLUnchanged = check{
	id: "C23", severity: Medium,
	title: "The check URL is passed on unchanged, a new one for each try",
	why:   "a URL that was decoded, cut or decorated is another one, and one that was used leads nowhere",
	how:   "the platform's check URL gets a query with escapes; what the phone gets is compared byte by byte. Two tries have to get two URLs",
	fix:   "Copy _links.check_url.href into the answer as it is, and create a check for each try.",
	run:   runURLUnchanged,
}

func runURLUnchanged(b *bench) {
	w := b.world()
	w.mark()
	var made []string
	remove := w.front.on(func(c *call) {
		c.edit(func(o map[string]any) {
			href, _ := member(o, "_links.check_url.href")
			raw, _ := href.(string)
			if raw == "" {
				return
			}
			raw += "?t=a%2Fb%2bc&x=1+2&e=%C3%A9~(*)&z="
			made = append(made, raw)
			o["_links"].(map[string]any)["check_url"].(map[string]any)["href"] = raw
		})
	}, toCreate)
	alice := w.user(numberA)
	s := alice.mustStart(numberA)
	remove()
	if len(made) == 1 && s.url != made[0] {
		w.fail("the check URL that the phone gets is not the platform's: %q became %q", tail(made[0]), tail(s.url))
	}
	w.mark()
	first := alice.mustStart(numberA)
	second := alice.start(numberA)
	if second.ok() && second.url == first.url {
		w.fail("a second try got the check URL of the first one")
	}
}

// tail is the end of a check URL: what comes before differs from run to run.
func tail(raw string) string {
	if _, after, ok := strings.Cut(raw, "/redirect"); ok {
		return "…/redirect" + after
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "no URL"
	}
	return "…?" + u.RawQuery
}

var checkAbuse = check{
	id: "C24", severity: Medium,
	title: "A session cannot start checks without limit",
	why:   "each check is paid for, and a door that is always open tells who has which number",
	how:   "one session starts 50 checks for one number, and creates are counted; more than the profile's limit is a defect, and all 50 without a limit said a hint",
	fix:   "Limit starts by session, number and address, and answer 429.",
	run:   runAbuse,
}

func runAbuse(b *bench) {
	limit := 50
	if l := b.profile.Limit; l != nil {
		if limit = *l; limit == 0 {
			b.notRun("the profile says that something in front of the backend limits starts")
		}
	}
	w := b.world()
	bob := w.user(numberB)
	w.mark()
	tries := max(50, limit+10)
	for range tries {
		bob.start(numberV)
	}
	made := len(w.calls(toCreate))
	switch {
	case b.profile.Limit != nil && made > limit:
		w.fail("one session was let start %d checks for one number; the profile says at most %d", made, limit)
	case b.profile.Limit == nil && made >= tries:
		w.hint("one session was let start %d checks for one number", made)
	}
}

var checkFallback = check{
	id: "C25", severity: Low,
	title: "When verification does not work another way is offered",
	why:   "operators, phones and paths fail every day; a user without another way is lost",
	how:   "after ERROR, EXPIRED and 429 the answer to the phone has to have one of the profile's fallback signs",
	fix:   "Tell the app in the answer that it has to offer another way, such as a code by SMS.",
	run:   runFallback,
}

func runFallback(b *bench) {
	if len(b.profile.Fallback) == 0 {
		b.notRun("the profile does not say how an app sees that it has to offer another way (fallback)")
	}
	w := b.world()
	offers := func(a *answer) bool {
		for _, s := range b.profile.Fallback {
			if s.in(a) {
				return true
			}
		}
		return false
	}
	for _, says := range []map[string]any{{"status": "ERROR", "error_code": "mno_server_error"}, {"status": "EXPIRED"}} {
		w.mark()
		bob := w.user(numberB)
		s := bob.mustStart(numberB)
		got := bob.open(s)
		remove := w.front.says(says)
		a := bob.finish(s, got)
		remove()
		if !offers(a) {
			w.hint("after %s no other way is offered; the answer was %s", says["status"], a.text())
		}
	}
	w.mark()
	remove := w.front.on(func(c *call) { c.refuse(http.StatusTooManyRequests, "too_many_requests") }, toCreate)
	a := w.user(numberB).start(numberB)
	remove()
	if !offers(a.answer) {
		w.hint("after 429 no other way is offered; the answer was %s", a.text())
	}
}

var checkHosts = check{
	id: "C26", severity: High,
	title: "The platform is called in the right region and over TLS",
	why:   "credentials and numbers must not go in the clear, nor to a region that the users' data may not leave for",
	how: "the hosts and the schemes of the backend's calls are looked at; a backend in another process that calls over TLS is shown a certificate of an authority " +
		"that it does not know. On connections in memory there are no certificates, so there that cannot be seen",
	fix: "Call https://<region>.api.idlayr.com with the region of the project's data residency, and never switch certificate checks off.",
	run: runHosts,
}

func runHosts(b *bench) {
	w := b.world()
	if w.sockets != nil {
		runCertificates(b, w)
		return
	}
	w.mark()
	alice := w.user(numberA)
	alice.verify(numberA)
	for _, r := range w.since() {
		if r.From != "Server" {
			continue
		}
		u, err := url.Parse(r.URL)
		if err != nil {
			continue
		}
		if host := u.Hostname(); r.To == "IDlayr" && !strings.HasPrefix(host, b.profile.Region+".") {
			w.fail("the backend calls %s; its region is %s", host, b.profile.Region)
		}
		if r.To == "IDlayr" && !r.Secure {
			w.fail("the backend calls %s without TLS", u.Hostname())
		}
	}
}

// runCertificates has somebody else answer in the platform's place, who has no certificate that the backend could trust.
func runCertificates(b *bench, w *world) {
	if !w.sockets.overTLS.Load() {
		b.notRun("the backend calls the platform in clear here; with the base URL for TLS it would be seen whether it verifies certificates")
	}
	stranger, err := frontdoor.NewCA(clock.NewReal().Now)
	if err != nil {
		b.notRun("%v", err)
	}
	w.cold()
	bob := w.user(numberB)
	w.mark()
	w.sockets.present(stranger)
	for range 3 { // the first ones may only notice that their connections were cut
		bob.start(numberB)
	}
	if calls := w.calls(toToken, toCreate); len(calls) > 0 {
		w.fail("the backend gives its credentials to whoever answers: a certificate of an unknown authority was accepted")
	}
	w.sockets.present(w.sockets.ca)
	w.mark()
	w.user(numberA).start(numberA)
	alice := w.user(numberA)
	if a := alice.verify(numberA); !alice.verified() {
		w.hint("after a connection with a wrong certificate the backend verifies nobody: %s", a.text())
	}
}

var checkAdditive = check{
	id: "C27", severity: Medium,
	title: "New members and new values do no harm",
	why:   "the API promises that answers may grow; a backend that insists on what it knows fails on the day they do",
	how:   "every answer of the platform has members that nobody knows; then a status and an error code are new",
	fix:   "Ignore unknown members, and take an unknown status for no result yet.",
	run:   runAdditive,
}

func runAdditive(b *bench) {
	w := b.world()
	w.cold()
	w.mark()
	remove := w.front.on(func(c *call) {
		c.edit(func(o map[string]any) {
			o["new_member"] = map[string]any{"of": []any{1, "a kind", nil}}
			o["x"] = 1.5e300
			if links, ok := o["_links"].(map[string]any); ok {
				links["new_link"] = map[string]any{"href": "https://eu.api.idlayr.com/new", "templated": true}
			}
		})
	}, toToken, toCreate, toRead, toRedeem)
	alice := w.user(numberA)
	a := alice.verify(numberA)
	remove()
	if !alice.verified() {
		w.fail("with further members in the platform's answers a verification fails: %s", a.text())
	}
	for _, says := range []map[string]any{{"status": "REVIEWING"}, {"status": "ERROR", "error_code": "brand_new_reason"}} {
		w.mark()
		bob := w.user(numberB)
		s := bob.mustStart(numberB)
		got := bob.open(s)
		remove := w.front.says(says)
		a := bob.finish(s, got)
		remove()
		if !a.answered() || a.status == http.StatusInternalServerError {
			w.fail("a value that is new (%s) is answered with %s", says["status"], a.text())
		}
		if bob.verified() {
			w.fail("a value that is new (%s) verifies the user", says["status"])
		}
	}
}

var checkVersion = check{
	id: "C29", severity: Medium,
	title: "Checks are made with v0.2, which binds phone and session",
	why:   "in v0.1 whoever gets a victim to open a check URL is verified as the victim; no backend can prevent that",
	how:   "if the backend uses v0.1 the attack is made, and its result shown as an exposure",
	fix:   "Use PhoneCheck v0.2 and redeem the code in the session that started the check.",
	run:   runVersion,
}

func runVersion(b *bench) {
	w := b.world()
	w.mark()
	bob := w.user(numberB)
	s := bob.mustStart(numberV)
	old := false
	for _, r := range w.calls(toCreate) {
		old = old || strings.Contains(pathOf(r.URL), "/v0.1/")
	}
	if !old {
		return
	}
	victim := w.user(numberV)
	bob.finish(s, victim.open(s))
	if bob.verified() {
		w.hint("exposure: an attacker who gets the victim to open a check URL is verified as the victim, as v0.1 allows")
		return
	}
	w.hint("the backend uses v0.1")
}
