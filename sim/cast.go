package sim

import (
	"net/netip"
	"strings"

	"github.com/phonechecksim/phonechecksim/mnofake"
)

// DefaultOperator is the network id (MCC-MNC) of the operator that a phone's SIM belongs to when nothing else is said.
const DefaultOperator = "23410"

// The default cast. The networks are real ones, so that their ids mean something to clients; their addresses come from
// the ranges kept for documentation and benchmarks, their subscribers from the numbers that Ofcom keeps for fiction,
// and their hosts from the .example domain.
func defaultOperators() []mnofake.Config {
	return []mnofake.Config{
		{NetworkID: DefaultOperator, Name: "O2 UK", Aliases: []string{"23402", "23411"}, Country: "GB", DialingCode: "44", Prefixes: pools(1)},
		{NetworkID: "23430", Name: "EE", Aliases: []string{"23433"}, Country: "GB", DialingCode: "44", Prefixes: pools(2)},
		{NetworkID: "23415", Name: "Vodafone UK", Country: "GB", DialingCode: "44", Prefixes: pools(3)},
		{NetworkID: "26201", Name: "Telekom DE", Country: "DE", DialingCode: "49", Prefixes: pools(4)},
		{NetworkID: "310260", Name: "T-Mobile US", Country: "US", DialingCode: "1", Prefixes: pools(5)},
	}
}

// DefaultOperators returns the network ids of the operators that every world has.
func DefaultOperators() (networkIDs []string) {
	for _, cfg := range defaultOperators() {
		networkIDs = append(networkIDs, cfg.NetworkID)
	}
	return networkIDs
}

// defaultSubscribers are the numbers that exist before any phone does, by network id.
var defaultSubscribers = map[string][]string{
	DefaultOperator: {"447700900001", "447700900002", "447700900003"},
	"23430":         {"447700900101", "447700900102", "447700900103"},
	"23415":         {"447700900201", "447700900202", "447700900203"},
}

// pools are the addresses of the n-th operator.
func pools(n int) []netip.Prefix {
	return []netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(n), 0}), 24),
		netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 4: 0, 5: byte(n)}), 48),
	}
}

// slug is the operator's name as it stands in its host names: "O2 UK" is o2-uk.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, strings.ToLower(name))
}

// Roles of phones that were given no name, in the order of their making.
var phoneNames = [...]string{"alice", "bob", "carol", "dave", "erin", "frank"}
