// Package scenarios is the language in which a simulated verification is written down, the catalog of scenarios that
// comes with the simulator, and the runner.
//
// A scenario is data: a story, a cast of devices, a script of verbs, and what is expected after a step or at the end.
// Each runs in a world of its own, in virtual time; the same scenario with the same seed always runs the same.
package scenarios

import (
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Scenario is one scenario file.
type Scenario struct {
	Name        string `yaml:"scenario"`    // how it is called for: lower case, words joined by dashes
	Title       string `yaml:"title"`       // one line
	Story       string `yaml:"story"`       // what happens, for somebody who has not seen the flow before
	Wire        string `yaml:"wire"`        // what happens on the wire
	Server      string `yaml:"server"`      // what the application server sees
	Device      string `yaml:"device"`      // what the device sees
	Integration string `yaml:"integration"` // what a good integration does
	Source      string `yaml:"source"`      // how sure it is that the real world does this: documented, code, inferred
	Tags        []Tag  `yaml:"tags"`
	Cast        Cast   `yaml:"cast"`
	Script      []Step `yaml:"script"`
	Expect      Expect `yaml:"expect"` // at the end

	file file
}

// Tag sorts scenarios.
type Tag string

// Step is one line of a script: one verb, and what is expected right after it.
type Step struct {
	Verify        *Verify       `yaml:"verify"`         // all eight steps of the guide
	SubmitNumber  *Verify       `yaml:"submit_number"`  // steps 1, 2 and 4
	OpenCheckURL  *OpenCheckURL `yaml:"open_check_url"` // step 5
	RequestResult *Act          `yaml:"request_result"` // steps 6 and 8
	RedeemCode    *RedeemCode   `yaml:"redeem_code"`    // steps 6 and 8 of v0.2
	Coverage      *Act          `yaml:"coverage"`       // whether the device can be verified, before there is a check
	Advance       *Duration     `yaml:"advance"`        // let time pass
	Set           *Set          `yaml:"set"`            // change a device
	Fault         *Fault        `yaml:"fault"`          // break the network
	ClearFaults   *struct{}     `yaml:"clear_faults"`   // mend it

	SetOperators  SetOperators   `yaml:"set_operators"`  // change how operators behave
	RevokeTokens  *RevokeTokens  `yaml:"revoke_tokens"`  // end the server's access tokens
	Call          *Call          `yaml:"call"`           // one request of the device's own
	ForgeCallback *ForgeCallback `yaml:"forge_callback"` // what looks like a callback, from a device

	Expect Expect `yaml:"expect"`
}

// Act names the device that acts; it may be left out when there is only one.
type Act struct {
	Device string `yaml:"device"`
}

// Verify is a device's user typing a number.
type Verify struct {
	Device string `yaml:"device"`
	Number string `yaml:"number"`
}

// OpenCheckURL is a device opening a check URL: its own, or one that it was handed.
type OpenCheckURL struct {
	Device  string `yaml:"device"`
	CheckOf string `yaml:"check_of"` // the device whose check it is
}

// RedeemCode is a device handing over the code that its redirect chain ended with, for its own check or for another's.
type RedeemCode struct {
	Device  string `yaml:"device"`
	CheckOf string `yaml:"check_of"` // the device whose check it is
}

// Set changes a device's switches. What is left out stays.
type Set struct {
	Device       string `yaml:"device"`
	WiFi         *bool  `yaml:"wifi"`
	MobileData   *bool  `yaml:"mobile_data"`
	DataSIM      int    `yaml:"data_sim"`      // the slot that carries data, 1 or 2
	NewAddress   bool   `yaml:"new_address"`   // mobile data gets a new session, with another address
	AfterAnswers int    `yaml:"after_answers"` // not now, but once the device has had so many more answers
	Path         `yaml:",inline"`
}

// Fault is a [vnet.Fault] as it is written in a scenario.
type Fault struct {
	Host        string            `yaml:"host"`
	Method      string            `yaml:"method"`
	Path        string            `yaml:"path"`
	From        string            `yaml:"from"`
	Skip        int               `yaml:"skip"`
	Times       int               `yaml:"times"`
	Probability float64           `yaml:"probability"`
	Status      int               `yaml:"status"`
	Headers     map[string]string `yaml:"headers"`
	Body        string            `yaml:"body"`
	Delay       Duration          `yaml:"delay"`
	Stall       bool              `yaml:"stall"`
	Reset       *int              `yaml:"reset"`
	Truncate    *int              `yaml:"truncate"`
	Split       *int              `yaml:"split"`
}

// Expect is what should hold. What is left out is not looked at.
type Expect struct {
	Device         DeviceState `yaml:"device"`          // as the device that acted last has it
	Check          CheckState  `yaml:"check"`           // that device's check, as the platform has it
	VirtualSeconds *Range      `yaml:"virtual_seconds"` // since the start
	Exchanges      []string    `yaml:"exchanges"`       // all of them so far, in order, as patterns of journal lines
	Notes          []string    `yaml:"notes"`           // each is part of some note in the journal
	NoNotes        []string    `yaml:"no_notes"`        // none is part of any
}

// DeviceState is what a device knows.
type DeviceState struct {
	Match        Verdict `yaml:"match"`         // what its server told it
	NoSIMChange  Verdict `yaml:"no_sim_change"` // the same, of a subscriber check
	Code         string  `yaml:"code"`          // present or absent: whether the redirect chain ended with a code
	AnswerStatus int     `yaml:"answer_status"` // the HTTP status of its server's last answer
	HTTPStatus   int     `yaml:"http_status"`   // the status at the end of the redirect chain
	Error        string  `yaml:"error"`         // the SDK's error code
	Problem      string  `yaml:"problem"`       // the problem that the platform gave it instead of a redirect

	Answer []string `yaml:"answer"` // each is part of the last answer to a result, a code or a call
}

// CheckState is what the platform knows.
type CheckState struct {
	Status    string  `yaml:"status"`
	Match     Verdict `yaml:"match"`
	ErrorCode string  `yaml:"error_code"` // or absent
	NetworkID string  `yaml:"network_id"` // or absent
}

// Range bounds a number; a bound that is left out does not count.
type Range struct {
	AtLeast float64 `yaml:"at_least"`
	AtMost  float64 `yaml:"at_most"`
}

// absent is how a scenario says that a member must not be there.
const absent = "absent"

// present is how it says that a member must be there, whatever its value.
const present = "present"

// Verdict is true, false or absent, or empty when nothing is expected.
type Verdict string

// UnmarshalYAML implements the yaml package's interface.
func (v *Verdict) UnmarshalYAML(unmarshal func(any) error) error {
	var is bool
	if unmarshal(&is) == nil {
		*v = Verdict(fmt.Sprint(is))
		return nil
	}
	return unmarshal((*string)(v))
}

// verdictOf is what a match member says.
func verdictOf(match *bool) Verdict {
	if match == nil {
		return absent
	}
	return Verdict(fmt.Sprint(*match))
}

// Duration is a time span as Go writes it: 61s, 1m30s, 250ms.
type Duration time.Duration

// UnmarshalYAML implements the yaml package's interface.
func (d *Duration) UnmarshalYAML(node ast.Node) error {
	var s string
	if err := yaml.NodeToValue(node, &s); err != nil {
		return err
	}
	span, err := time.ParseDuration(s)
	if err != nil || span < 0 {
		return &yaml.SyntaxError{
			Message: fmt.Sprintf("%q is not a time span; write it like 61s, 1m30s or 250ms", s), Token: node.GetToken(),
		}
	}
	*d = Duration(span)
	return nil
}

// verb returns the step's verb, and what it says.
func (s *Step) verb() (name string, said any) {
	all := s.verbs()
	if len(all) == 0 {
		return "", nil
	}
	return all[0].name, all[0].said
}

type verb struct {
	name string
	said any
}

func (s *Step) verbs() (all []verb) {
	add := func(name string, said any, present bool) {
		if present {
			all = append(all, verb{name, said})
		}
	}
	add("verify", s.Verify, s.Verify != nil)
	add("submit_number", s.SubmitNumber, s.SubmitNumber != nil)
	add("open_check_url", s.OpenCheckURL, s.OpenCheckURL != nil)
	add("request_result", s.RequestResult, s.RequestResult != nil)
	add("redeem_code", s.RedeemCode, s.RedeemCode != nil)
	add("coverage", s.Coverage, s.Coverage != nil)
	add("advance", s.Advance, s.Advance != nil)
	add("set", s.Set, s.Set != nil)
	add("fault", s.Fault, s.Fault != nil)
	add("clear_faults", s.ClearFaults, s.ClearFaults != nil)
	add("set_operators", s.SetOperators, s.SetOperators != nil)
	add("revoke_tokens", s.RevokeTokens, s.RevokeTokens != nil)
	add("call", s.Call, s.Call != nil)
	add("forge_callback", s.ForgeCallback, s.ForgeCallback != nil)
	return all
}
