package mnofake

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Attach opens a data session for a subscriber and returns its source address, taken from the operator's IPv4 pools in the
// order of the calls. Each call opens a session of its own. An unknown subscriber and a used-up pool are errors.
func (o *Operator) Attach(msisdn string) (netip.Addr, error) { return o.attach(msisdn, false) }

// AttachIPv6 is Attach for the operator's IPv6 pools. A dual-stack SIM has one session of each family.
func (o *Operator) AttachIPv6(msisdn string) (netip.Addr, error) { return o.attach(msisdn, true) }

// Detach ends the data session with that source address and tells whether there was one. The address is given out again
// only after the pool has come round.
func (o *Operator) Detach(addr netip.Addr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	addr = plain(addr)
	msisdn, ok := o.attached[addr]
	delete(o.attached, addr)
	o.leaves(natBlock{addr: addr}, msisdn)
	return ok
}

func (o *Operator) attach(msisdn string, v6 bool) (netip.Addr, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.subscribers[msisdn]; !ok {
		return netip.Addr{}, o.unknown(msisdn)
	}
	return o.takeAddress(msisdn, v6)
}

// takeAddress takes an address out of the pools, for a subscriber or, with "", for nobody in particular.
func (o *Operator) takeAddress(msisdn string, v6 bool) (netip.Addr, error) {
	found := false
	for _, p := range o.pools {
		if p.prefix.Addr().Is6() != v6 {
			continue
		}
		found = true
		if a, ok := p.take(o.attached); ok {
			o.attached[a] = msisdn
			return a, nil
		}
	}
	family := "IPv4"
	if v6 {
		family = "IPv6"
	}
	if !found {
		return netip.Addr{}, fmt.Errorf("mnofake: %s has no valid %s prefix: add one to Config.Prefixes", o.cfg.Name, family)
	}
	return netip.Addr{}, fmt.Errorf("mnofake: the %s pools of %s are used up: detach a SIM or add a larger prefix to Config.Prefixes",
		family, o.cfg.Name)
}

// subscriberAt returns whose data session has that source address and, where several share it, port.
func (o *Operator) subscriberAt(source netip.AddrPort) (Subscriber, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	addr := plain(source.Addr())
	msisdn, ok := o.attached[addr]
	if !ok {
		return Subscriber{}, false
	}
	key := natBlock{addr: addr}
	if msisdn == "" {
		key.first = source.Port() / NATPorts * NATPorts
		msisdn = o.nat.blocks[key]
	}
	if old, ok := o.before[key]; ok && o.cfg.Clock.Now().Before(old.until) {
		msisdn = old.msisdn
	}
	s, ok := o.subscribers[msisdn]
	return s, ok
}

// plain is the form in which addresses are compared: no IPv4-in-IPv6, no zone.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// pool hands out the addresses of one prefix, going forward and round, so that a freed address rests as long as possible.
type pool struct {
	prefix      netip.Prefix
	first, last uint64 // offsets from the prefix's own address
	next        uint64
}

func newPool(p netip.Prefix) *pool {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	p = p.Masked()
	host := min(p.Addr().BitLen()-p.Bits(), 62) // nobody attaches 2^62 SIMs, and it keeps the sums within 64 bits
	first, last := uint64(0), uint64(1)<<host-1
	if host > 1 { // the network's own address is no host's (nor is IPv4's broadcast address, below)
		first = 1
		if p.Addr().Is4() {
			last--
		}
	}
	return &pool{prefix: p, first: first, last: last, next: first}
}

// take returns the next address that is not in use.
func (p *pool) take(inUse map[netip.Addr]string) (netip.Addr, bool) {
	// Of n+1 addresses in a row at least one is not among n used ones.
	for tries := min(p.last-p.first, uint64(len(inUse))) + 1; tries > 0; tries-- {
		a := p.at(p.next)
		if p.next++; p.next > p.last {
			p.next = p.first
		}
		if _, used := inUse[a]; !used {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func (p *pool) at(offset uint64) netip.Addr {
	if base := p.prefix.Addr(); base.Is4() {
		b := base.As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(offset))
		return netip.AddrFrom4(b)
	}
	b := p.prefix.Addr().As16()
	// The prefix is masked and the offset has at most 62 bits, so the low half cannot overflow.
	binary.BigEndian.PutUint64(b[8:], binary.BigEndian.Uint64(b[8:])+offset)
	return netip.AddrFrom16(b)
}
