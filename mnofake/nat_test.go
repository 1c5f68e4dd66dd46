package mnofake_test

import (
	"net/http/httptest"
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/mnofake"
)

var _ = Describe("addresses of more than one", func() {
	stamp := func(o *mnofake.Operator, addr netip.Addr, port int) string {
		GinkgoHelper()
		c := &capture{}
		r := request("GET", "/", addr)
		r.RemoteAddr = netip.AddrPortFrom(addr, uint16(port)).String()
		o.Gateway(c).ServeHTTP(httptest.NewRecorder(), r)
		return c.got.Header.Get("X-MSISDN")
	}

	It("tell subscribers by the port", func() {
		o, _, _ := operator(config())
		at, first, err := o.AttachNAT(alice)
		Expect(err).NotTo(HaveOccurred())
		same, second, err := o.AttachNAT(bob)
		Expect(err).NotTo(HaveOccurred())
		Expect(same).To(Equal(at))
		for port, want := range map[int]string{
			int(first): alice, int(first) + mnofake.NATPorts - 1: alice, int(second): bob,
			mnofake.NATPorts: "", int(second) + mnofake.NATPorts: "", 80: "",
		} {
			Expect(stamp(o, at, port)).To(Equal(want), "port %d", port)
		}
		Expect(o.DetachNAT(at, first)).To(BeTrue())
		Expect(o.DetachNAT(at, first)).To(BeFalse())
		Expect(stamp(o, at, int(first))).To(BeEmpty())
		Expect(stamp(o, at, int(second))).To(Equal(bob))
	})

	It("go on with another when the ports are used up", func() {
		o, _, _ := operator(config())
		seen := map[netip.Addr]int{}
		for range 100 {
			at, first, err := o.AttachNAT(alice)
			Expect(err).NotTo(HaveOccurred())
			Expect(first).To(BeNumerically(">=", 2*mnofake.NATPorts))
			seen[at]++
		}
		Expect(seen).To(HaveLen(2))
	})

	It("need a subscriber and a pool", func() {
		o, _, _ := operator(config())
		_, _, err := o.AttachNAT("447700900999")
		Expect(err).To(MatchError(ContainSubstring("has no subscriber")))
		cfg := config()
		cfg.Prefixes = nil
		poor := mnofake.New(cfg)
		Expect(poor.AddSubscriber(mnofake.Subscriber{MSISDN: alice})).To(Succeed())
		_, _, err = poor.AttachNAT(alice)
		Expect(err).To(MatchError(ContainSubstring("no valid IPv4 prefix")))
		_, err = poor.AttachVisitor()
		Expect(err).To(HaveOccurred())
	})

	It("are taken for those of who had them before, as long as accounting is behind", func() {
		clk := newManual()
		cfg := config()
		cfg.Clock = clk
		cfg.Prefixes = []netip.Prefix{netip.MustParsePrefix("100.64.0.0/30")} // two addresses
		o, aliceAt, bobAt := operator(cfg)
		o.SetBehaviour(mnofake.Behaviour{AccountingLag: time.Hour})
		Expect(o.Detach(aliceAt)).To(BeTrue())
		Expect(stamp(o, aliceAt, 50000)).To(BeEmpty(), "nobody has it")
		at, err := o.Attach(bob)
		Expect(err).NotTo(HaveOccurred())
		Expect(at).To(Equal(aliceAt))
		Expect(stamp(o, at, 50000)).To(Equal(alice))
		Expect(stamp(o, bobAt, 50000)).To(Equal(bob))
		clk.advance(time.Hour)
		Expect(stamp(o, at, 50000)).To(Equal(bob))

		Expect(o.Detach(at)).To(BeTrue())
		shared, first, err := o.AttachNAT(alice)
		Expect(err).NotTo(HaveOccurred())
		Expect(o.DetachNAT(shared, first)).To(BeTrue())
		_, again, err := o.AttachNAT(bob)
		Expect(err).NotTo(HaveOccurred())
		Expect(again).To(Equal(first))
		Expect(stamp(o, shared, int(first))).To(Equal(alice))
		clk.advance(time.Hour)
		Expect(stamp(o, shared, int(first))).To(Equal(bob))
	})

	It("are given to visitors, whom the gateway does not know", func() {
		o, aliceAt, bobAt := operator(config())
		at, err := o.AttachVisitor()
		Expect(err).NotTo(HaveOccurred())
		Expect(at).NotTo(Or(Equal(aliceAt), Equal(bobAt)))
		Expect(stamp(o, at, 50000)).To(BeEmpty())
		Expect(o.Detach(at)).To(BeTrue())
	})
})
