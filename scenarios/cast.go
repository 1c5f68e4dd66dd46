package scenarios

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/mnofake"
	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// Cast is who takes part, beside the operators that every world has.
type Cast struct {
	TTL       Duration          `yaml:"ttl"`       // how long a check lives; the guide's 60 s when left out
	Callbacks bool              `yaml:"callbacks"` // the platform tells the server what became of checks
	PhoneIP   bool              `yaml:"phone_ip"`  // the server passes the address that a number came from on to the platform
	Devices   map[string]Device `yaml:"devices"`
	Operators Operators         `yaml:"operators"` // those that do not behave as usual
	Platform  Platform          `yaml:"platform"`
}

// Device is a virtual phone.
type Device struct {
	MSISDN     string            `yaml:"msisdn"`     // the number of its SIM, E.164 without plus
	Operator   string            `yaml:"operator"`   // the SIM's network id (MCC-MNC); the one that has the number when left out
	SecondSIM  *SIM              `yaml:"second_sim"` // in slot 2
	DataSIM    int               `yaml:"data_sim"`   // the slot that carries data, 1 or 2; 1 when left out
	WiFi       bool              `yaml:"wifi"`
	MobileData *bool             `yaml:"mobile_data"` // on when left out
	SDK        string            `yaml:"sdk"`         // generic, browser, android, ios, web, web-window or web-navigate
	API        string            `yaml:"api"`         // what its app verifies with: phone-check v0.1, subscriber-check v0.2...
	SIMChange  Duration          `yaml:"sim_changed"` // how long before the start its SIM was changed
	Headers    map[string]string `yaml:"headers"`     // that the phone adds to all its requests
	Forge      string            `yaml:"forge"`       // a number that it claims in every subscriber header there is
	Emulator   bool              `yaml:"emulator"`    // a program on a computer: all its networks are that computer's
	HTTPSOnly  bool              `yaml:"https_only"`  // its browser asks for every http URL as https

	MVNO         string `yaml:"mvno"`          // the virtual operator that its SIM is of
	OptedOut     bool   `yaml:"opted_out"`     // its subscriber wants no services of this kind
	DataWithheld bool   `yaml:"data_withheld"` // its operator may not share anything about its subscriber
	DataCentre   bool   `yaml:"data_centre"`   // it is a program on a server, without a SIM

	Path `yaml:",inline"`
}

// SIM is a card in a phone.
type SIM struct {
	MSISDN   string `yaml:"msisdn"`
	Operator string `yaml:"operator"`
}

// LoadCast reads a file that holds a cast and nothing else. What is wrong in it comes back as [Mistakes].
func LoadCast(path string) (*Cast, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseCast(filepath.Base(path), content)
}

// ParseCast reads a cast, which a JSON object may be as well. What is wrong in it comes back as [Mistakes], which name the
// file as given.
func ParseCast(name string, content []byte) (*Cast, error) {
	f := newFile(name, content)
	c := new(Cast)
	if f.Decode(c, "a cast") {
		f.checkCast("$", *c)
	}
	return c, f.Mistakes()
}

// Names are those of the devices, in order.
func (c *Cast) Names() []string { return slices.Sorted(maps.Keys(c.Devices)) }

// Options are what the cast asks of its world.
func (c *Cast) Options() (opts []sim.Option) {
	if c.Callbacks {
		opts = append(opts, sim.WithCallbacks())
	}
	if c.PhoneIP {
		opts = append(opts, sim.WithPhoneIP())
	}
	if c.TTL > 0 {
		opts = append(opts, sim.WithTTL(time.Duration(c.TTL)))
	}
	return append(append(opts, c.Operators.options()...), c.Platform.options()...)
}

// AddTo puts the cast's devices into a world, in the order of their names.
func (c *Cast) AddTo(w *sim.World) error {
	errs := []error{c.Operators.apply(w)}
	for _, name := range c.Names() {
		_, err := c.Devices[name].AddTo(w, name)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// sdks are the SDK profiles that a device may have.
var sdks = []device.SDK{
	device.Generic{}, device.Browser{}, device.Android{}, device.IOS{},
	device.WebSDK{}, device.WebSDK{Method: device.WebWindow}, device.WebSDK{Method: device.WebNavigate},
}

func sdkNames() (names []string) {
	for _, sdk := range sdks {
		names = append(names, sdk.String())
	}
	return names
}

// AddTo puts the device into a world.
func (d Device) AddTo(w *sim.World, name string) (*sim.Phone, error) {
	opts := []sim.PhoneOption{sim.Named(name)}
	if d.Operator != "" {
		opts = append(opts, sim.On(d.Operator))
	}
	if d.SecondSIM != nil {
		opts = append(opts, sim.SecondSIM(d.SecondSIM.MSISDN, d.SecondSIM.Operator))
	}
	if d.DataCentre {
		opts = append(opts, sim.InDataCentre())
	}
	if d.WiFi {
		opts = append(opts, sim.OnWiFi())
	}
	if d.SDK != "" {
		opts = append(opts, sim.With(device.WithSDK(d.profile())))
	}
	path := d.over(sim.Path{Emulator: d.Emulator})
	opts = append(opts, sim.OnPath(path))
	if product, version, ok := strings.Cut(d.API, " "); ok {
		opts = append(opts, sim.API(product, version))
	}
	phone, err := w.AddPhone(d.MSISDN, opts...)
	if err != nil {
		return nil, err
	}
	if err := d.subscribe(w, phone); err != nil {
		return nil, err
	}
	d.turn(phone)
	if d.MobileData != nil {
		phone.SetMobileData(*d.MobileData)
	}
	if d.SIMChange > 0 {
		if err := w.ChangeSIM(d.MSISDN, w.Now().Add(-time.Duration(d.SIMChange))); err != nil {
			return nil, err
		}
	}
	for header, value := range d.Headers {
		phone.SetRequestHeader(header, value)
	}
	if d.Forge != "" {
		for _, header := range mnofake.SubscriberHeaders() {
			phone.SetRequestHeader(header, d.Forge)
		}
	}
	if d.DataSIM > 0 {
		if err := phone.SetDataSIM(d.DataSIM - 1); err != nil {
			return nil, err
		}
	}
	return phone, nil
}

// ParseDevice reads a device by itself.
func ParseDevice(name string, content []byte) (d Device, err error) {
	f := newFile(name, content)
	if f.Decode(&d, "a device") {
		f.checkDevice("$", d)
	}
	return d, f.Mistakes()
}

// ParseFault reads a fault by itself.
func ParseFault(name string, content []byte) (vnet.Fault, error) {
	f := newFile(name, content)
	var fault Fault
	if f.Decode(&fault, "a fault") {
		f.checkFault("$", fault)
	}
	return fault.fault(), f.Mistakes()
}
