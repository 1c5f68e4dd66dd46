package device_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/device"
)

var _ = Describe("routes", func() {
	simA, simB, wifi := &network{}, &network{}, &network{}
	dual := []device.Option{
		device.WithSIM(device.SIM{MSISDN: aliceNumber, NetworkID: "23410", Bearer: simA}),
		device.WithSIM(device.SIM{MSISDN: bobNumber, NetworkID: "23415", Bearer: simB}),
		device.WithWiFi(wifi),
	}

	DescribeTable("follow the settings",
		func(opts []device.Option, change func(p *device.Phone), defaultRoute, cellular any) {
			p := device.New("alice", opts...)
			if change != nil {
				change(p)
			}
			for want, got := range map[*any]func() (device.Bearer, error){&defaultRoute: p.DefaultRoute, &cellular: p.Cellular} {
				b, err := got()
				if why, bad := (*want).(string); bad {
					Expect(err).To(MatchError(device.ErrNoRoute))
					Expect(err).To(MatchError("device: alice: no route: " + why))
					Expect(b).To(BeNil())
				} else {
					Expect(err).NotTo(HaveOccurred())
					Expect(b).To(BeIdenticalTo(*want))
				}
			}
		},
		Entry("as new: mobile data", dual, nil, simA, simA),
		Entry("WiFi on", dual, func(p *device.Phone) { p.SetWiFi(true) }, wifi, simA),
		Entry("WiFi on and off", dual, func(p *device.Phone) { p.SetWiFi(true); p.SetWiFi(false) }, simA, simA),
		Entry("WiFi on without a network", dual[:2], func(p *device.Phone) { p.SetWiFi(true) }, simA, simA),
		Entry("data on the other SIM", dual, func(p *device.Phone) { Expect(p.SetDataSIM(1)).To(Succeed()) }, simB, simB),
		Entry("mobile data off", dual, func(p *device.Phone) { p.SetMobileData(false) }, "mobile data is off", "mobile data is off"),
		Entry("mobile data off, WiFi on", dual, func(p *device.Phone) { p.SetMobileData(false); p.SetWiFi(true) }, wifi, "mobile data is off"),
		Entry("airplane mode", dual, func(p *device.Phone) { p.SetWiFi(true); p.SetAirplaneMode(true) }, "airplane mode is on", "airplane mode is on"),
		Entry("airplane mode with WiFi", dual, func(p *device.Phone) { p.SetAirplaneMode(true); p.SetWiFi(true) }, wifi, "airplane mode is on"),
		Entry("after airplane mode", dual, func(p *device.Phone) { p.SetAirplaneMode(true); p.SetAirplaneMode(false) }, simA, simA),
		Entry("no SIM", nil, nil, "it has no SIM", "it has no SIM"),
		Entry("no SIM, WiFi on", dual[2:], func(p *device.Phone) { p.SetWiFi(true) }, wifi, "it has no SIM"),
		Entry("SIM without data", []device.Option{device.WithSIM(device.SIM{MSISDN: aliceNumber})}, nil,
			"the data SIM has no data session", "the data SIM has no data session"),
	)

	It("know the data SIM's number", func() {
		p := device.New("alice", dual...)
		Expect(p.Name()).To(Equal("alice"))
		for slot, number := range []string{aliceNumber, bobNumber} {
			Expect(p.SetDataSIM(slot)).To(Succeed())
			sim, ok := p.DataSIM()
			Expect(ok).To(BeTrue())
			Expect(sim.MSISDN).To(Equal(number))
		}
		_, ok := device.New("tablet").DataSIM()
		Expect(ok).To(BeFalse())
	})

	It("name the SDK profiles", func() {
		Expect(device.Generic{}).To(HaveField("String()", "generic"))
		Expect(device.Browser{}).To(HaveField("String()", "browser"))
	})

	It("refuse an empty slot and keep the one there was", func() {
		p := device.New("alice", dual...)
		Expect(p.SetDataSIM(1)).To(Succeed())
		for _, slot := range []int{-1, 2} {
			Expect(p.SetDataSIM(slot)).To(MatchError(ContainSubstring("it has 2 SIM(s), slots count from 0")))
		}
		Expect(p.Cellular()).To(BeIdenticalTo(simB))
	})
})
