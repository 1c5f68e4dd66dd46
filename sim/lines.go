package sim

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// InDataCentre makes a device of a program that runs on a server: a link scanner, a script. It has no SIM, whatever number
// it was given, and its only way out is a data centre's.
func InDataCentre() PhoneOption { return func(o *phoneOptions) { o.server = true } }

// dataCentre is the line of what runs there.
func (w *World) dataCentre(owner string) *vnet.Interface {
	w.mu.Lock()
	n := w.phones
	w.mu.Unlock()
	return w.net.Interface(vnet.InterfaceConfig{
		Owner: owner, Name: "data centre", Kind: vnet.Wired, Latency: w.opts.latency.wired,
		Addr: netip.AddrFrom4([4]byte{203, 0, 113, byte(64 + n%63)}),
	})
}

// leave takes a number away from whichever operator has it: it is being ported to another one.
func (w *World) leave(msisdn string) {
	w.mu.Lock()
	operators := w.operators
	w.mu.Unlock()
	for _, op := range operators {
		op.RemoveSubscriber(msisdn)
	}
}

// Call makes one request as the phone's app, see [device.App.Call].
func (p *Phone) Call(ctx context.Context, method, target string, header http.Header, body string) (device.Answer, error) {
	defer p.w.settle()
	return p.app.Call(ctx, method, target, header, body)
}
