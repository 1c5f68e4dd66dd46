package contract

import (
	"net/http"
	"regexp"
	"strings"
)

var checkPanic = check{
	id: "B1", severity: Medium,
	title: "The backend does not panic",
	why:   "what panics on one request may be down for all of them",
	how:   "phones and platform send what nobody expects: no body, half a body, other types, long values, answers that are no JSON. Panics in all other checks count too",
	fix:   "Check what comes in before it is used, from clients and from the platform.",
	run:   runGarbage,
}

func runGarbage(b *bench) {
	w := b.world()
	p := b.profile
	w.mark()
	_ = w.user(numberA).mustStart(numberA)
	for _, m := range []message{p.start(), p.finish()} {
		if m.body != "" {
			for _, body := range []string{"", "{", "null", "[]", `"x"`, `{"phone_number":null,"check_id":null,"code":null}`, `{"phone_number":{},"check_id":[],"code":7}`} {
				broken := m
				broken.body = body
				w.garbage(w.user(numberA).send(broken), "a phone's "+body)
			}
		}
		long := strings.Repeat("9", 5000)
		w.garbage(w.user(numberA).send(m.filled(values{"number": long, "check_id": long, "code": long, "user": "x"})), "very long values")
		odd := values{"number": "\x00\xff", "check_id": "../../oauth2/v1/token", "code": "\"'<>", "user": "x"}
		w.garbage(w.user(numberA).send(m.filled(odd)), "values of odd characters")
	}
	if p.Callback != "" {
		for _, body := range []string{"", "{", "null", `{"check_id":7}`} {
			w.deliver(notice{http.Header{"Content-Type": {"application/json"}, "Authorization": {"Signature"}}, []byte(body)})
		}
	}
	for _, s := range stages {
		for _, garbage := range []string{"", "<html>502</html>", "null", "[]", "{}", `{"check_id":7,"status":[],"match":{},"_links":null,"access_token":1,"expires_in":"x"}`} {
			a := w.through(s, w.user(numberB), func() func() {
				return w.front.on(func(c *call) {
					c.answer(http.StatusOK, nil)
					c.content = []byte(garbage)
				}, s.kinds...)
			})
			w.garbage(a, "the platform's "+garbage)
		}
	}
	w.mark()
	alice := w.user(numberA)
	if a := alice.verify(numberA); !alice.verified() {
		w.fail("after all this the backend verifies nobody any more: %s", a.text())
	}
}

// garbage looks at what the backend made of something that makes no sense.
func (w *world) garbage(a *answer, what string) {
	if !a.answered() && !a.hung {
		w.fail("to %q there was %s", what, a.text())
	}
	w.mark()
}

var checkHang = check{
	id: "B2", severity: Medium,
	title: "The backend comes to an end with every request",
	why:   "a request that never ends holds a connection and a thread for good",
	how:   "requests of all checks that got no answer, and handlers that did not end when their caller had gone",
	fix:   "Give every wait a deadline, and end with the request's context.",
	run:   runAlone,
}

var checkSpill = check{
	id: "B3", severity: Low,
	title: "The backend closes what it opens",
	why:   "an answer whose body is never closed costs a connection; after some hundred there are none left",
	how:   "answers of the platform that the backend never closed, in all checks",
	fix:   "Close every response's body, also of answers that are not read and of errors.",
	run: func(b *bench) {
		if b.room != nil {
			b.notRun("the connections of another process cannot be counted")
		}
		runAlone(b)
	},
}

// runAlone brings something about for what is seen in passing, where the check that would do so is left out.
func runAlone(b *bench) {
	if b.cfg.leavesOut(&checkPanic) == "" {
		b.world().user(numberA).verify(numberA)
		return
	}
	other := &bench{ground: b.ground, cfg: b.cfg, profile: b.profile, result: new(Result)}
	defer func() { b.worlds = append(b.worlds, other.worlds...) }()
	runGarbage(other)
}

// conclude adds what was seen in passing to the checks that are there for it.
func (g *ground) conclude(report *Report) {
	g.mu.Lock()
	crashes, hangs, spills := g.crashes, g.hangs, g.spills
	g.mu.Unlock()
	for i := range report.Results {
		result := &report.Results[i]
		if result.Verdict == NotRun && strings.HasPrefix(result.Reason, notChosen) {
			continue
		}
		b := &bench{ground: g, cfg: g.cfg, profile: g.cfg.Profile, result: result}
		switch result.ID {
		case checkSecrets.id:
			b.reportLeaks()
		case checkPanic.id:
			for _, c := range crashes {
				b.find(Finding{Sure: true, Text: "the backend panicked: " + c.text, Evidence: c.evidence})
			}
		case checkHang.id:
			for _, h := range hangs {
				b.find(Finding{Sure: true, Text: h.text, Evidence: h.evidence})
			}
		case checkSpill.id:
			for _, s := range spills {
				b.find(Finding{Sure: true, Text: idLike.ReplaceAllString(s, "…")})
			}
		}
		if len(result.Findings) > 0 {
			result.judge()
		}
	}
}

// idLike is what differs from run to run in a URL.
var idLike = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
