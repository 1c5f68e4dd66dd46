package device_test

import (
	"context"
	"net"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/device"
)

var _ = Describe("paths that change", func() {
	const check, hop = "https://eu.api.idlayr.com", "http://sna.o2.example"
	two := func() *network {
		return &network{hosts: map[string]http.HandlerFunc{
			check: redirect(302, hop+"/start"),
			hop:   answer(200, "application/json", `{"status":"ok"}`),
		}}
	}
	phone := func(cellular, wifi device.Bearer, opts ...device.Option) *device.Phone {
		return device.New("alice", append(opts, device.WithSIM(device.SIM{MSISDN: aliceNumber, Bearer: cellular}), device.WithWiFi(wifi),
			device.WithRandom(counting()))...)
	}

	It("change between two hops", func(ctx context.Context) {
		cellular, wifi := two(), two()
		p := phone(cellular, wifi, device.WithSDK(device.Browser{}))
		p.After(1, func() { p.SetWiFi(true) })
		Expect(p.OpenCheckURL(ctx, check+"/redirect").HTTPStatus).To(Equal(200))
		Expect(cellular.urls()).To(Equal([]string{check + "/redirect"}))
		Expect(wifi.urls()).To(Equal([]string{hop + "/start"}))
	})

	It("change under an SDK that opens its connections itself", func(ctx context.Context) {
		served := func(address, _ string) []string {
			if address == "eu.api.idlayr.com:443" {
				return []string{"HTTP/1.1 302 Found\r\nLocation: " + hop + "/start\r\nContent-Length: 0\r\n\r\n"}
			}
			return []string{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"}
		}
		first, second := &line{answer: served}, &line{answer: served}
		p := phone(first, nil, device.WithSDK(device.IOS{}))
		p.After(1, func() { Expect(p.SetBearer(0, second)).To(Succeed()) })
		Expect(p.OpenCheckURL(ctx, check+"/redirect").HTTPStatus).To(Equal(200))
		Expect(first.addresses()).To(Equal([]string{"eu.api.idlayr.com:443"}))
		Expect(second.addresses()).To(Equal([]string{"sna.o2.example:80"}))
	})

	It("count failures, do each thing once, and in the order of their asking", func(ctx context.Context) {
		p := phone(&network{}, nil)
		var done []string
		p.After(2, func() { done = append(done, "second") })
		p.After(1, func() { done = append(done, "first") })
		p.After(2, func() { done = append(done, "third") })
		p.After(0, func() { done = append(done, "now") })
		for range 4 {
			Expect(p.OpenCheckURL(ctx, check).Error).To(Equal(device.CodeConnectionError))
		}
		Expect(done).To(Equal([]string{"now", "first", "second", "third"}))
		b, err := p.Cellular()
		Expect(err).NotTo(HaveOccurred())
		Expect(b).To(BeAssignableToTypeOf(&network{}), "nothing stands in the way any more")
	})

	It("count a connection that was refused", func() {
		p := phone(&line{dial: func(context.Context) error { return net.ErrClosed }}, nil)
		happened := false
		p.After(1, func() { happened = true })
		b, err := p.Cellular()
		Expect(err).NotTo(HaveOccurred())
		_, err = b.DialContext(context.Background(), "tcp", "sna.o2.example:80")
		Expect(err).To(MatchError(net.ErrClosed))
		Expect(happened).To(BeTrue())
	})

	It("end with the radio coverage, whatever WiFi there is", func() {
		p := phone(&network{}, &network{})
		p.SetWiFi(true)
		p.SetSignal(false)
		_, err := p.Cellular()
		Expect(err).To(MatchError("device: alice: no route: there is no radio coverage"))
		Expect(p.DefaultRoute()).NotTo(BeNil())
		p.SetSignal(true)
		Expect(p.Cellular()).NotTo(BeNil())
	})

	It("lead to another network", func() {
		other := &network{}
		p := phone(&network{}, nil)
		Expect(p.SetBearer(1, other)).To(MatchError(ContainSubstring("no SIM in slot 1")))
		Expect(p.SetBearer(0, nil)).To(Succeed())
		_, err := p.Cellular()
		Expect(err).To(MatchError(device.ErrNoRoute))
		p.SetWiFiNetwork(other)
		Expect(p.WiFi()).To(BeIdenticalTo(other))
	})
})

var _ = Describe("a browser in HTTPS-only mode", func() {
	It("asks for every http URL as https", func(ctx context.Context) {
		n := &network{hosts: map[string]http.HandlerFunc{
			"https://eu.api.idlayr.com": redirect(302, "http://sna.o2.example/start?a=b"),
			"https://sna.o2.example":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) },
		}}
		p := device.New("alice", device.WithSIM(device.SIM{Bearer: n}), device.WithSDK(device.Browser{HTTPSOnly: true}))
		Expect(p.OpenCheckURL(ctx, "http://eu.api.idlayr.com/redirect").HTTPStatus).To(Equal(200))
		Expect(n.urls()).To(Equal([]string{"https://eu.api.idlayr.com/redirect", "https://sna.o2.example/start?a=b"}))
	})
})
