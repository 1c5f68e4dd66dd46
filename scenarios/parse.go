package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/internal/plainyaml"
	"github.com/phonechecksim/phonechecksim/sim"
)

// Load reads a scenario from a file. What is wrong in it comes back as [Mistakes].
func Load(path string) (*Scenario, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(filepath.Base(path), content)
}

// Parse reads a scenario. What is wrong in it comes back as [Mistakes], which name the file as given.
func Parse(name string, content []byte) (*Scenario, error) {
	f := newFile(name, content)
	s := new(Scenario)
	if f.Decode(s, "a scenario") {
		f.check(s)
	}
	if err := f.Mistakes(); err != nil {
		return nil, err
	}
	s.file = f
	return s, nil
}

// The words that a scenario may use where any text would parse.
var (
	sources    = []string{"documented", "code", "inferred"}
	statuses   = []string{absent, "ACCEPTED", "PENDING", "COMPLETED", "EXPIRED", "ERROR"}
	apis       = []string{"phone-check v0.1", "phone-check v0.2", "subscriber-check v0.1", "subscriber-check v0.2"}
	presence   = []string{present, absent}
	verdicts   = []string{"true", "false", absent}
	tags       = []string{"path", "operator", "api", "attack", "callback", "v0.1", "v0.2"}
	errorCodes = []string{absent, "not_mobile_ip", "mno_not_supported", "mno_timeout", "mno_user_not_found", "mno_response_error",
		"mno_server_error", "mno_no_data_available", "ip_mismatch", "ip_msisdn_mismatch"}
	problems = []string{"bad_request", "phone_format_invalid", "mno_not_supported", "check_not_found", "ip_msisdn_mismatch", "ip_mismatch",
		"not_mobile_ip", "too_many_requests", "mno_redirect_unsupported"}
	sdkErrors = []string{absent, device.CodeNoDataConnectivity, device.CodeConnectionError, device.CodeRedirectError, device.CodeError,
		device.CodeInvalidScheme}
)

var (
	scenarioName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9.]+)*$`)
	msisdnForm   = regexp.MustCompile(`^[1-9][0-9]{6,14}$`)
)

// check reports what parses and still makes no sense.
func (f file) check(s *Scenario) {
	if !scenarioName.MatchString(s.Name) {
		f.At("$.scenario", "a scenario needs a name of lower-case words joined by dashes, such as my-first-one; this is %q", s.Name)
	}
	f.word("$.source", s.Source, sources)
	for i, tag := range s.Tags {
		f.word(fmt.Sprintf("$.tags[%d]", i), string(tag), tags)
	}
	f.checkCast("$.cast", s.Cast)
	if len(s.Script) == 0 {
		f.At("$.script", "the script is empty: begin with verify: {number: \"447700900001\"}")
	}
	for i := range s.Script {
		f.checkStep(fmt.Sprintf("$.script[%d]", i), s, &s.Script[i])
	}
	f.checkExpect("$.expect", s.Expect)
}

func (f file) checkCast(path string, c Cast) {
	if len(c.Devices) == 0 {
		f.At(path, "the cast needs at least one device: devices: {alice: {msisdn: \"447700900001\"}}")
	}
	c.Operators.check(f, path+".operators", false)
	c.Platform.check(f, path+".platform")
	for _, name := range c.Names() {
		f.checkDevice(path+".devices."+name, c.Devices[name])
		f.checkHotspot(path+".devices."+name, c, name, c.Devices[name].Path)
	}
}

// word reports a text that is set and not one of the valid ones.
func (f file) word(path, written string, valid []string) {
	if written != "" && !slices.Contains(valid, written) {
		what, item, _ := strings.Cut(path[strings.LastIndexByte(path, '.')+1:], "[")
		if item != "" {
			what = strings.TrimSuffix(what, "s") // one of them
		}
		f.At(path, "%q is not a known %s%s", written, what, plainyaml.Hint(written, valid))
	}
}

func (f file) number(path, written string) {
	if !msisdnForm.MatchString(written) {
		f.At(path, "%q is not a number in E.164 without plus, such as 447700900001", written)
	}
}

func (f file) checkDevice(path string, d Device) {
	if d.MSISDN != "" || !d.DataCentre {
		f.number(path+".msisdn", d.MSISDN)
	}
	f.word(path+".operator", d.Operator, sim.DefaultOperators())
	if d.SecondSIM != nil {
		f.number(path+".second_sim.msisdn", d.SecondSIM.MSISDN)
	}
	if slots := 1; d.DataSIM != 0 {
		if d.SecondSIM != nil {
			slots = 2
		}
		if d.DataSIM < 1 || d.DataSIM > slots {
			f.At(path+".data_sim", "there is no slot %d; the device has %d SIM(s), in slots from 1", d.DataSIM, slots)
		}
	}
	if d.Forge != "" {
		f.number(path+".forge", d.Forge)
	}
	f.checkPath(path, d.Path)
	if d.HTTPSOnly && d.SDK != (device.Browser{}).String() {
		f.At(path+".https_only", "https_only is a browser's mode: it needs sdk: browser")
	}
	f.word(path+".sdk", d.SDK, sdkNames())
	f.word(path+".api", d.API, apis)
}

func (f file) checkStep(path string, s *Scenario, step *Step) {
	all := step.verbs()
	if len(all) != 1 {
		var names []string
		for _, v := range all {
			names = append(names, v.name)
		}
		f.At(path, "a step has one verb, this one has %d %v", len(all), names)
		return
	}
	name, said := step.verb()
	path += "." + name
	f.checkExpect(path[:strings.LastIndexByte(path, '.')]+".expect", step.Expect)
	switch v := said.(type) {
	case *Verify:
		f.actor(path, s, v.Device)
		if v.Number == "" {
			f.At(path, "%s needs the number that the user types", name)
		}
	case *OpenCheckURL:
		f.actor(path, s, v.Device)
		if v.CheckOf != "" {
			f.device(path+".check_of", s, v.CheckOf)
		}
	case *RedeemCode:
		f.actor(path, s, v.Device)
		if v.CheckOf != "" {
			f.device(path+".check_of", s, v.CheckOf)
		}
	case *Act:
		f.actor(path, s, v.Device)
	case *Set:
		f.actor(path, s, v.Device)
		f.checkPath(path, v.Path)
		f.checkHotspot(path, s.Cast, v.Device, v.Path)
		if v.AfterAnswers < 0 {
			f.At(path+".after_answers", "after_answers counts answers and cannot be negative")
		}
	case player:
		v.check(f, path, s)
	case *Fault:
		f.checkFault(path, *v)
	}
}

func (f file) checkFault(path string, v Fault) {
	if err := v.fault().Validate(); err != nil {
		f.At(path, "%v", err)
	}
	if v.Host == "" {
		f.At(path, "a fault needs the host that it stands in front of, such as \"sna.*\"")
	}
}

// actor reports a device that is not in the cast, or one left out where there are several.
func (f file) actor(path string, s *Scenario, name string) {
	switch {
	case name != "":
		f.device(path+".device", s, name)
	case len(s.Cast.Devices) > 1:
		f.At(path, "say which device: there are %s", strings.Join(s.Cast.Names(), ", "))
	}
}

func (f file) device(path string, s *Scenario, name string) {
	if _, ok := s.Cast.Devices[name]; !ok {
		f.At(path, "the cast has no device %q%s", name, plainyaml.Hint(name, s.Cast.Names()))
	}
}

func (f file) checkExpect(path string, e Expect) {
	f.word(path+".device.match", string(e.Device.Match), verdicts)
	f.word(path+".device.no_sim_change", string(e.Device.NoSIMChange), verdicts)
	f.word(path+".device.code", e.Device.Code, presence)
	f.word(path+".device.error", e.Device.Error, sdkErrors)
	f.word(path+".device.problem", e.Device.Problem, problems)
	f.word(path+".check.status", e.Check.Status, statuses)
	f.word(path+".check.match", string(e.Check.Match), verdicts)
	f.word(path+".check.error_code", e.Check.ErrorCode, errorCodes)
}
