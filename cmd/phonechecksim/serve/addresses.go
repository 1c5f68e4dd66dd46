package serve

import (
	"encoding/json"
	"net/url"

	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/frontdoor"
)

// Addresses is where everything is: the contents of the address file.
type Addresses struct {
	API      string    `json:"api"`
	APITLS   string    `json:"api_tls"`
	Proxy    string    `json:"proxy"`
	App      string    `json:"app"`
	Control  string    `json:"control"`
	CA       string    `json:"ca"` // the path of its certificate, PEM
	Projects []Project `json:"projects"`
	Devices  []Device  `json:"devices"` // of the default project
}

// Project is a project's credentials.
type Project struct {
	ID           string   `json:"project_id"`
	Name         string   `json:"name,omitempty"`
	Mode         string   `json:"mode"`
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	Scopes       []string `json:"scopes"`
}

// Device is a device, how it is set, and how real clients get onto its paths.
type Device struct {
	Name      string `json:"name"`
	MSISDN    string `json:"msisdn"` // of the SIM that carries data
	NetworkID string `json:"network_id"`

	WiFi       bool `json:"wifi"`
	MobileData bool `json:"mobile_data"`
	VPN        bool `json:"vpn"`
	Airplane   bool `json:"airplane"`
	DataSIM    int  `json:"data_sim"` // its slot, from 1

	// Proxies are ports of the access proxy that need no credentials, by path.
	Proxies map[string]string `json:"proxies"`
	// ProxyURLs are the access proxy with credentials, by path.
	ProxyURLs map[string]string `json:"proxy_urls"`
}

// Addresses says where everything is now.
func (s *Server) Addresses() Addresses {
	a := Addresses{
		API: s.urls.api, APITLS: s.urls.apiTLS, Proxy: s.urls.proxy, App: s.urls.app, Control: s.urls.control,
		CA: frontdoor.CAPath(s.cfg.StateDir), Projects: []Project{}, Devices: []Device{},
	}
	for _, t := range s.allTenants() {
		a.Projects = append(a.Projects, t.project())
	}
	if t := s.tenant(defaultTenant); t != nil {
		a.Devices = s.devicesOf(t)
	}
	return a
}

func (a Addresses) json() []byte {
	raw, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		panic("serve: " + err.Error()) // of our own types
	}
	return raw
}

func (t *tenant) project() Project {
	p := t.world.Project()
	mode := p.Mode
	if mode == "" {
		mode = "live"
	}
	return Project{ID: t.id, Name: p.Name, Mode: mode, ClientID: p.ClientID, ClientSecret: p.ClientSecret, Scopes: p.Scopes}
}

func (s *Server) devicesOf(t *tenant) []Device {
	all := []Device{}
	for _, d := range t.allDevices() {
		all = append(all, s.viewOf(t, d))
	}
	return all
}

func (s *Server) viewOf(t *tenant, d tenantDevice) Device {
	set := d.phone.Switches()
	v := Device{
		Name: d.phone.Name(), WiFi: set.WiFi, MobileData: set.MobileData, VPN: set.VPN, Airplane: set.Airplane, DataSIM: set.DataSIM + 1,
		Proxies: d.proxies, ProxyURLs: map[string]string{},
	}
	if card, ok := d.phone.DataSIM(); ok {
		v.MSISDN, v.NetworkID = card.MSISDN, card.NetworkID
	}
	user := v.Name
	if t.id != defaultTenant {
		user = t.id + "." + v.Name
	}
	for _, path := range []string{sim.PathCellular, sim.PathWiFi, sim.PathDefault} {
		u, err := url.Parse(s.urls.proxy)
		if err != nil {
			continue // it is our own
		}
		u.User = url.UserPassword(user, path)
		v.ProxyURLs[path] = u.String()
	}
	return v
}
