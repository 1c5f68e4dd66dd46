package idlayrfake

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// A project in sandbox mode has no operators: the platform stands in for them,
// and the end of the number decides. Nothing else on this platform looks at a
// number's digits.

func (p *Project) sandbox() bool { return strings.EqualFold(p.Mode, "sandbox") }

// sandboxVerdict is what an operator would say of a number: one that ends in 99
// fails, any other even one matches, any other odd one is somebody else's.
func sandboxVerdict(msisdn string) verdict {
	switch last := msisdn[len(msisdn)-1]; {
	case strings.HasSuffix(msisdn, "99"):
		return verdict{errorCode: "mno_server_error"}
	case (last-'0')%2 == 0:
		return verdict{msisdn: msisdn}
	default:
		return verdict{msisdn: msisdn[:len(msisdn)-1] + string(last-1)}
	}
}

// homeNetwork returns the operator of a number, nil if it is not known.
func (p *Platform) homeNetwork(msisdn string) *Network {
	if p.cfg.NumberNetwork == nil {
		return nil
	}
	id, known := p.cfg.NumberNetwork(msisdn)
	if !known {
		return nil
	}
	return p.networks.byID(id)
}

// operatorOfDevice is operatorOf for a device at the check URL. An emulator has
// no mobile data and says so (x-tru-mode: sandbox): it goes to the operator of the
// number, which will not recognise it.
func (p *Platform) operatorOfDevice(x *exchange, ip netip.Addr, msisdn string) (*Network, *problem) {
	n, e := p.operatorOf(ip, msisdn)
	if n == nil && strings.EqualFold(strings.TrimSpace(x.r.Header.Get("x-tru-mode")), "sandbox") {
		if home := p.homeNetwork(msisdn); home != nil && !home.Unsupported {
			return home, nil
		}
	}
	return n, e
}

// operator returns the operator a device was sent to, nil if there is none.
func (p *Platform) operator(x *exchange, c Check) *Network {
	if !c.Sandbox {
		return p.networks.byID(c.NetworkID)
	}
	return p.sandboxNetwork(x, c)
}

// sandboxNetwork stands in for the operator of a check's number.
func (p *Platform) sandboxNetwork(x *exchange, c Check) *Network {
	n := &Network{RedirectURL: p.base(x.r) + x.api.path() + "/checks/" + c.CheckID + "/sandbox"}
	if home := p.homeNetwork(c.PhoneNumber); home != nil {
		n.NetworkID = home.NetworkID
	}
	return n
}

// openSandbox is GET /checks/{check_id}/sandbox, the hop at the operator of a
// check in sandbox mode.
func (p *Platform) openSandbox(x *exchange) failure {
	rec, c := p.find(x.r.Context(), x.api, x.checkID, func(owner *Project) bool { return owner.servedAt(x.region) })
	session := x.r.URL.Query().Get("session")
	if rec == nil || !c.Sandbox || c.Status != StatusPending || session == "" {
		return checkNotFound.because("no sandbox session")
	}
	if v, ok := p.visitOf(rec, func(v visit) bool { return v.session == session }); ok {
		x.w.Header()["Location"] = []string{p.returnURL(x, c, v)}
		writeEmpty(x.w, http.StatusFound)
		return nil
	}
	if session != rec.session {
		return checkNotFound.because("no sandbox session")
	}
	endOfChain(x)
	return nil
}

// endOfChain answers the last hop: with an image to a browser's img element,
// because nothing else counts as loaded there, with JSON to everybody else.
func endOfChain(x *exchange) {
	if !strings.HasPrefix(x.r.Header.Get("Accept"), "image/") {
		writeJSON(x.w, http.StatusOK, "application/json", struct {
			Status string `json:"status"`
		}{"ok"})
		return
	}
	h := x.w.Header()
	h["Content-Type"] = []string{"image/gif"}
	h["Content-Length"] = []string{strconv.Itoa(len(pixel))}
	x.w.WriteHeader(http.StatusOK)
	_, _ = x.w.Write([]byte(pixel))
}

// pixel is a transparent GIF of one pixel.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
