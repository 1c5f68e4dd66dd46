package scenarios

import (
	"cmp"
	"slices"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/internal/plainyaml"
	"github.com/phonechecksim/phonechecksim/sim"
)

// Path is what a device's requests meet on their way, and the switches that decide it. What is left out is as nobody
// would notice it, and in a set as it was; the word none takes a thing away again.
type Path struct {
	VPN            *bool  `yaml:"vpn"`
	Signal         *bool  `yaml:"signal"`           // radio coverage; there is some when left out
	Airplane       *bool  `yaml:"airplane"`         // on, it switches WiFi off as well
	PrivateRelay   string `yaml:"private_relay"`    // all, as a browser's requests, or http, as the clear ones of an app
	HotspotOf      string `yaml:"hotspot_of"`       // the device whose mobile data is this one's WiFi network
	Addressing     string `yaml:"addressing"`       // of mobile data: cgnat, ipv6 or 464xlat
	Roaming        string `yaml:"roaming"`          // home-routed or breakout
	Visited        string `yaml:"visited"`          // the network id of the operator abroad; any when left out
	Proxy          string `yaml:"proxy"`            // carrier, which opens clear connections anew, or data-saver, which is not in the operator's network
	CaptivePortal  string `yaml:"captive_portal"`   // redirect or page: what it answers to clear HTTP
	TLSInterceptor string `yaml:"tls_interception"` // the hosts whose certificate it replaces, as a pattern
	BlockedHosts   string `yaml:"blocked_hosts"`    // that the device's resolver does not know, as a pattern
}

// none is how a scenario takes a thing away.
const none = "none"

// over lays what is said over the path that there is.
func (p Path) over(old sim.Path) sim.Path {
	for _, f := range []struct {
		to   *string
		said string
	}{
		{&old.PrivateRelay, p.PrivateRelay}, {&old.HotspotOf, p.HotspotOf}, {&old.Addressing, p.Addressing},
		{&old.Roaming, p.Roaming}, {&old.Visited, p.Visited}, {&old.Proxy, p.Proxy}, {&old.Portal, p.CaptivePortal},
		{&old.Intercepted, p.TLSInterceptor}, {&old.Blocked, p.BlockedHosts},
	} {
		switch f.said {
		case "":
		case none:
			*f.to = ""
		default:
			*f.to = f.said
		}
	}
	return old
}

// turn sets the switches.
func (p Path) turn(phone *sim.Phone) {
	for _, s := range []struct {
		said *bool
		set  func(bool)
	}{{p.Airplane, phone.SetAirplaneMode}, {p.Signal, phone.SetSignal}, {p.VPN, phone.SetVPN}} {
		if s.said != nil {
			s.set(*s.said)
		}
	}
}

// apply makes the changes that a set asks for.
func (v *Set) apply(phone *sim.Phone) error {
	v.turn(phone) // first: airplane mode switches WiFi off
	if v.WiFi != nil {
		phone.SetWiFi(*v.WiFi)
	}
	if v.MobileData != nil {
		phone.SetMobileData(*v.MobileData)
	}
	if v.DataSIM > 0 {
		if err := phone.SetDataSIM(v.DataSIM - 1); err != nil {
			return err
		}
	}
	if path := v.over(phone.Path()); path != phone.Path() {
		if err := phone.SetPath(path); err != nil {
			return err
		}
	}
	if v.NewAddress {
		return phone.NewAddress()
	}
	return nil
}

// profile returns the SDK profile that opens the device's check URLs.
func (d Device) profile() device.SDK {
	i := slices.Index(sdkNames(), cmp.Or(d.SDK, device.Generic{}.String()))
	switch sdk := sdks[max(i, 0)].(type) { // the parser saw to the name
	case device.Android:
		return device.Android{Emulator: d.Emulator}
	case device.IOS:
		return device.IOS{Simulator: d.Emulator}
	case device.Browser:
		return device.Browser{HTTPSOnly: d.HTTPSOnly}
	default:
		return sdk
	}
}

// checkPath reports words that a path does not have.
func (f file) checkPath(at string, p Path) {
	f.word(at+".private_relay", p.PrivateRelay, []string{sim.RelayAll, sim.RelayHTTP, none})
	f.word(at+".addressing", p.Addressing, []string{sim.AddressingCGNAT, sim.AddressingIPv6, sim.Addressing464, none})
	f.word(at+".roaming", p.Roaming, []string{sim.RoamingHome, sim.RoamingBreakout, none})
	f.word(at+".proxy", p.Proxy, []string{sim.ProxyCarrier, sim.ProxyDataSaver, none})
	f.word(at+".captive_portal", p.CaptivePortal, []string{sim.PortalRedirect, sim.PortalPage, none})
}

// checkHotspot reports a hotspot that is no other device of the cast.
func (f file) checkHotspot(at string, c Cast, guest string, p Path) {
	if guest == "" && len(c.Devices) == 1 {
		guest = c.Names()[0]
	}
	switch at += ".hotspot_of"; {
	case p.HotspotOf == "" || p.HotspotOf == none:
	case !slices.Contains(c.Names(), p.HotspotOf):
		f.At(at, "the cast has no device %q%s", p.HotspotOf, plainyaml.Hint(p.HotspotOf, c.Names()))
	case p.HotspotOf == guest:
		f.At(at, "a device is no guest of its own hotspot")
	}
}
