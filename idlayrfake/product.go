package idlayrfake

// product is one version of one API as data: what differs between them, so that
// the handlers are the same.
type product struct {
	name    string // path segment, OAuth2 scope and Check.Product
	version string // path segment and Check.Version
	coded   bool   // the chain ends here with a code, which the result is had for

	config func(*Project) ProductConfig // nil: there is nothing to configure
}

// products are the APIs served. Checks of one are unknown to the others.
var products = [...]product{
	{name: "phone_check", version: "v0.1", config: forPhoneCheck},
}

func forPhoneCheck(p *Project) ProductConfig      { return p.PhoneCheck }
func forSubscriberCheck(p *Project) ProductConfig { return p.SubscriberCheck }

func (p *product) path() string { return "/" + p.name + "/" + p.version }
