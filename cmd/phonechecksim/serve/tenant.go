package serve

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/frontdoor"
	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// defaultTenant is there from the start.
const defaultTenant = "default"

// maxTenants and maxDevices bound what whoever reaches the control API can take of the machine.
const (
	maxTenants = 100
	maxDevices = 100 // of a tenant
)

// tenant is a project with a world of its own.
type tenant struct {
	id    string
	world *sim.World
	api   func() http.Handler // made with the first request: the ways of visits are known then
	clock *clock.Real
	gone  chan struct{} // closed with it
	once  sync.Once
	door  *frontdoor.Door

	mu      sync.Mutex
	devices []tenantDevice
	faults  []tenantFault
	faultID int
}

// tenantDevice is a device and its own ports of the access proxy.
type tenantDevice struct {
	phone     *sim.Phone
	spec      scenarios.Device
	listeners []net.Listener
	proxies   map[string]string // path to URL
}

type tenantFault struct {
	id     string
	spec   vnet.Fault
	remove func()
}

// projectSpec is what a project is made of.
type projectSpec struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Mode          string `json:"mode"`
	DataResidency string `json:"data_residency"`
	CallbackURL   string `json:"callback_url"`
	RedirectURL   string `json:"redirect_url"`
}

var projectID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// addTenant makes a project and its world.
func (s *Server) addTenant(spec projectSpec) (*tenant, error) {
	if !projectID.MatchString(spec.ID) {
		return nil, badInput("id", "a project's id is made of lower-case letters, digits and dashes, 40 at most; %q is not", spec.ID)
	}
	if spec.Mode != "" && spec.Mode != "live" && spec.Mode != "sandbox" {
		return nil, badInput("mode", "mode is live or sandbox, not %q", spec.Mode)
	}
	product := idlayrfake.ProductConfig{CallbackURL: spec.CallbackURL, RedirectURL: spec.RedirectURL}
	project := idlayrfake.Project{
		Name: spec.Name, Mode: spec.Mode, DataResidency: spec.DataResidency, PhoneCheck: product, SubscriberCheck: product,
	}
	if spec.ID != defaultTenant {
		project.ProjectID = spec.ID
		project.ClientID = spec.ID + "-client"
		project.ClientSecret = secret(s.cfg.Seed, spec.ID)
	}
	t := &tenant{id: spec.ID, clock: clock.NewReal(), gone: make(chan struct{}), door: frontdoor.New(s.ca)}
	opts := append(s.cfg.Cast.Options(), sim.WithSeed(s.seedOf(spec.ID)), sim.WithClock(t.clock), sim.WithProject(project),
		sim.WithOutside(s.outside()), sim.WithPlatform(func(c *idlayrfake.Config) { c.PublicURL = s.cfg.PublicURL }))
	w, err := sim.New(opts...)
	if err != nil {
		return nil, errors.Join(err, t.door.Close())
	}
	t.world = w
	t.api = sync.OnceValue(func() http.Handler { return w.APIHandler(s.directly) })
	for _, base := range []string{s.urls.api, s.urls.apiTLS, s.cfg.PublicURL} {
		if _, host, ok := strings.Cut(base, "://"); ok {
			w.AnswerAs(host)
		}
	}
	w.AppAs(strings.TrimPrefix(s.urls.app, "http://"))
	for _, name := range s.cfg.Cast.Names() {
		if _, err := s.addDevice(t, name, s.cfg.Cast.Devices[name]); err != nil {
			t.close()
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case slices.ContainsFunc(s.tenants, func(o *tenant) bool { return o.id == spec.ID }):
		t.close()
		return nil, &apiError{http.StatusConflict, "project_exists", "there is a project " + spec.ID + " already"}
	case len(s.tenants) >= maxTenants:
		t.close()
		return nil, &apiError{http.StatusConflict, "too_many_projects", fmt.Sprintf("there are %d projects; delete one first", maxTenants)}
	}
	s.tenants = append(s.tenants, t)
	s.logExchanges(t)
	return t, nil
}

// seedOf gives each tenant ids of its own, so that no two have a token or a check in common.
func (s *Server) seedOf(id string) uint64 {
	seed := s.cfg.Seed
	if id != defaultTenant {
		for _, b := range []byte(id) {
			seed = seed*1099511628211 + uint64(b) + 1
		}
	}
	return seed
}

// secret is a tenant's client secret: the same for the same seed and id.
func secret(seed uint64, id string) string {
	var key [32]byte
	copy(key[:], fmt.Sprintf("%d/%s", seed, id))
	b := make([]byte, 16)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return hex.EncodeToString(b)
}

func (s *Server) tenant(id string) *tenant {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tenants {
		if t.id == id {
			return t
		}
	}
	return nil
}

func (s *Server) allTenants() []*tenant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tenants)
}

// removeTenant ends a project. The default one stays.
func (s *Server) removeTenant(id string) error {
	if id == defaultTenant {
		return &apiError{http.StatusConflict, "default_project", "the default project stays; reset it instead"}
	}
	s.mu.Lock()
	i := slices.IndexFunc(s.tenants, func(t *tenant) bool { return t.id == id })
	var t *tenant
	if i >= 0 {
		t = s.tenants[i]
		s.tenants = slices.Delete(slices.Clone(s.tenants), i, i+1)
	}
	s.mu.Unlock()
	if t == nil {
		return notFound("project", id)
	}
	t.close()
	return nil
}

// checkOf finds the check that a path is about.
var checkOf = regexp.MustCompile(`/checks/+([0-9a-f-]{36})(/|$)`)

// tenantOf finds the tenant that a request to the platform is for: that of its credentials, of its token or of the check
// in its path, else the default one.
func (s *Server) tenantOf(r *http.Request) *tenant {
	all := s.allTenants()
	if len(all) == 1 {
		return all[0]
	}
	is := func(*tenant) bool { return false }
	if client, _, ok := r.BasicAuth(); ok {
		is = func(t *tenant) bool { return t.world.Project().ClientID == client }
	} else if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		is = func(t *tenant) bool { return t.world.Platform().Knows(strings.TrimSpace(token)) }
	} else if m := checkOf.FindStringSubmatch(r.URL.Path); m != nil {
		is = func(t *tenant) bool { _, ok := t.world.Check(m[1]); return ok }
	}
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i]
	}
	if len(all) == 0 { // it is all over
		return &tenant{api: http.NotFoundHandler}
	}
	return all[0]
}

// addDevice puts a device into a tenant's world and gives each of its paths a port of its own.
func (s *Server) addDevice(t *tenant, name string, spec scenarios.Device) (*tenantDevice, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !projectID.MatchString(name) || name == sim.WiredUser:
		return nil, badInput("name", "a device's name is made of lower-case letters, digits and dashes, 40 at most, and is not %q", sim.WiredUser)
	case slices.ContainsFunc(t.devices, func(d tenantDevice) bool { return d.phone.Name() == name }):
		return nil, &apiError{http.StatusConflict, "device_exists", "there is a device " + name + " already"}
	case len(t.devices) >= maxDevices:
		return nil, &apiError{http.StatusConflict, "too_many_devices", fmt.Sprintf("there are %d devices", maxDevices)}
	}
	phone, err := spec.AddTo(t.world, name)
	if err != nil {
		return nil, &apiError{http.StatusUnprocessableEntity, "impossible_device", err.Error()}
	}
	d := tenantDevice{phone: phone, spec: spec, proxies: map[string]string{}}
	host, _, _ := net.SplitHostPort(s.cfg.ProxyAddr)
	for _, path := range []string{sim.PathCellular, sim.PathWiFi} {
		way, err := t.world.Way(name, path)
		if err != nil {
			return nil, err
		}
		l, err := s.listenOn(net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, err
		}
		s.forbid(l.Addr())
		d.listeners = append(d.listeners, l)
		d.proxies[path] = "http://" + reachable(l)
		t.door.Serve(l, t.door.ProxyOn(way))
	}
	t.devices = append(t.devices, d)
	return &d, nil
}

func (t *tenant) device(name string) (*tenantDevice, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range t.devices {
		if d.phone.Name() == name {
			return &d, nil
		}
	}
	return nil, notFound("device", name)
}

func (t *tenant) allDevices() []tenantDevice {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.devices)
}

// reset takes back what a test did: checks, journal, faults. Devices, their switches and the time stay.
func (t *tenant) reset() {
	t.mu.Lock()
	t.faults = nil
	t.mu.Unlock()
	t.world.Reset()
}

func (t *tenant) close() {
	t.once.Do(func() { close(t.gone) })
	_ = t.door.Close()
	_ = t.world.Close()
}

// logExchanges logs each exchange when it has ended.
func (s *Server) logExchanges(t *tenant) {
	if !s.cfg.Log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	t.world.Journal().Watch(func(r journal.Record) {
		text := r.Line()
		if r.IsNote() {
			text = journal.Redact(r.Text, false)
		}
		s.cfg.Log.Info(text, "project", t.id)
	})
}
