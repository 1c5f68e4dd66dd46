package mnofake

import (
	"fmt"
	"time"
)

// Subscriber is one SIM of the operator.
type Subscriber struct {
	// MSISDN is the phone number in E.164 without "+", e.g. "447700900001". It identifies the subscriber.
	MSISDN string
	// IMSI is the identity stored in the SIM, 6 to 15 digits beginning with MCC and MNC (ITU-T E.212). May be empty. It
	// never leaves the operator.
	IMSI string
	// SIMChangedAt is when the number last moved to another SIM; the zero time means unknown and is left out of answers.
	SIMChangedAt time.Time
	// NoData says that the operator may not share anything about this subscriber (opt-out, corporate line, no consent):
	// the back channel answers 403 no_data_available.
	NoData bool
	// OptedOut says that the subscriber wants no services of this kind: the gateway does not stamp, and the back channel
	// does not know the number.
	OptedOut bool
	// MVNO names the virtual operator that the SIM is of, empty for the operator's own. A virtual operator has its data
	// sessions here and keeps its own books: the gateway has no number to stamp, and the back channel does not know it.
	MVNO string
	// Consented says that the subscriber has consented, see Behaviour.AskConsent.
	Consented bool
}

// AddSubscriber makes a SIM known to the operator. A malformed MSISDN or IMSI, and an MSISDN that is already there, are errors.
func (o *Operator) AddSubscriber(s Subscriber) error {
	if err := o.validate(s); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.subscribers[s.MSISDN]; ok {
		return fmt.Errorf("mnofake: %s already has subscriber %s: use UpdateSubscriber to change it", o.cfg.Name, s.MSISDN)
	}
	o.subscribers[s.MSISDN] = s
	return nil
}

// UpdateSubscriber replaces what is known about a SIM. An MSISDN that is not there is an error.
func (o *Operator) UpdateSubscriber(s Subscriber) error {
	if err := o.validate(s); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.subscribers[s.MSISDN]; !ok {
		return o.unknown(s.MSISDN)
	}
	o.subscribers[s.MSISDN] = s
	return nil
}

// RemoveSubscriber forgets a SIM and tells whether it was there. Its data sessions stay up but are stamped no more, and
// results that would name it become subscriber_not_found: the operator no longer knows whose they are.
func (o *Operator) RemoveSubscriber(msisdn string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.subscribers[msisdn]
	delete(o.subscribers, msisdn)
	return ok
}

// Subscriber returns the SIM with that MSISDN.
func (o *Operator) Subscriber(msisdn string) (Subscriber, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	s, ok := o.subscribers[msisdn]
	return s, ok
}

// anonymous says why the operator does not name a subscriber to anybody, empty if it does.
func (s Subscriber) anonymous() string {
	switch {
	case s.MVNO != "":
		return "a SIM of " + s.MVNO + ", a guest on this network"
	case s.OptedOut:
		return "the subscriber has opted out"
	}
	return ""
}

func (o *Operator) unknown(msisdn string) error {
	return fmt.Errorf("mnofake: %s has no subscriber %q: call AddSubscriber first", o.cfg.Name, msisdn)
}

func (o *Operator) validate(s Subscriber) error {
	// ITU-T E.164 allows 15 digits; shorter than 7 is a short code, which no SIM has as its number.
	if !digits(s.MSISDN, 7, 15) || s.MSISDN[0] == '0' {
		return fmt.Errorf("mnofake: %q is not an MSISDN: write it in E.164 without +, e.g. 447700900001", s.MSISDN)
	}
	if s.IMSI != "" && !digits(s.IMSI, 6, 15) {
		return fmt.Errorf("mnofake: %q is not an IMSI: write 6 to 15 digits beginning with MCC and MNC, e.g. 234100000000001", s.IMSI)
	}
	return nil
}

func digits(s string, atLeast, atMost int) bool {
	if len(s) < atLeast || len(s) > atMost {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
