package sim

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// serving is the application server that phones speak to.
type serving struct {
	host    string
	profile device.Profile
}

// Serve puts the user's own backend on the virtual internet, under the given host name, as the application server that
// phones made from now on speak to. The profile says how the app starts and finishes a check there; left out, it is
// that of the reference server. The backend should reach the platform through [World.Client] at [APIBase].
func (w *World) Serve(host string, backend http.Handler, profile ...device.Profile) {
	s := serving{host: host}
	if len(profile) > 0 {
		s.profile = profile[0]
	}
	w.net.Handle(host, "Server", backend)
	w.mu.Lock()
	w.serving = s
	w.mu.Unlock()
}

// profile is how an app speaks to the application server.
func (w *World) profile() device.Profile {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.serving.profile
	if p.BaseURL == "" {
		p.BaseURL = "https://" + w.serving.host
	}
	return p
}

// step sorts an exchange into the guide's steps: as the journal does, but knowing where the phones' apps start and finish
// a check. What else an app asks its server belongs to no step.
func (w *World) step(x *vnet.Exchange, parent *journal.Record) int {
	step := journal.DefaultStep(x, parent)
	if step != 2 && step != 6 {
		return step
	}
	u, err := url.Parse(x.URL)
	if err != nil {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.profiles {
		switch {
		case x.Method == p.StartMethod && u.Path == p.StartPath:
			return 2
		case x.Method == p.FinishMethod && u.Path == p.FinishPath, x.Method == p.RedeemMethod && u.Path == p.RedeemPath:
			return 6
		}
	}
	return 0
}

func hostOf(base string) string {
	_, host, _ := strings.Cut(base, "://")
	return host
}
