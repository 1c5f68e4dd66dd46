package idlayrfake

import (
	"net"
	"strings"
)

// regionOf returns the data residency a host stands for, or "" for a host that
// serves all of them, as a test server at 127.0.0.1 does.
func regionOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	label, _, _ := strings.Cut(host, ".")
	for _, region := range [...]string{"eu", "in", "us"} {
		if strings.EqualFold(label, region) {
			return region
		}
	}
	return ""
}

// servedAt says whether a host of region (see regionOf) knows the project.
func (p *Project) servedAt(region string) bool {
	return region == "" || region == p.DataResidency
}
