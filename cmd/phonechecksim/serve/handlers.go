package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/sim/journal"
)

func (s *Server) getHealth(c *call) error {
	writeJSON(c.w, http.StatusOK, struct {
		Status string `json:"status"`
		Uptime int64  `json:"uptime_seconds"`
	}{"ok", int64(s.clock.Now().Sub(s.started) / time.Second)})
	return nil
}

func (s *Server) getWorld(c *call) error {
	writeJSON(c.w, http.StatusOK, s.Addresses())
	return nil
}

func (s *Server) getCAPEM(c *call) error { return writeFile(c.w, "application/x-pem-file", s.ca.PEM()) }
func (s *Server) getCADER(c *call) error {
	return writeFile(c.w, "application/x-x509-ca-cert", s.ca.DER())
}
func (s *Server) getDescription(c *call) error { return writeFile(c.w, "application/yaml", openAPI) }

func writeFile(w http.ResponseWriter, mediaType string, content []byte) error {
	w.Header().Set("Content-Type", mediaType)
	_, _ = w.Write(content) // the client may be gone
	return nil
}

// Projects.

func (s *Server) listProjects(c *call) error {
	writeJSON(c.w, http.StatusOK, map[string]any{"projects": s.Addresses().Projects})
	return nil
}

// projectView is a project with where its devices are.
type projectView struct {
	Project
	Devices []Device `json:"devices"`
}

func (s *Server) getProject(c *call) error {
	writeJSON(c.w, http.StatusOK, projectView{c.tenant.project(), s.devicesOf(c.tenant)})
	return nil
}

func (s *Server) createProject(c *call) error {
	var spec projectSpec
	if err := c.into(&spec); err != nil {
		return err
	}
	if spec.ID == "" {
		spec.ID = s.freeID()
	}
	t, err := s.addTenant(spec)
	if err != nil {
		return err
	}
	s.cfg.Log.Info("project created", "project", t.id)
	writeJSON(c.w, http.StatusCreated, projectView{t.project(), s.devicesOf(t)})
	return nil
}

func (s *Server) freeID() string {
	for n := 1; ; n++ {
		if id := "p" + strconv.Itoa(n); s.tenant(id) == nil {
			return id
		}
	}
}

func (s *Server) deleteProject(c *call) error {
	if err := s.removeTenant(c.tenant.id); err != nil {
		return err
	}
	s.cfg.Log.Info("project deleted", "project", c.tenant.id)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) resetAll(c *call) error {
	for _, t := range s.allTenants() {
		t.reset()
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) resetProject(c *call) error {
	c.tenant.reset()
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// Operators and devices.

func (s *Server) listOperators(c *call) error {
	type operator struct {
		NetworkID string   `json:"network_id"`
		Name      string   `json:"name"`
		Country   string   `json:"country"`
		Prefixes  []string `json:"prefixes"` // of its mobile data sessions
	}
	all := []operator{}
	for _, op := range c.tenant.world.Operators() {
		o := operator{NetworkID: op.NetworkID, Name: op.Name, Country: op.Country, Prefixes: []string{}}
		for _, prefix := range op.Prefixes {
			o.Prefixes = append(o.Prefixes, prefix.String())
		}
		all = append(all, o)
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"operators": all})
	return nil
}

func (s *Server) listDevices(c *call) error {
	writeJSON(c.w, http.StatusOK, map[string]any{"devices": s.devicesOf(c.tenant)})
	return nil
}

func (s *Server) createDevice(c *call) error {
	members, err := c.object()
	if err != nil {
		return err
	}
	var name string
	if err := json.Unmarshal(members["name"], &name); err != nil {
		return badInput("name", "a device needs a name")
	}
	delete(members, "name")
	raw, err := json.Marshal(members)
	if err != nil {
		return err
	}
	spec, err := scenarios.ParseDevice("body", raw)
	if err != nil {
		return err
	}
	d, err := s.addDevice(c.tenant, name, spec)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, s.viewOf(c.tenant, *d))
	return nil
}

func (s *Server) getDevice(c *call) error {
	d, err := c.tenant.device(c.vars["device"])
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, s.viewOf(c.tenant, *d))
	return nil
}

func (s *Server) changeDevice(c *call) error {
	d, err := c.tenant.device(c.vars["device"])
	if err != nil {
		return err
	}
	var set struct {
		WiFi       *bool `json:"wifi"`
		MobileData *bool `json:"mobile_data"`
		VPN        *bool `json:"vpn"`
		Airplane   *bool `json:"airplane"`
		DataSIM    *int  `json:"data_sim"`
	}
	if err := c.into(&set); err != nil {
		return err
	}
	if set.DataSIM != nil {
		if err := d.phone.SetDataSIM(*set.DataSIM - 1); err != nil {
			return badInput("data_sim", "the device has no SIM in slot %d; slots count from 1", *set.DataSIM)
		}
	}
	if set.Airplane != nil { // first: it turns WiFi off
		d.phone.SetAirplaneMode(*set.Airplane)
	}
	for _, one := range []struct {
		to  *bool
		set func(bool)
	}{{set.WiFi, d.phone.SetWiFi}, {set.MobileData, d.phone.SetMobileData}, {set.VPN, d.phone.SetVPN}} {
		if one.to != nil {
			one.set(*one.to)
		}
	}
	writeJSON(c.w, http.StatusOK, s.viewOf(c.tenant, *d))
	return nil
}

// Faults.

type faultView struct {
	ID    string `json:"id"`
	Host  string `json:"host"`
	Path  string `json:"path,omitempty"`
	Does  string `json:"does"` // in words
	Times int    `json:"times,omitempty"`
}

func (s *Server) listFaults(c *call) error {
	c.tenant.mu.Lock()
	all := []faultView{}
	for _, f := range c.tenant.faults {
		all = append(all, f.view())
	}
	c.tenant.mu.Unlock()
	writeJSON(c.w, http.StatusOK, map[string]any{"faults": all})
	return nil
}

// maxFaults bounds how many there may be at a time.
const maxFaults = 100

func (s *Server) createFault(c *call) error {
	raw, err := c.compact()
	if err != nil {
		return err
	}
	spec, err := scenarios.ParseFault("body", raw)
	if err != nil {
		return err
	}
	t := c.tenant
	t.mu.Lock()
	if len(t.faults) >= maxFaults {
		t.mu.Unlock()
		return &apiError{http.StatusConflict, "too_many_faults", fmt.Sprintf("there are %d faults; delete some", maxFaults)}
	}
	t.faultID++
	f := tenantFault{id: "f" + strconv.Itoa(t.faultID), spec: spec, remove: t.world.Fault(spec)}
	t.faults = append(t.faults, f)
	t.mu.Unlock()
	writeJSON(c.w, http.StatusCreated, f.view())
	return nil
}

func (f tenantFault) view() faultView {
	return faultView{f.id, f.spec.Host, f.spec.Path, f.spec.String(), f.spec.Times}
}

func (s *Server) deleteFault(c *call) error {
	c.tenant.mu.Lock()
	defer c.tenant.mu.Unlock()
	for i, f := range c.tenant.faults {
		if f.id == c.vars["fault"] {
			f.remove()
			c.tenant.faults = append(c.tenant.faults[:i:i], c.tenant.faults[i+1:]...)
			c.w.WriteHeader(http.StatusNoContent)
			return nil
		}
	}
	return notFound("fault", c.vars["fault"])
}

func (s *Server) clearFaults(c *call) error {
	c.tenant.mu.Lock()
	defer c.tenant.mu.Unlock()
	c.tenant.world.ClearFaults()
	c.tenant.faults = nil
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// Time.

func (s *Server) getClock(c *call) error {
	writeJSON(c.w, http.StatusOK, c.tenant.time())
	return nil
}

type clockView struct {
	Now    string  `json:"now"`
	Offset float64 `json:"offset_seconds"` // ahead of the machine
}

func (t *tenant) time() clockView {
	return clockView{t.clock.Now().UTC().Format(time.RFC3339Nano), t.clock.Offset().Seconds()}
}

// maxAdvance is the furthest that one call may go: a year.
const maxAdvance = 366 * 24 * 3600

func (s *Server) advanceClock(c *call) error {
	var by struct {
		Seconds *float64 `json:"seconds"`
	}
	if err := c.into(&by); err != nil {
		return err
	}
	if by.Seconds == nil || !(*by.Seconds >= 0 && *by.Seconds <= maxAdvance) {
		return badInput("seconds", "seconds is a number from 0 to %d; time only moves forward", maxAdvance)
	}
	c.tenant.world.Advance(time.Duration(*by.Seconds * float64(time.Second)))
	writeJSON(c.w, http.StatusOK, c.tenant.time())
	return nil
}

// Checks.

type checkView struct {
	CheckID     string `json:"check_id"`
	Product     string `json:"product"`
	Version     string `json:"version"`
	PhoneNumber string `json:"phone_number"`
	Status      string `json:"status"`
	Match       *bool  `json:"match,omitempty"`
	ErrorCode   string `json:"error_code,omitempty"`
	NetworkID   string `json:"network_id,omitempty"`
	CreatedAt   string `json:"created_at"`
	Explanation string `json:"explanation,omitempty"`
}

func viewOfCheck(k idlayrfake.Check) checkView {
	return checkView{CheckID: k.CheckID, Product: k.Product, Version: k.Version, PhoneNumber: k.PhoneNumber, Status: string(k.Status),
		Match: k.Match, ErrorCode: k.ErrorCode, NetworkID: k.NetworkID, CreatedAt: k.CreatedAt.UTC().Format(time.RFC3339)}
}

func (s *Server) listChecks(c *call) error {
	all := []checkView{}
	for _, k := range c.tenant.world.Checks() {
		all = append(all, viewOfCheck(k))
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"checks": all})
	return nil
}

func (s *Server) getCheck(c *call) error {
	k, ok := c.tenant.world.Check(c.vars["check"])
	if !ok {
		return notFound("check", c.vars["check"])
	}
	v := viewOfCheck(k)
	v.Explanation = c.tenant.world.Explain(k.CheckID)
	writeJSON(c.w, http.StatusOK, v)
	return nil
}

// The journal.

func (s *Server) getJournal(c *call) error {
	format, err := c.query("format", "json", "json", "text", "mermaid", "har")
	if err != nil {
		return err
	}
	records := c.tenant.world.Journal().Records()
	switch format {
	case "json":
		writeJSON(c.w, http.StatusOK, map[string]any{"exchanges": journal.View(records, journal.ViewOptions{})})
	case "text":
		c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_ = journal.Text(c.w, records, journal.TextOptions{}) // the client may be gone
	case "mermaid":
		c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(c.w, journal.Mermaid(records, journal.MermaidOptions{}))
	case "har":
		c.w.Header().Set("Content-Type", "application/json")
		_ = journal.HAR(c.w, []journal.HARPage{{Title: c.tenant.id, Records: records}})
	}
	return nil
}

// getEvents sends each exchange and note as it ends, as server-sent events. Last-Event-ID takes up where a connection
// broke off; without it, what is new is sent.
func (s *Server) getEvents(c *call) error {
	after := uint64(math.MaxUint64)
	if last := c.r.Header.Get("Last-Event-ID"); last != "" {
		n, err := strconv.ParseUint(last, 10, 64)
		if err != nil {
			return badInput("last_event_id", "Last-Event-ID is a number")
		}
		after = n
	}
	news := make(chan journal.Record, maxUnsent)
	lost := make(chan struct{}, 1)
	j := c.tenant.world.Journal()
	defer j.Watch(func(r journal.Record) {
		select {
		case news <- r:
		default: // the reader is too slow; the world does not wait for it
			select {
			case lost <- struct{}{}:
			default:
			}
		}
	})()
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(c.w, ": events of project "+c.tenant.id+"\n\n")
	flush := http.NewResponseController(c.w)
	for _, r := range j.Records() {
		if r.CloseEvent > after {
			sendEvent(c.w, r)
		}
	}
	for flush.Flush() == nil {
		select {
		case r := <-news:
			sendEvent(c.w, r)
		case <-lost:
			return nil // with what it got last it can come back and have the rest
		case <-c.r.Context().Done():
			return nil
		case <-s.closing:
			return nil
		case <-c.tenant.gone:
			return nil
		}
	}
	return nil
}

// maxUnsent bounds what waits for a reader of events.
const maxUnsent = 256

func sendEvent(w io.Writer, r journal.Record) {
	data, err := json.Marshal(journal.View([]journal.Record{r}, journal.ViewOptions{})[0])
	if err != nil {
		return // of our own types
	}
	kind := "exchange"
	if r.IsNote() {
		kind = "note"
	}
	_, _ = fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", r.CloseEvent, kind, data)
}

// Scenarios.

func (s *Server) listScenarios(c *call) error {
	type scenario struct {
		Name  string          `json:"name"`
		Title string          `json:"title"`
		Tags  []scenarios.Tag `json:"tags"`
	}
	all := []scenario{}
	for _, one := range scenarios.Catalog() {
		all = append(all, scenario{one.Name, one.Title, one.Tags})
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"scenarios": all})
	return nil
}

// runScenario plays one in a world of its own, in virtual time: no tenant sees anything of it.
func (s *Server) runScenario(c *call) error {
	one, err := scenarios.Named(c.vars["scenario"])
	if err != nil {
		return &apiError{http.StatusNotFound, "scenario_not_found", err.Error()}
	}
	var with struct {
		Seed uint64 `json:"seed"`
	}
	with.Seed = 1
	if err := c.into(&with); err != nil {
		return err
	}
	result, err := scenarios.Run(c.r.Context(), one, scenarios.Options{Seed: with.Seed})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, result)
	return nil
}
