package sim

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// checkLog remembers what the platform decided about each check, oldest first, for the latest checks.
type checkLog struct {
	capacity int // events in all

	mu     sync.Mutex
	events []loggedEvent // a ring once it is full
	oldest int
}

type loggedEvent struct {
	at time.Time
	idlayrfake.Event
}

func (l *checkLog) add(at time.Time, e idlayrfake.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) < l.capacity {
		l.events = append(l.events, loggedEvent{at, e})
		return
	}
	l.events[l.oldest] = loggedEvent{at, e}
	l.oldest = (l.oldest + 1) % l.capacity
}

func (l *checkLog) of(checkID string) []loggedEvent {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []loggedEvent
	for i := range l.events {
		if e := l.events[(l.oldest+i)%len(l.events)]; e.CheckID == checkID {
			found = append(found, e)
		}
	}
	return found
}

func (l *checkLog) reset() {
	l.mu.Lock()
	l.events, l.oldest = nil, 0
	l.mu.Unlock()
}

// observe hears of the platform's decisions. One that was made on a request is noted on its exchange; one that time
// made, such as an expiry, stands in the journal by itself.
func (w *World) observe(ctx context.Context, e idlayrfake.Event) {
	at := w.clk.Now()
	w.log.add(at, e)
	if x := vnet.ExchangeFrom(ctx); x != nil {
		x.Note(e.Text)
		return
	}
	w.journal.Note(journal.IDlayr, e.Text, at, 0)
}

// Explain says in words what became of a check and why.
func (w *World) Explain(checkID string) string {
	c, ok := w.platform.Check(checkID)
	if !ok {
		return fmt.Sprintf("The platform has no check %q.", checkID)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Check %s for %s is %s: %s\n", c.CheckID, c.PhoneNumber, c.Status, verdict(c))
	events := w.log.of(checkID)
	for _, e := range events {
		// From the first of them and not from CreatedAt: the platform's clock may be another.
		fmt.Fprintf(&b, "  +%.2fs  %s\n", e.at.Sub(events[0].at).Seconds(), e.Text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// verdict is the reason for the state that a check is in.
func verdict(c idlayrfake.Check) string {
	switch c.Status {
	case "ACCEPTED":
		return "nobody has opened its check URL."
	case "PENDING":
		return "its check URL was opened, and the result has not been fetched from the operator."
	case "EXPIRED":
		return fmt.Sprintf("its %v were over before there was a result.", c.TTL)
	case "COMPLETED":
		if c.Match != nil && *c.Match {
			return "the operator saw that number's SIM on the data path that carried the hop."
		}
		return "the operator saw another SIM on the data path that carried the hop."
	}
	if why, ok := errorCodes[c.ErrorCode]; ok {
		return c.ErrorCode + ", " + why
	}
	return c.ErrorCode + "."
}

// errorCodes says what the platform's error codes mean.
var errorCodes = map[string]string{
	"not_mobile_ip":         "the check URL was opened from an address that belongs to no mobile operator.",
	"mno_not_supported":     "the platform does not work with the operator.",
	"mno_timeout":           "the operator did not answer in time.",
	"mno_user_not_found":    "the operator did not recognise a subscriber on the data path that carried the hop.",
	"mno_response_error":    "the operator gave an answer that the platform could not read.",
	"mno_server_error":      "the operator failed.",
	"mno_no_data_available": "the operator may not say whose data path it was.",
	"ip_mismatch":           "the check URL was opened from another address than the one given at the start.",
	"ip_msisdn_mismatch":    "the check URL was opened through another operator than the number's.",
}
