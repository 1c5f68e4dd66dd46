package idlayrfake

// product is one version of one API as data: what differs between them, so that
// the handlers are the same.
type product struct {
	name    string // path segment, OAuth2 scope and Check.Product
	version string // path segment and Check.Version
	chained bool   // a device opens a check URL and follows it to its operator
	coded   bool   // the chain ends here with a code, which the result is had for
	swap    bool   // tells whether the SIM was changed
	texted  bool   // the user sends a text message, see mocheck.go

	showsNetwork  bool  // in every profile
	conflicts     bool  // answers 409 at the check URL; those that do not answer 400
	refusesIPWith []int // statuses of the problems with a phone_ip that refuse a new check

	config func(*Project) ProductConfig // nil: there is nothing to configure
}

// products are the APIs served. Checks of one are unknown to the others.
var products = [...]product{
	{name: "phone_check", version: "v0.1", chained: true, conflicts: true, refusesIPWith: []int{400, 409, 412}, config: forPhoneCheck},
	{name: "phone_check", version: "v0.2", chained: true, coded: true, conflicts: true, refusesIPWith: []int{400, 409, 412}, config: forPhoneCheck},
	{name: "subscriber_check", version: "v0.1", chained: true, swap: true, showsNetwork: true, refusesIPWith: []int{400}, config: forSubscriberCheck},
	{name: "subscriber_check", version: "v0.2", chained: true, coded: true, swap: true, showsNetwork: true, refusesIPWith: []int{400}, config: forSubscriberCheck},
	{name: "sim_check", version: "v0.1", swap: true, showsNetwork: true, refusesIPWith: []int{400, 412}},
	{name: "mo_check", version: "v0.1", texted: true},
}

func forPhoneCheck(p *Project) ProductConfig      { return p.PhoneCheck }
func forSubscriberCheck(p *Project) ProductConfig { return p.SubscriberCheck }

func (p *product) path() string { return "/" + p.name + "/" + p.version }
