package sim_test

import (
	"context"
	"net/http"
	"net/netip"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/mnofake"
	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/journal"
	. "github.com/phonechecksim/phonechecksim/sim/simmatch"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var _ = Describe("A phone's path", func() {
	var w *sim.World
	var from []netip.AddrPort // of the hops, as platform and operator see them
	BeforeEach(func() {
		w, from = sim.RunT(GinkgoT()), nil
		o2, err := w.Operator(sim.DefaultOperator)
		Expect(err).NotTo(HaveOccurred())
		var mu sync.Mutex
		for host, answers := range map[string]http.Handler{"eu.api.idlayr.com": w.Platform(), "sna.o2-uk.example": o2} {
			w.Network().Handle(host, map[bool]string{true: "IDlayr", false: "MNO O2 UK"}[answers == http.Handler(w.Platform())], http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if vnet.ExchangeFrom(r.Context()).From.Owner != "Server" {
					mu.Lock()
					from = append(from, netip.MustParseAddrPort(r.RemoteAddr))
					mu.Unlock()
				}
				answers.ServeHTTP(rw, r)
			}))
		}
	})

	hops := func() (all []journal.Record) {
		for _, x := range journal.Exchanges(w.Journal().Records()) {
			if x.Step == 5 {
				all = append(all, x)
			}
		}
		return all
	}
	paths := func() (all []string) {
		for _, x := range hops() {
			all = append(all, x.Interface)
		}
		return all
	}
	const home = "cellular O2 UK"

	// What a check comes to is nowhere in this table's paths: it follows from where the hops came from.
	DescribeTable("decides what comes of a check", func(ctx context.Context, path sim.Path, want string, over ...string) {
		alice := w.Phone(number, sim.OnPath(path), sim.OnWiFi())
		out := alice.Verify(ctx, number)
		c, _ := out.Check()
		got := string(c.Status)
		if c.ErrorCode != "" {
			got = c.ErrorCode
		} else if out.Matched() {
			got = "match"
		}
		Expect(got).To(Equal(want), out.Explain())
		Expect(paths()).To(Equal(over))

		By("and once it is gone the check matches")
		Expect(alice.SetPath(sim.Path{})).To(Succeed())
		Expect(alice.Path()).To(Equal(sim.Path{}))
		Expect(alice.Verify(ctx, number)).To(HaveMatched())
	},
		Entry("private relay for all", sim.Path{PrivateRelay: sim.RelayAll}, "not_mobile_ip", "private relay"),
		Entry("private relay for clear HTTP", sim.Path{PrivateRelay: sim.RelayHTTP}, "mno_user_not_found", home, "private relay"),
		Entry("CGNAT", sim.Path{Addressing: sim.AddressingCGNAT}, "match", home, home),
		Entry("IPv6", sim.Path{Addressing: sim.AddressingIPv6}, "match", home, home),
		Entry("464XLAT", sim.Path{Addressing: sim.Addressing464}, "match", home, home),
		Entry("home-routed roaming", sim.Path{Roaming: sim.RoamingHome}, "match", home+", roaming", home+", roaming"),
		Entry("breakout", sim.Path{Roaming: sim.RoamingBreakout}, "ip_msisdn_mismatch", "cellular Telekom DE, roaming"),
		Entry("breakout, elsewhere", sim.Path{Roaming: sim.RoamingBreakout, Visited: "310260"}, "ip_msisdn_mismatch", "cellular T-Mobile US, roaming"),
		Entry("carrier proxy, CGNAT", sim.Path{Proxy: sim.ProxyCarrier, Addressing: sim.AddressingCGNAT}, "mno_user_not_found", home, home+", web proxy"),
		Entry("carrier proxy, an address of its own", sim.Path{Proxy: sim.ProxyCarrier}, "match", home, home+", web proxy"),
		Entry("data-saver", sim.Path{Proxy: sim.ProxyDataSaver}, "not_mobile_ip", "data-saver"),
		Entry("portal, redirect", sim.Path{Portal: sim.PortalRedirect}, "PENDING", home, home),
		Entry("portal, page", sim.Path{Portal: sim.PortalPage}, "PENDING", home, home),
		Entry("interception", sim.Path{Intercepted: "*.API.idlayr.com"}, "ACCEPTED", home),
		Entry("blocked host", sim.Path{Blocked: "sna.*"}, "PENDING", home, home),
		Entry("emulator", sim.Path{Emulator: true}, "not_mobile_ip", "emulated cellular"),
	)

	It("shows the application server IPv4 and the platform IPv6 under 464XLAT", func(ctx context.Context) {
		alice := w.Phone(number, sim.OnPath(sim.Path{Addressing: sim.Addressing464}))
		Expect(alice.Verify(ctx, number)).To(HaveMatched())
		Expect(from).To(HaveLen(2))
		Expect(from).To(HaveEach(HaveField("Addr().Is6()", true)))
		var seen netip.AddrPort
		w.Network().Handle("app.example", "Server", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen = netip.MustParseAddrPort(r.RemoteAddr)
		}))
		_, _ = alice.SubmitNumber(ctx, number)
		Expect(seen.Addr().Is4()).To(BeTrue())
	})

	It("shares an address under CGNAT, and everybody is known all the same", func(ctx context.Context) {
		shared := sim.OnPath(sim.Path{Addressing: sim.AddressingCGNAT})
		alice, bob := w.Phone(number, shared), w.Phone("447700900002", shared)
		Expect(alice.Verify(ctx, number)).To(HaveMatched())
		Expect(bob.Verify(ctx, "447700900002")).To(HaveMatched())
		Expect(bob.Verify(ctx, number)).To(HaveMismatched())
		Expect(from[0].Addr()).To(Equal(from[3].Addr()))
		Expect(from[0].Port() / mnofake.NATPorts).NotTo(Equal(from[3].Port() / mnofake.NATPorts))
	})

	It("gets a new address in the middle of a chain, which the gateway knows too", func(ctx context.Context) {
		alice := w.Phone(number)
		alice.After(2, func() { Expect(alice.NewAddress()).To(Succeed()) })
		Expect(alice.Verify(ctx, number)).To(HaveMatched())
		Expect(from[0].Addr()).NotTo(Equal(from[1].Addr()))
	})

	It("refuses a network that is not there, and stays", func(ctx context.Context) {
		alice := w.Phone(number)
		Expect(alice.SetPath(sim.Path{Roaming: sim.RoamingBreakout, Visited: "99999"})).To(MatchError(ContainSubstring(`no operator "99999"`)))
		Expect(alice.Path()).To(Equal(sim.Path{}))
		Expect(alice.Verify(ctx, number)).To(HaveMatched())
		_, err := w.AddPhone("447700900002", sim.OnPath(sim.Path{Roaming: sim.RoamingBreakout, Visited: "99999"}))
		Expect(err).To(HaveOccurred())
	})

	Describe("through a hotspot", func() {
		var host, guest *sim.Phone
		BeforeEach(func() {
			host = w.Phone(number, sim.Named("bob"))
			guest = w.Phone("447700900002", sim.Named("alice"), sim.OnPath(sim.Path{HotspotOf: "bob"}), sim.OnWiFi(), sim.With(device.WithSDK(device.Browser{})))
		})

		It("is its owner's, whoever asks", func(ctx context.Context) {
			Expect(guest.Verify(ctx, number)).To(HaveMatched())
			Expect(guest.Verify(ctx, "447700900002")).To(HaveMismatched())
			Expect(paths()).To(HaveEach("hotspot of bob"))
			Expect(hops()[0].FromName).To(Equal("Device alice"))
		})

		It("follows its owner's session, not the owner's VPN", func(ctx context.Context) {
			Expect(guest.Verify(ctx, number)).To(HaveMatched())
			Expect(host.NewAddress()).To(Succeed())
			host.SetVPN(true)
			Expect(guest.Verify(ctx, number)).To(HaveMatched())
			Expect(from[0].Addr()).NotTo(Equal(from[2].Addr()))
		})

		It("ends with its owner's mobile data", func(ctx context.Context) {
			host.SetMobileData(false)
			Expect(guest.Verify(ctx, number).Err).To(MatchError(ContainSubstring("the hotspot has no way out")))
			way, err := guest.WiFi()
			Expect(err).NotTo(HaveOccurred())
			_, err = way.DialContext(ctx, "tcp", "sna.o2-uk.example:80")
			Expect(err).To(MatchError(device.ErrNoRoute))
		})

		It("is gone when there is no such phone", func(ctx context.Context) {
			Expect(guest.SetPath(sim.Path{HotspotOf: "nobody"})).To(Succeed())
			Expect(guest.Verify(ctx, number).Err).To(MatchError(ContainSubstring("the hotspot of nobody is gone")))
		})
	})

	It("carries SDKs that open their connections themselves", func(ctx context.Context) {
		for _, sdk := range []device.SDK{device.Android{}, device.IOS{}} {
			alice := w.Phone(number, sim.OnPath(sim.Path{PrivateRelay: sim.RelayHTTP}), sim.With(device.WithSDK(sdk)))
			Expect(alice.Verify(ctx, number)).To(HaveCheckStatus("ERROR", "mno_user_not_found"))
			Expect(alice.SetPath(sim.Path{HotspotOf: "nobody", Intercepted: "*.idlayr.com"})).To(Succeed())
			Expect(alice.OpenCheckURL(ctx, sim.APIBase+"/x").ErrorDescription).To(ContainSubstring("certificate"))
		}
		alice := w.Phone(number, sim.With(device.WithSDK(device.IOS{})))
		alice.SetVPN(true)
		Expect(alice.Verify(ctx, number)).To(HaveCheckStatus("ERROR", "not_mobile_ip"))
	})

	It("leaves nothing behind when it changes", func() {
		alice := w.Phone(number)
		for range 1000 { // more than the operator has addresses
			Expect(alice.SetPath(sim.Path{Addressing: sim.Addressing464, PrivateRelay: sim.RelayHTTP})).To(Succeed())
			Expect(alice.SetPath(sim.Path{Roaming: sim.RoamingBreakout, Portal: sim.PortalPage})).To(Succeed())
		}
		Expect(w.Phone("447700900002")).NotTo(BeNil())
	})

	It("may change at any time", func(ctx context.Context) {
		alice := w.Phone(number)
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 20 {
				alice.Verify(ctx, number)
			}
		})
		for range 20 {
			Expect(alice.SetPath(sim.Path{PrivateRelay: sim.RelayHTTP, Blocked: "none.*"})).To(Succeed())
			Expect(alice.NewAddress()).To(Succeed())
			Expect(alice.SetPath(sim.Path{})).To(Succeed())
		}
		wg.Wait()
		Expect(alice.Verify(ctx, number)).To(HaveMatched())
	})

	It("is passed on by a server that means well", func(ctx context.Context) {
		w := sim.RunT(GinkgoT(), sim.WithPhoneIP())
		Expect(w.Phone(number).Verify(ctx, number)).To(HaveMatched())
		out := w.Phone("447700900002", sim.OnPath(sim.Path{Addressing: sim.Addressing464})).Verify(ctx, "447700900002")
		Expect(out).To(HaveCheckStatus("ERROR", "ip_mismatch"))
	})
})
