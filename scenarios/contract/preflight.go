package contract

import "fmt"

// preflight is one verification as it should be. A backend on which that does not work, or a profile that does not fit it, tells nothing
// by what it refuses later.
func preflight(g *ground) (problem *Problem) {
	result := new(Result)
	b := &bench{ground: g, cfg: g.cfg, profile: g.cfg.Profile, result: result}
	var w *world
	defer func() {
		thrown := recover()
		if s, ok := thrown.(stop); ok {
			problem = &Problem{Text: s.why}
		} else if thrown != nil {
			problem = &Problem{Text: fmt.Sprintf("the preflight broke: %v", thrown)}
		}
		if problem != nil && w != nil {
			problem.Evidence = w.evidence()
			g.mu.Lock()
			for _, c := range g.crashes {
				problem.Text += "; the backend crashed: " + c.text
				break
			}
			g.mu.Unlock()
		}
		b.tidy()
	}()
	w = b.world()
	alice := w.user(numberA)
	if alice.verified() {
		b.notRun("a session that has verified nothing counts as verified: either the profile's oracle is wrong or the backend verifies everybody")
	}
	s := alice.start(numberA)
	switch {
	case !s.answered():
		b.notRun("the backend does not answer the start of a check: %s", s.text())
	case !s.success():
		b.notRun("the backend refuses the start of a check for +%s: %s", numberA, s.text())
	case s.json == nil:
		b.notRun("the backend's answer to the start of a check is not JSON")
	case !s.ok():
		b.notRun("the backend's answer to the start of a check has no %q and %q", g.cfg.Profile.Start.CheckID, g.cfg.Profile.Start.CheckURL)
	case len(w.calls(toCreate)) == 0:
		b.notRun("the backend has started a check without asking the platform of this world: is its API base URL the simulator's?")
	}
	a := alice.finish(s, alice.open(s))
	switch {
	case !a.answered():
		b.notRun("the backend does not answer the question for the result: %s", a.text())
	case !alice.verified():
		b.notRun("a user who did everything right does not count as verified; the answer to the finish was %s", a.text())
	}
	return nil
}
