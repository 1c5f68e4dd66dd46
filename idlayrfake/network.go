package idlayrfake

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// networks answers who owns an address. It does not change after creation.
type networks struct {
	all      []Network
	prefixes []ownedPrefix // longest first
}

type ownedPrefix struct {
	netip.Prefix
	owner *Network
}

func newNetworks(all []Network) networks {
	n := networks{all: all}
	for i := range all {
		for _, prefix := range all[i].Prefixes {
			if prefix.IsValid() {
				n.prefixes = append(n.prefixes, ownedPrefix{prefix.Masked(), &all[i]})
			}
		}
	}
	slices.SortStableFunc(n.prefixes, func(a, b ownedPrefix) int { return cmp.Compare(b.Bits(), a.Bits()) })
	return n
}

// owner returns the operator of an address, nil for one that is not mobile.
func (n networks) owner(addr netip.Addr) *Network {
	addr = addr.Unmap().WithZone("")
	for i := range n.prefixes {
		if n.prefixes[i].Contains(addr) {
			return n.prefixes[i].owner
		}
	}
	return nil
}

// reaches says whether some operator serves the country of the number. The typed
// national number without its country code is the usual case of one that is not.
func (n networks) reaches(msisdn string) bool {
	for i := range n.all {
		if strings.HasPrefix(msisdn, n.all[i].DialingCode) {
			return true
		}
	}
	return len(n.all) == 0
}

// is says whether a network id means this operator.
func (n *Network) is(networkID string) bool {
	return n.NetworkID == networkID || slices.Contains(n.Aliases, networkID)
}

// redirect returns where a device is sent to, and from there on to returnURL, if
// there is one.
func (n *Network) redirect(session, returnURL string) string {
	sep := "?"
	if strings.Contains(n.RedirectURL, "?") {
		sep = "&"
	}
	to := n.RedirectURL + sep + "session=" + session
	if returnURL != "" {
		to += "&return_url=" + url.QueryEscape(returnURL)
	}
	return to
}

// byID returns the operator with a network id, nil if there is none.
func (n networks) byID(networkID string) *Network {
	for i := range n.all {
		if n.all[i].is(networkID) {
			return &n.all[i]
		}
	}
	return nil
}
