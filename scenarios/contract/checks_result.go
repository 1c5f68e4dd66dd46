package contract

import (
	"net/http"
	"time"
)

var checkStatus = check{
	id: "C1", severity: High,
	title: "Only COMPLETED with match true verifies",
	why:   "a check that is pending, failed or negative says nothing for the user; taking it for a yes lets everybody in",
	how:   "the platform answers with every other status, with match false, without match, and with match as text; then the oracle is asked",
	fix:   `Verify a session only when status is the string "COMPLETED" and match is the literal true.`,
	run:   runStatus,
}

func runStatus(b *bench) {
	type object = map[string]any
	answers := []struct {
		name string
		says object
		odd  bool // the platform does not do that as far as is known
	}{
		{"ACCEPTED", object{"status": "ACCEPTED"}, false},
		{"PENDING", object{"status": "PENDING"}, false},
		{"EXPIRED", object{"status": "EXPIRED"}, false},
		{"ERROR", object{"status": "ERROR", "error_code": "mno_server_error"}, false},
		{"COMPLETED with match false", object{"status": "COMPLETED", "match": false}, false},
		{"COMPLETED without match", object{"status": "COMPLETED"}, false},
		{"COMPLETED with match null", object{"status": "COMPLETED", "match": nil}, false},
		{`COMPLETED with match "false", a text`, object{"status": "COMPLETED", "match": "false"}, false},
		{"COMPLETED with match 0", object{"status": "COMPLETED", "match": 0}, false},
		{"an unknown status with match true", object{"status": "REVIEWED", "match": true}, true},
		{"PENDING with match true", object{"status": "PENDING", "match": true}, true},
		{"ERROR with match true", object{"status": "ERROR", "match": true}, true},
		{"EXPIRED with match true", object{"status": "EXPIRED", "match": true}, true},
	}
	w := b.world()
	for _, answer := range answers {
		w.mark()
		alice := w.user(numberA)
		s := alice.mustStart(numberA)
		got := alice.open(s)
		remove := w.front.says(answer.says)
		alice.finish(s, got)
		switch verified := alice.verified(); {
		case verified && answer.odd:
			w.hint("a session was verified by %s", answer.name)
		case verified:
			w.fail("a session was verified by %s", answer.name)
		}
		remove()
	}
}

var checkClientResult = check{
	id: "C5", severity: High,
	title: "What a client says of the result does not count",
	why:   "an app can be changed: whoever believes it when it says match needs no check at all",
	how:   "a client that never opened the check URL claims the result in the finish and in the start; the oracle is asked",
	fix:   "Take the result from the platform's answer to your server alone; ignore everything else a client sends.",
	run:   runClientResult,
}

func runClientResult(b *bench) {
	w := b.world()
	claims := map[string]any{"match": true, "status": "COMPLETED", "verified": true, "result": "success", "phone_verified": true}
	w.mark()
	bob := w.user(numberB)
	s := bob.mustStart(numberV)
	bob.last = bob.send(b.profile.finish().filled(values{"check_id": s.id, "code": "0badc0de00", "user": bob.id}).with(claims))
	if bob.verified() {
		w.fail("a session was verified because its client said so, with %d questions to the platform", len(w.calls(toRead, toRedeem)))
	}
	w.mark()
	eve := w.user(numberB)
	if s = eve.start(numberV, claims); s.ok() {
		eve.last = eve.send(b.profile.finish().filled(values{"check_id": s.id, "code": "0badc0de00", "user": eve.id}))
	}
	if eve.verified() {
		w.fail("a session was verified because its client said so when it started")
	}
	w.mark() // a check that the platform never made
	mallory := w.user(numberB)
	mallory.last = mallory.send(b.profile.finish().filled(values{"check_id": "00000000-0000-4000-8000-000000000000", "code": "0badc0de00", "user": mallory.id}).with(claims))
	if mallory.verified() {
		w.fail("a session was verified by a check that does not exist")
	}
}

var checkNumberFixed = check{
	id: "C6", severity: High,
	title: "The number is fixed when the check is made",
	why:   "whoever proves one number and is then taken for the owner of another has taken that one over",
	how:   "a user proves one number and sends another in the finish and in the start of a further check; the oracle is asked which one is verified",
	fix:   "Keep the number with the check on the server when it is made, and never read it from a later request.",
	run:   runNumberFixed,
}

func runNumberFixed(b *bench) {
	if b.profile.Oracle.Number == "" {
		b.notRun("the profile's oracle does not say which number is verified (oracle.number)")
	}
	w := b.world()
	swapped := map[string]any{}
	for _, field := range b.profile.numberFields() {
		swapped[field] = numberV
	}
	w.mark()
	bob := w.user(numberB)
	s := bob.mustStart(numberB)
	bob.finish(s, bob.open(s), swapped)
	if digits(bob.proved()) == numberV && bob.verified() {
		w.fail("a session that proved +%s counts as +%s, which it sent with the finish", numberB, numberV)
	}
	w.mark()
	eve := w.user(numberB)
	s = eve.mustStart(numberB)
	got := eve.open(s)
	_ = eve.start(numberV) // and leaves it at that
	eve.finish(s, got)
	if digits(eve.proved()) == numberV && eve.verified() {
		w.fail("a session that proved +%s counts as +%s, for which it had started another check meanwhile", numberB, numberV)
	}
	w.mark()
	mallory := w.user(numberB)
	mallory.verify(numberB)
	_ = mallory.start(numberV)
	if digits(mallory.proved()) == numberV && mallory.verified() {
		w.fail("a verified session counts as +%s as soon as it has started a check for it", numberV)
	}
}

var checkOnce = check{
	id: "C11", severity: High,
	title: "One result verifies one session, once",
	why:   "a check_id or a code that was overheard, or is found in a log, must be worth nothing",
	how:   "after a session was verified another one, and one without session, finish with the same check_id and code, at once and ten minutes later",
	fix:   "Give a result to the session that started the check and to no other, and forget codes once they were tried.",
	run:   runOnce,
}

func runOnce(b *bench) {
	w := b.world()
	alice := w.user(numberA)
	s := alice.mustStart(numberA)
	got := alice.open(s)
	first := alice.finish(s, got)
	if !alice.verified() {
		b.notRun("the first use did not verify: %s", first.text())
	}
	again := func(when string) {
		for _, who := range []struct {
			name string
			user *user
		}{{"another user's session", w.user(numberB)}, {"a second session of the same user", w.user(numberA)}, {"a client without session", w.stranger(numberB)}} {
			w.mark()
			a := who.user.finish(s, got)
			switch {
			case who.user.verified():
				w.fail("%s was verified by a check that had been used, %s", who.name, when)
			case w.discloses(a):
				w.fail("%s was told the result of a check that had been used, %s", who.name, when)
			}
		}
	}
	again("at once")
	if w.canWait(10 * time.Minute) {
		w.sleep(10 * time.Minute)
		again("ten minutes later")
	}
	if a := alice.finish(s, got); !a.answered() || a.status >= http.StatusInternalServerError {
		w.fail("the second finish in the same session was answered with %s", a.text())
	}
}
