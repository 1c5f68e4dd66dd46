package idlayrfake

import "time"

// Status is where a check stands.
type Status string

// The statuses of a check. COMPLETED, EXPIRED and ERROR are final.
const (
	StatusAccepted  Status = "ACCEPTED"  // created, the check URL not opened (guide, step 3)
	StatusPending   Status = "PENDING"   // the device was sent to its operator (guide, step 5)
	StatusCompleted Status = "COMPLETED" // the operator answered; Match says what (guide, step 7)
	StatusExpired   Status = "EXPIRED"   // the time to live passed first
	StatusError     Status = "ERROR"     // it failed; ErrorCode says why
)

func (s Status) final() bool {
	return s == StatusCompleted || s == StatusExpired || s == StatusError
}

// Check is a snapshot of one check.
type Check struct {
	// CheckID is a UUID in lower case.
	CheckID string
	// Project is the id of the project that created it.
	Project string
	// Product and Version name the API it was made with: "phone_check", "v0.1".
	Product, Version string
	// PhoneNumber is the number to verify, E.164 without plus.
	PhoneNumber string
	// PhoneIP is the device's address as told at creation, or empty.
	PhoneIP string
	// ReferenceID is the caller's own, or empty.
	ReferenceID string
	// CallbackURL is the check's own callback target, or empty.
	CallbackURL string
	// RedirectURL is where the device is sent at the end of a v0.2 chain: the
	// check's own, or its project's, or empty.
	RedirectURL string
	// Period is the window, in minutes, in which a changed SIM matters; zero for
	// products that do not tell.
	Period int
	// Status is where it stands.
	Status Status
	// Match is nil until COMPLETED; then whether the operator reported
	// PhoneNumber for the session.
	Match *bool
	// NoSIMChange is nil until COMPLETED, and for products without a Period; then
	// whether the SIM was left alone within Period. It was as far as the operator
	// knows when that does not say when it was changed.
	NoSIMChange *bool
	// SIMChangeWithin is how long ago, in minutes, the SIM was changed at most: the
	// upper bound of an age bucket, and 525601 for more than a year. Zero: the
	// operator did not say.
	SIMChangeWithin int
	// ErrorCode says why it is in ERROR, such as "not_mobile_ip".
	ErrorCode string
	// NetworkID is the operator of the session that opened the check URL, or
	// empty.
	NetworkID string
	// CreatedAt and UpdatedAt are when it was created and last changed.
	CreatedAt, UpdatedAt time.Time
	// TTL is its time to live from CreatedAt. Zero for a SIMCheck, which is
	// finished when it is created.
	TTL time.Duration
	// ChargeAmount is the price in ChargeCurrency ("API": API credits).
	ChargeAmount int
	// ChargeCurrency is the unit of ChargeAmount.
	ChargeCurrency string
	// Charged: the price was taken. Only COMPLETED checks are.
	Charged bool
	// Sandbox: the project was in sandbox mode, so that the number's end decides
	// and nothing is charged.
	Sandbox bool

	settledFor string // the operator's session whose result settled it
}

// reserves says whether a new check takes its price from the balance.
func (c Check) reserves() bool { return c.Charged || !c.Status.final() && !c.Sandbox }

// The state machine: functions on a value, with the time passed in. Each returns
// the check as it is afterwards; an event that does not fit the status changes
// nothing. None of them leaves a final status.

// expire lets time pass. The check expired when its time was up, not when
// somebody noticed.
func expire(c Check, now time.Time) Check {
	if end := c.CreatedAt.Add(c.TTL); !c.Status.final() && c.TTL > 0 && !now.Before(end) {
		c.Status, c.UpdatedAt = StatusExpired, end
	}
	return c
}

// open sends the device to its operator. A check URL that is opened again while
// the check is PENDING changes nothing.
func open(c Check, now time.Time, networkID string) Check {
	c = expire(c, now)
	if c.Status == StatusAccepted {
		c.Status, c.NetworkID, c.UpdatedAt = StatusPending, networkID, now
	}
	return c
}

// refuse turns the device away at the check URL. Only the first opening can be
// refused: a session under way is not lost to a second one from elsewhere.
func refuse(c Check, now time.Time, code string, keepAccepted bool) Check {
	c = expire(c, now)
	if c.Status == StatusAccepted && !keepAccepted {
		c.Status, c.ErrorCode, c.UpdatedAt = StatusError, code, now
	}
	return c
}

// verdict is what asking an operator for a session came to.
type verdict struct {
	waiting   bool   // the device has not been there yet
	msisdn    string // the subscriber of the session, E.164 without plus; "" if there is no session
	errorCode string // why there is none
	session   string // which one
	simChange string // when the subscriber's SIM was changed (RFC 3339), or ""
}

// settle takes an operator's verdict. One that comes after the time to live is
// too late.
func settle(c Check, now time.Time, v verdict) Check {
	c = expire(c, now)
	if c.Status != StatusPending || v.waiting {
		return c
	}
	c.UpdatedAt, c.settledFor = now, v.session
	changed, err := time.Parse(time.RFC3339, v.simChange)
	if c.Period > 0 && v.simChange != "" && err != nil && v.errorCode == "" {
		v.errorCode = "mno_response_error"
	}
	if v.errorCode != "" {
		c.Status, c.ErrorCode = StatusError, v.errorCode
		return c
	}
	c.Status, c.Charged = StatusCompleted, !c.Sandbox
	if v.msisdn != "" {
		match := v.msisdn == c.PhoneNumber
		c.Match = &match
	}
	if c.Period > 0 {
		same := true
		if v.simChange != "" {
			age := now.Sub(changed)
			same = age > time.Duration(c.Period)*time.Minute
			c.SIMChangeWithin = ageBucket(age)
		}
		c.NoSIMChange = &same
	}
	return c
}
