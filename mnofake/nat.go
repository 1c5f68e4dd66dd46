package mnofake

import (
	"fmt"
	"maps"
	"net/netip"
	"time"
)

// NATPorts is how many source ports the operator's network address translation gives a data session. The block that begins
// at port NATPorts is nobody's: it is for boxes of the operator's own.
const NATPorts = 1024

// natBlock is one session's share of a shared address.
type natBlock struct {
	addr  netip.Addr
	first uint16
}

// owner is who had an address, and how long accounting says so.
type owner struct {
	msisdn string
	until  time.Time
}

// leaves remembers who had an address or ports of one, if the operator's accounting is slow. With the lock held.
func (o *Operator) leaves(b natBlock, msisdn string) {
	lag := o.behaves.AccountingLag
	if lag <= 0 || msisdn == "" {
		return
	}
	now := o.cfg.Clock.Now()
	if o.before == nil {
		o.before = map[natBlock]owner{}
	}
	maps.DeleteFunc(o.before, func(_ natBlock, old owner) bool { return !now.Before(old.until) })
	o.before[b] = owner{msisdn, now.Add(lag)}
}

// nat is the operator's address translation (CGNAT): sessions share an address, and the source port says whose a packet is.
type nat struct {
	addr   netip.Addr          // where the next block comes from
	blocks map[natBlock]string // MSISDN
}

// AttachNAT is Attach for a data session behind an address that others have as well. It returns the address and the first
// of the session's NATPorts source ports. Whoever opens a connection of his own on the way, from another port, takes from
// the packet gateway what it knew the subscriber by.
func (o *Operator) AttachNAT(msisdn string) (addr netip.Addr, first uint16, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.subscribers[msisdn]; !ok {
		return addr, 0, o.unknown(msisdn)
	}
	if o.nat.blocks == nil {
		o.nat.blocks = map[natBlock]string{}
	}
	for range 2 { // the address there is, and then a new one
		for port := 2 * NATPorts; o.nat.addr.IsValid() && port < 1<<16; port += NATPorts {
			b := natBlock{o.nat.addr, uint16(port)}
			if _, taken := o.nat.blocks[b]; !taken {
				o.nat.blocks[b] = msisdn
				return b.addr, b.first, nil
			}
		}
		if o.nat.addr, err = o.takeAddress("", false); err != nil {
			return addr, 0, err
		}
	}
	return addr, 0, fmt.Errorf("mnofake: %s has no ports left", o.cfg.Name)
}

// DetachNAT ends the session that AttachNAT gave this address and first port, and tells whether there was one.
func (o *Operator) DetachNAT(addr netip.Addr, first uint16) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := natBlock{plain(addr), first}
	msisdn, ok := o.nat.blocks[b]
	delete(o.nat.blocks, b)
	o.leaves(b, msisdn)
	return ok
}

// AttachVisitor opens a data session for a SIM of another operator that roams here with local breakout: it has an address of
// this operator, whose gateway does not know the subscriber. Detach ends it.
func (o *Operator) AttachVisitor() (netip.Addr, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.takeAddress("", false)
}
