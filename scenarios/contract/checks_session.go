package contract

var checkCode = check{
	id: "C2", severity: High,
	title: "The code of v0.2 is bound to the session that started the check",
	why:   "an attacker who gets a victim to open a check URL must not be verified as the victim; only the code, which stays on the victim's phone, prevents that",
	how:   "the attacker starts a check for the victim's number, the victim's phone opens it, and the code is sent from the victim's, another and no session",
	fix:   "Redeem a code only in the session that started that very check, and give the result to that session alone.",
	run:   runCode,
}

func runCode(b *bench) {
	if b.profile.Version != "v0.2" {
		b.notRun("there is no code in %s", b.profile.Version)
	}
	w := b.world()
	for _, attack := range []struct {
		name string
		code bool
		user func() *user // who finishes; nil: the attacker
	}{
		{"without a code", false, nil},
		{"after the victim's session sent the code", true, func() *user { return w.user(numberV) }},
		{"after another session sent the code", true, func() *user { return w.user(numberA) }},
		{"after a client without session sent the code", true, func() *user { return w.stranger(numberV) }},
	} {
		w.mark()
		bob := w.user(numberB)
		s := bob.mustStart(numberV)
		victim := w.user(numberV)
		got := victim.open(s)
		if got == (opened{}) {
			b.notRun("the check URL led to no code; if the platform sends browsers to the backend then, the profile has to say landing: true")
		}
		who := bob
		if attack.user != nil {
			who = attack.user()
		}
		if !attack.code {
			got = opened{}
		}
		a := who.finish(s, got)
		switch {
		case bob.verified():
			w.fail("the attacker was verified as the victim %s", attack.name)
		case who != bob && (who.verified() || w.discloses(a)):
			w.fail("a session was verified by a code of a check that another one had started")
		}
		// The attacker comes back to see what it brought.
		bob.last = bob.send(b.profile.finish().filled(values{"check_id": s.id, "code": "", "user": bob.id}))
		if bob.verified() {
			w.fail("the attacker was verified as the victim %s, when it asked again", attack.name)
		}
	}
}

var checkSession = check{
	id: "C3", severity: High,
	title: "A check_id is bound to the session that started the check",
	why:   "a check_id is no secret; whoever has one must not be taken for its user",
	how:   "a user starts a check and opens it; before that session asks another one does, with the check_id and the code",
	fix:   "Keep the ids of a session's checks with the session on the server, and answer 404 for all others.",
	run:   runSession,
}

func runSession(b *bench) {
	w := b.world()
	w.mark()
	alice := w.user(numberA)
	s := alice.mustStart(numberA)
	got := alice.open(s)
	bob := w.user(numberB)
	if b.profile.Session.By != "none" { // a session that has checks of its own
		_ = bob.start(numberB)
	}
	a := bob.finish(s, got)
	switch {
	case bob.verified():
		w.fail("another session was verified with somebody else's check_id")
	case w.discloses(a):
		w.fail("another session was told the result of somebody else's check_id")
	}
}

var checkAnonymous = check{
	id: "C4", severity: High,
	title: "The result is for clients that are known",
	why:   "without a session there is nobody to whom a result could belong: anybody can collect it",
	how:   "a client without cookie and token finishes a check that a user started and opened",
	fix:   "Answer 401 or 404 to a finish without a session.",
	run:   runAnonymous,
}

func runAnonymous(b *bench) {
	w := b.world()
	w.mark()
	alice := w.user(numberA)
	s := alice.mustStart(numberA)
	got := alice.open(s)
	nobody := w.stranger(numberB)
	a := nobody.finish(s, got)
	switch {
	case w.discloses(a) || nobody.verified():
		w.fail("a client without session was told the result")
	case a.success():
		w.hint("a client without session was answered %d", a.status)
	}
}
