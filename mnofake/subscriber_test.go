package mnofake_test

import (
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/mnofake"
)

func known(o *mnofake.Operator, msisdn string) mnofake.Subscriber {
	GinkgoHelper()
	s, ok := o.Subscriber(msisdn)
	Expect(ok).To(BeTrue())
	return s
}

var _ = Describe("subscribers", func() {
	DescribeTable("are checked", func(s mnofake.Subscriber, problem string) {
		o := mnofake.New(config())
		err := o.AddSubscriber(s)
		if problem == "" {
			Expect(err).NotTo(HaveOccurred())
			Expect(known(o, s.MSISDN)).To(Equal(s))
			return
		}
		Expect(err).To(MatchError(ContainSubstring(problem)))
		_, ok := o.Subscriber(s.MSISDN)
		Expect(ok).To(BeFalse())
	},
		Entry("good", mnofake.Subscriber{MSISDN: alice}, ""),
		Entry("good with IMSI", mnofake.Subscriber{MSISDN: alice, IMSI: "234100000000001"}, ""),
		Entry("empty", mnofake.Subscriber{}, "E.164 without +"),
		Entry("with +", mnofake.Subscriber{MSISDN: "+447700900001"}, "E.164 without +"),
		Entry("national", mnofake.Subscriber{MSISDN: "07700900001"}, "E.164 without +"),
		Entry("16 digits", mnofake.Subscriber{MSISDN: "4477009000010000"}, "E.164 without +"),
		Entry("6 digits", mnofake.Subscriber{MSISDN: "447700"}, "E.164 without +"),
		Entry("letters in the IMSI", mnofake.Subscriber{MSISDN: alice, IMSI: "23410x"}, "not an IMSI"),
		Entry("long IMSI", mnofake.Subscriber{MSISDN: alice, IMSI: "2341000000000001"}, "not an IMSI"),
	)

	It("are there once", func() {
		o := mnofake.New(config())
		Expect(o.AddSubscriber(mnofake.Subscriber{MSISDN: alice, NoData: true})).To(Succeed())
		Expect(o.AddSubscriber(mnofake.Subscriber{MSISDN: alice})).To(MatchError(ContainSubstring("O2 UK already has subscriber " + alice)))
		Expect(known(o, alice)).To(HaveField("NoData", true))
		Expect(o.UpdateSubscriber(mnofake.Subscriber{MSISDN: alice})).To(Succeed())
		Expect(known(o, alice)).To(HaveField("NoData", false))
		Expect(o.UpdateSubscriber(mnofake.Subscriber{MSISDN: bob})).To(MatchError(ContainSubstring("AddSubscriber first")))
		Expect(o.UpdateSubscriber(mnofake.Subscriber{MSISDN: "x"})).To(MatchError(ContainSubstring("not an MSISDN")))
		Expect(o.RemoveSubscriber(alice)).To(BeTrue())
		Expect(o.RemoveSubscriber(alice)).To(BeFalse())
	})

	It("does not give its secret away with its configuration", func() {
		got := mnofake.New(config()).Config()
		Expect(got.PlatformSecret).To(BeEmpty())
		Expect(got.Name).To(Equal("O2 UK"))
		got.Prefixes[0] = netip.Prefix{}
		Expect(mnofake.New(config()).Config().Prefixes[0].IsValid()).To(BeTrue())
	})
})

var _ = Describe("address pools", func() {
	with := func(prefixes ...string) *mnofake.Operator {
		GinkgoHelper()
		cfg := config()
		cfg.Prefixes = nil
		for _, p := range prefixes {
			cfg.Prefixes = append(cfg.Prefixes, netip.MustParsePrefix(p))
		}
		o := mnofake.New(cfg)
		Expect(o.AddSubscriber(mnofake.Subscriber{MSISDN: alice})).To(Succeed())
		return o
	}

	DescribeTable("give addresses in attach order until they are used up",
		func(prefixes []string, v6 bool, want ...string) {
			o := with(prefixes...)
			attach := o.Attach
			if v6 {
				attach = o.AttachIPv6
			}
			for _, w := range want {
				Expect(attach(alice)).To(HaveField("String()", w))
			}
			_, err := attach(alice)
			Expect(err).To(MatchError(ContainSubstring("used up")))
		},
		Entry("/30", []string{"100.64.0.0/30"}, false, "100.64.0.1", "100.64.0.2"),
		Entry("/30 given by a host address", []string{"100.64.0.3/30"}, false, "100.64.0.1", "100.64.0.2"),
		Entry("/31", []string{"100.64.0.4/31"}, false, "100.64.0.4", "100.64.0.5"),
		Entry("/32", []string{"100.64.0.4/32"}, false, "100.64.0.4"),
		Entry("two pools", []string{"100.64.0.4/32", "2001:db8::/64", "100.64.1.4/32"}, false, "100.64.0.4", "100.64.1.4"),
		Entry("IPv6 /126", []string{"100.64.0.0/30", "2001:db8::/126"}, true, "2001:db8::1", "2001:db8::2", "2001:db8::3"),
		Entry("IPv6 /128", []string{"2001:db8::9/128"}, true, "2001:db8::9"),
		Entry("IPv4 written as IPv6", []string{"::ffff:100.64.0.4/128"}, false, "100.64.0.4"),
	)

	It("cross byte boundaries", func() {
		o := with("100.64.0.254/23", "2001:db8::/32")
		var last netip.Addr
		for range 300 {
			a, err := o.Attach(alice)
			Expect(err).NotTo(HaveOccurred())
			last = a
		}
		Expect(last.String()).To(Equal("100.64.1.44"))
		Expect(o.AttachIPv6(alice)).To(HaveField("String()", "2001:db8::1"))
	})

	It("let a freed address rest until the pool has come round", func() {
		o := with("100.64.0.0/29") // six hosts
		next := func() string {
			GinkgoHelper()
			a, err := o.Attach(alice)
			Expect(err).NotTo(HaveOccurred())
			return a.String()
		}
		Expect(next()).To(Equal("100.64.0.1"))
		Expect(next()).To(Equal("100.64.0.2"))
		Expect(o.Detach(netip.MustParseAddr("::ffff:100.64.0.1"))).To(BeTrue())
		Expect(o.Detach(netip.MustParseAddr("100.64.0.1"))).To(BeFalse())
		for _, want := range []string{"100.64.0.3", "100.64.0.4", "100.64.0.5", "100.64.0.6", "100.64.0.1"} {
			Expect(next()).To(Equal(want))
		}
		_, err := o.Attach(alice)
		Expect(err).To(MatchError(ContainSubstring("used up")))
	})

	It("say what is missing", func() {
		_, err := with().Attach(alice)
		Expect(err).To(MatchError(ContainSubstring("no valid IPv4 prefix: add one to Config.Prefixes")))
		_, err = with("100.64.0.0/24").AttachIPv6(alice)
		Expect(err).To(MatchError(ContainSubstring("no valid IPv6 prefix")))
		_, err = with("100.64.0.0/24").Attach(bob)
		Expect(err).To(MatchError(ContainSubstring("no subscriber")))
	})
})
