package scenarios

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/frontdoor"
)

// Server is an application server that runs outside, and that scenarios are played against instead of the reference
// server. It calls the platform at the base URL under which Serve's handler answers.
//
// Time is then real, except that waits of a script are skipped; scenarios are played one after the other. What a
// scenario expects of the reference server's own exchanges, answers and duration is not looked at.
type Server struct {
	// Profile says where it is and how apps speak to it.
	Profile device.Profile
	// CallbackURL is where it takes callbacks; empty: nowhere, and scenarios that need them are played without.
	CallbackURL string
	// Serve makes a handler answer at the platform's base URL, instead of the one before.
	Serve func(platform http.Handler)

	last *idlayrfake.Platform // whose tokens it may still use
}

// options are what a world needs for it.
func (s *Server) options() []sim.Option {
	opts := []sim.Option{
		sim.WithClock(clock.NewReal()),
		sim.WithOutside(frontdoor.Outside{Loopback: true, Owner: "Server"}), // for callbacks
		// Whatever base URL the server calls, the phones are inside: they open what they would really be given.
		sim.WithPlatform(func(c *idlayrfake.Config) { c.PublicURL = sim.APIBase }),
	}
	if s.CallbackURL != "" {
		product := idlayrfake.ProductConfig{CallbackURL: s.CallbackURL}
		opts = append(opts, sim.WithProject(idlayrfake.Project{PhoneCheck: product, SubscriberCheck: product}))
	}
	return opts
}

// serverHost is the server's name inside. Phones call it over secure connections, as they would call it where it is
// really deployed.
const serverHost = "server.example"

// Plays says whether a scenario can be played against any server, or why not.
func (s *Server) Plays(one *Scenario) (ok bool, why string) {
	for i := range one.Script {
		if step := &one.Script[i]; step.Call != nil || step.Coverage != nil {
			return false, "it calls routes of the reference server"
		}
	}
	switch {
	case one.Cast.Callbacks && s.CallbackURL == "":
		return false, "it needs callbacks, and the profile has no callback_path"
	case one.Cast.PhoneIP:
		return false, "it needs a server that passes phone_ip on"
	case !reflect.DeepEqual(one.Cast.Platform, Platform{}):
		return false, "it needs a platform that the server meets for the first time"
	}
	for _, d := range one.Cast.Devices {
		if d.API != "" {
			return false, "it verifies with " + d.API + ", on routes of the reference server"
		}
	}
	return true, ""
}

// join puts a new world in the place of the one before. The returned function takes leave.
func (s *Server) join(w *sim.World) (leave func(), err error) {
	base, err := url.Parse(s.Profile.BaseURL)
	if err != nil {
		return nil, err
	}
	handler, transport := frontdoor.Real(base)
	profile := s.Profile
	profile.BaseURL = "https://" + serverHost + strings.TrimSuffix(base.Path, "/")
	w.Serve(serverHost, handler, profile)
	if s.last != nil {
		w.Platform().TakeTokens(s.last)
	}
	s.last = w.Platform()
	s.Serve(w.APIHandler(nil))
	return transport.CloseIdleConnections, nil
}

// looksAt reports whether an expectation is about what any server has to do.
func (s *Server) looksAt(what string) bool {
	switch {
	case s == nil:
		return true
	case what == "virtual_seconds", strings.HasPrefix(what, "device.answer"), strings.HasPrefix(what, "exchanges"):
		return false
	}
	return true
}

// ServerProfile is how apps speak to a server outside, as its file has it. What is left out is as with the reference
// server.
type ServerProfile struct {
	StartMethod   string `yaml:"start_method"`    // of the request that takes the number
	StartPath     string `yaml:"start_path"`      // and its path
	NumberField   string `yaml:"number_field"`    // that carries the number
	CheckIDField  string `yaml:"check_id_field"`  // that names the check, in the answer and in the requests that follow
	CheckURLField string `yaml:"check_url_field"` // that carries the check URL
	FinishMethod  string `yaml:"finish_method"`   // of the request for the result
	FinishPath    string `yaml:"finish_path"`     // and its path
	MatchField    string `yaml:"match_field"`     // that carries the verdict
	RedeemMethod  string `yaml:"redeem_method"`   // of the request that hands a v0.2 code over
	RedeemPath    string `yaml:"redeem_path"`     // and its path; there is none when left out
	CodeField     string `yaml:"code_field"`      // that carries the code
	CallbackPath  string `yaml:"callback_path"`   // that takes the platform's callbacks; none does when left out
}

// LoadServerProfile reads a profile from a file. What is wrong in it comes back as [Mistakes].
func LoadServerProfile(path string) (ServerProfile, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return ServerProfile{}, err
	}
	f := newFile(filepath.Base(path), content)
	var p ServerProfile
	f.Decode(&p, "a profile")
	return p, f.Mistakes()
}

// Server returns the server at a base URL that has the profile.
func (p ServerProfile) Server(baseURL string) *Server {
	s := &Server{Profile: device.Profile{
		BaseURL: baseURL, StartMethod: p.StartMethod, StartPath: p.StartPath, NumberField: p.NumberField,
		CheckIDField: p.CheckIDField, CheckURLField: p.CheckURLField, FinishMethod: p.FinishMethod, FinishPath: p.FinishPath,
		MatchField: p.MatchField, RedeemMethod: p.RedeemMethod, RedeemPath: p.RedeemPath, CodeField: p.CodeField,
	}}
	if p.CallbackPath != "" {
		s.CallbackURL = baseURL + p.CallbackPath
	}
	return s
}
