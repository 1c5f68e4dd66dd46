package scenarios

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/internal/plainyaml"
	"github.com/phonechecksim/phonechecksim/mnofake"
	"github.com/phonechecksim/phonechecksim/sim"
)

// Operators are the mobile operators that do not behave as usual, by network id (MCC-MNC).
type Operators map[string]Operator

// Operator is how a mobile operator behaves. What is left out is as usual.
type Operator struct {
	RedirectHops    int      `yaml:"redirect_hops"`    // extra redirects, each with a cookie that the next one wants
	RedirectLoop    bool     `yaml:"redirect_loop"`    // the redirects lead round in a circle
	RedirectStatus  int      `yaml:"redirect_status"`  // 301, 302, 303, 307 or 308
	Location        string   `yaml:"location"`         // how redirects say where they lead: path, absolute, relative, spaces, missing
	RedirectDelay   Duration `yaml:"redirect_delay"`   // how long each answer to a device takes
	RedirectFailure int      `yaml:"redirect_failure"` // a status from 500 to 599 that devices get instead
	AskConsent      bool     `yaml:"ask_consent"`      // subscribers see a page with a button first
	AccountingLag   Duration `yaml:"accounting_lag"`   // how long its gateway takes an address for that of who had it before
	ResultDelay     Duration `yaml:"result_delay"`     // how long each answer to the platform takes
	ResultFailure   int      `yaml:"result_failure"`   // a status from 500 to 599 that the platform gets instead
	ResultBody      string   `yaml:"result_body"`      // what the platform gets in place of a result
	NumberFormat    string   `yaml:"number_format"`    // how it writes numbers: e164, plus, 00, national, subscriber

	// What the platform knows of it; this does not change while a scenario runs.
	NoRedirect  bool `yaml:"no_redirect"` // it is known to have no redirects
	Unsupported bool `yaml:"unsupported"` // the platform does not work with it
}

// The words for an operator's habits.
var (
	locations = map[string]mnofake.Location{
		"path": mnofake.LocationPath, "absolute": mnofake.LocationAbsolute, "relative": mnofake.LocationRelative,
		"spaces": mnofake.LocationSpaces, "missing": mnofake.LocationMissing,
	}
	// numberFormats write a number that is given without plus, for an operator in the country with that dialling code.
	numberFormats = map[string]func(msisdn, dialingCode string) string{
		"e164":       func(n, _ string) string { return n },
		"plus":       func(n, _ string) string { return "+" + n },
		"00":         func(n, _ string) string { return "00" + n },
		"national":   func(n, code string) string { return "0" + strings.TrimPrefix(n, code) },
		"subscriber": func(n, code string) string { return strings.TrimPrefix(n, code) },
	}
)

// behaviour is the operator's in the terms of its package.
func (o Operator) behaviour(dialingCode string) mnofake.Behaviour {
	b := mnofake.Behaviour{
		RedirectHops: o.RedirectHops, RedirectLoop: o.RedirectLoop, RedirectStatus: o.RedirectStatus,
		Location: locations[o.Location], RedirectDelay: time.Duration(o.RedirectDelay), RedirectFailure: o.RedirectFailure,
		AskConsent: o.AskConsent, AccountingLag: time.Duration(o.AccountingLag),
		ResultDelay: time.Duration(o.ResultDelay), ResultFailure: o.ResultFailure, ResultBody: o.ResultBody,
	}
	if format := numberFormats[o.NumberFormat]; format != nil {
		b.NumberFormat = func(msisdn string) string { return format(msisdn, dialingCode) }
	}
	return b
}

// apply makes the operators of a world behave so.
func (all Operators) apply(w *sim.World) error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(all)) {
		op, err := w.Operator(id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		op.SetBehaviour(all[id].behaviour(op.Config().DialingCode))
	}
	return errors.Join(errs...)
}

// options are what the platform knows of the operators.
func (all Operators) options() []sim.Option {
	if len(all) == 0 {
		return nil
	}
	return []sim.Option{sim.WithPlatform(func(c *idlayrfake.Config) {
		for i := range c.Networks {
			n := &c.Networks[i]
			n.NoRedirect, n.Unsupported = all[n.NetworkID].NoRedirect, all[n.NetworkID].Unsupported
		}
	})}
}

// check reports what makes no sense; running says that the scenario has begun.
func (all Operators) check(f file, path string, running bool) {
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if known := sim.DefaultOperators(); !slices.Contains(known, id) {
			f.AtKey(path, id, "there is no operator %q%s", id, plainyaml.Hint(id, known))
			continue
		}
		path, o := path+".'"+id+"'", all[id]
		f.word(path+".location", o.Location, slices.Sorted(maps.Keys(locations)))
		f.word(path+".number_format", o.NumberFormat, slices.Sorted(maps.Keys(numberFormats)))
		if o.RedirectStatus != 0 && !slices.Contains(redirects, o.RedirectStatus) {
			f.At(path+".redirect_status", "%d is not the status of a redirect; it may be one of %v", o.RedirectStatus, redirects)
		}
		if o.RedirectHops < 0 || o.RedirectHops > maxHops {
			f.At(path+".redirect_hops", "an operator has from 0 to %d redirect_hops, not %d", maxHops, o.RedirectHops)
		}
		for name, status := range map[string]int{"redirect_failure": o.RedirectFailure, "result_failure": o.ResultFailure} {
			if status != 0 && (status < 500 || status > 599) {
				f.At(path+"."+name, "%s is a status from 500 to 599, not %d", name, status)
			}
		}
		if running && (o.NoRedirect || o.Unsupported) {
			f.At(path, "no_redirect and unsupported stand in the cast: what the platform knows of an operator does not change")
		}
	}
}

var redirects = []int{301, 302, 303, 307, 308}

// maxHops is more than any client follows.
const maxHops = 50

// subscribe makes the device's first SIM the kind of subscriber that it is.
func (d Device) subscribe(w *sim.World, phone *sim.Phone) error {
	card, ok := phone.DataSIM()
	if !ok || d.MVNO == "" && !d.OptedOut && !d.DataWithheld {
		return nil
	}
	op, err := w.Operator(card.NetworkID)
	if err != nil {
		return err
	}
	s, ok := op.Subscriber(card.MSISDN)
	if !ok {
		return fmt.Errorf("%s has no subscriber %s", card.NetworkID, card.MSISDN)
	}
	s.MVNO, s.OptedOut, s.NoData = d.MVNO, d.OptedOut, d.DataWithheld
	return op.UpdateSubscriber(s)
}
