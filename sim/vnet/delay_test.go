package vnet_test

import (
	"context"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var _ = Describe("A host that takes its time", func() {
	It("lets the caller wait, on the network's clock, for that answer alone", func(ctx context.Context) {
		clk := clock.NewMoving(time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC))
		n := vnet.New(vnet.Config{Clock: clk})
		DeferCleanup(n.Close)
		n.Handle("slow.example", "Slow", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				vnet.Delay(r.Context(), time.Second)
				vnet.Delay(r.Context(), 2*time.Second)
			}
			vnet.Delay(r.Context(), -time.Second)
		}))
		i := n.Interface(vnet.InterfaceConfig{Owner: "Device alice", Kind: vnet.WiFi})
		for path, takes := range map[string]time.Duration{"/slow": 3 * time.Second, "/quick": 0} {
			before := clk.Now()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://slow.example"+path, nil)
			Expect(err).NotTo(HaveOccurred())
			res, err := i.RoundTrip(req)
			Expect(err).NotTo(HaveOccurred())
			Expect(res.Body.Close()).To(Succeed())
			Expect(clk.Now().Sub(before)).To(Equal(takes), path)
		}
	})
	It("is no host at all without a request", func(ctx context.Context) {
		vnet.Delay(ctx, time.Second) // does nothing
	})
})
