package vnet_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var _ = Describe("An interface like another", func() {
	var n *network
	var remote []netip.AddrPort
	BeforeEach(func() {
		n, remote = moving(), nil
		n.Handle("api.test", "Server", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			remote = append(remote, netip.MustParseAddrPort(r.RemoteAddr))
		}))
	})

	It("differs in what was said, and in nothing else", func() {
		relay := n.device().Like(func(cfg *vnet.InterfaceConfig) { cfg.Kind, cfg.Name = vnet.Relay, "relay" })
		mustGet(relay, "http://api.test/")
		x := n.only()
		Expect(x.From).To(Equal(vnet.Origin{Owner: "Device alice", Path: "relay", Kind: vnet.Relay, Addr: n.device().Addr()}))
	})

	It("takes its source ports from its own block, round and round", func() {
		narrow := n.device().Like(func(cfg *vnet.InterfaceConfig) { cfg.Ports = [2]uint16{65534, 65535} })
		for range 4 {
			mustGet(narrow, "http://api.test/")
			narrow.CloseIdleConnections()
		}
		Expect(remote).To(HaveLen(4))
		for i, at := range remote {
			Expect(at.Port()).To(BeNumerically(">=", 65534))
			Expect(at.Port()).NotTo(Equal(remote[(i+1)%4].Port()))
		}
	})

	It("puts on record why nothing gets through", func() {
		why := errors.New("the certificate is somebody else's")
		closed := n.device().Like(func(cfg *vnet.InterfaceConfig) { cfg.Refuse = why })
		_, _, err := get(context.Background(), closed, "GET", "https://api.test/x", nil)
		Expect(err).To(MatchError(why))
		Expect(n.outcome().Err).To(Equal(why.Error()))
		Expect(remote).To(BeEmpty())
	})

	It("gets nothing through once it is closed, while the other goes on", func() {
		dev := n.device()
		other := dev.Like(func(*vnet.InterfaceConfig) {})
		mustGet(other, "http://api.test/")
		other.Close()
		_, _, err := get(context.Background(), other, "GET", "http://api.test/", nil)
		Expect(err).To(MatchError(syscall.ENETUNREACH))
		mustGet(dev, "http://api.test/")
		Expect(remote).To(HaveLen(2))
	})
})
