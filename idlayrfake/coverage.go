package idlayrfake

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// covered is a product as coverage answers name it.
type covered struct {
	ID   string `json:"product_id"` // upper case, as clients look for it
	Name string `json:"product_name"`
	on   func(*Network) bool
}

// byRedirect are operators that a device can be sent to, byNumber those that can
// be asked without one.
func byRedirect(n *Network) bool { return !n.Unsupported && !n.NoRedirect }
func byNumber(n *Network) bool   { return !n.Unsupported && n.SubscriberURL != "" }

var coverable = [...]covered{
	{"PCK", "Phone Check", byRedirect},
	{"SCK", "Sim Check", byNumber},
	{"SUK", "Subscriber Check", byRedirect},
}

type reachBody struct {
	CountryCode  string    `json:"country_code"`
	DialingCode  string    `json:"dialing_code"` // a number in countryBody
	NetworkID    string    `json:"network_id"`
	NetworkName  string    `json:"network_name"`
	Aliases      []string  `json:"network_aliases,omitempty"`
	Products     []covered `json:"products"`
	MobileDataIP string    `json:"mobile_data_ip"`
	Links        self      `json:"_links"`
}

type countryBody struct {
	CountryCode string           `json:"country_code"`
	DialingCode int              `json:"dialing_code"`
	Products    []countryProduct `json:"products"`
	Links       self             `json:"_links"`
}

type countryProduct struct {
	covered
	Coverage string           `json:"coverage"`
	Prices   []price          `json:"prices_starting_from"`
	Networks []coveredNetwork `json:"networks"`
	Links    self             `json:"_links"`
}

type coveredNetwork struct {
	ID      string   `json:"network_id"`
	Name    string   `json:"network_name"`
	Aliases []string `json:"network_aliases,omitempty"`
	Prices  []price  `json:"prices"`
}

type price struct {
	Currency string `json:"currency"`
	Amount   int    `json:"amount"`
}

// thePrice is that of every check (guide, step 3).
var thePrice = []price{{"API", 1}}

// getReach is GET /coverage/v0.1/device_ip: what can be done on the network the
// request came from.
func (p *Platform) getReach(x *exchange) failure {
	if _, fail := p.authorize(x, "coverage"); fail != nil {
		return fail
	}
	return p.reach(x, callerOf(x.r), "/coverage/v0.1/device_ip")
}

// getPublicReach is GET /public/coverage/v0.1/device_ip, the same for anybody.
func (p *Platform) getPublicReach(x *exchange) failure {
	return p.reach(x, callerOf(x.r), "/public/coverage/v0.1/device_ip")
}

// getReachOf is GET /coverage/v0.1/device_ips/{ip}.
func (p *Platform) getReachOf(x *exchange) failure {
	if _, fail := p.authorize(x, "coverage"); fail != nil {
		return fail
	}
	ip, ok := forwardedIP(x.vars["ip"])
	if !ok {
		return badRequest.with("device_ips: not an IP address")
	}
	return p.reach(x, ip, "/coverage/v0.1/device_ips/"+ip.String())
}

// forwardedIP reads an address as servers pass it on: as it is, percent-encoded
// once too often, or as a whole X-Forwarded-For list, whose first entry is the
// device.
func forwardedIP(s string) (netip.Addr, bool) {
	if decoded, err := url.PathUnescape(s); err == nil {
		s = decoded
	}
	s, _, _ = strings.Cut(s, ",")
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	ip, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return ip.Unmap().WithZone(""), err == nil
}

func (p *Platform) reach(x *exchange, ip netip.Addr, path string) failure {
	n := p.networks.owner(ip)
	switch {
	case n == nil:
		return notMobileIP.because(ip.String(), " is in no operator's address range")
	case n.Unsupported:
		return notSupported.because("operator ", n.NetworkID, " is not supported")
	}
	body := reachBody{
		CountryCode: n.Country, DialingCode: n.DialingCode,
		NetworkID: n.NetworkID, NetworkName: n.Name, Aliases: n.Aliases,
		Products: []covered{}, MobileDataIP: ip.String(),
		Links: self{link{p.base(x.r) + path}},
	}
	for _, c := range coverable {
		if c.on(n) {
			body.Products = append(body.Products, c)
		}
	}
	writeJSON(x.w, http.StatusOK, "application/hal+json", body)
	return nil
}

// getCountry is GET /coverage/v0.1/countries/{code}, by ISO 3166 alpha-2 or by
// dialing code.
func (p *Platform) getCountry(x *exchange) failure {
	if _, fail := p.authorize(x, "coverage"); fail != nil {
		return fail
	}
	there := p.networks.in(x.vars["code"])
	if len(there) == 0 {
		return noReach.because("no operator in ", x.vars["code"])
	}
	country := there[0].Country
	here := self{link{p.base(x.r) + "/coverage/v0.1/countries/" + url.PathEscape(x.vars["code"])}}
	body := countryBody{CountryCode: country, Products: []countryProduct{}, Links: here}
	body.DialingCode, _ = strconv.Atoi(there[0].DialingCode)
	for _, c := range coverable {
		product := countryProduct{covered: c, Coverage: "FULL", Prices: thePrice, Links: here}
		for _, n := range there {
			if !c.on(n) {
				product.Coverage = "PARTIAL"
				continue
			}
			product.Networks = append(product.Networks, coveredNetwork{n.NetworkID, n.Name, n.Aliases, thePrice})
		}
		if len(product.Networks) > 0 {
			body.Products = append(body.Products, product)
		}
	}
	if len(body.Products) == 0 {
		return noReach.because("no supported operator in ", country)
	}
	writeJSON(x.w, http.StatusOK, "application/hal+json", body)
	return nil
}

// in returns the operators of one country. Several countries may share a dialing
// code; it then means the one of the first operator.
func (n networks) in(code string) []*Network {
	dialing := strings.TrimPrefix(code, "+")
	i := slices.IndexFunc(n.all, func(n Network) bool {
		return n.Country != "" && strings.EqualFold(n.Country, code) || n.DialingCode != "" && n.DialingCode == dialing
	})
	if i < 0 {
		return nil
	}
	country := n.all[i].Country
	var there []*Network
	for j := range n.all {
		if strings.EqualFold(n.all[j].Country, country) {
			there = append(there, &n.all[j])
		}
	}
	return there
}
