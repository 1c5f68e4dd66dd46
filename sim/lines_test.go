package sim_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/sim"
	. "github.com/phonechecksim/phonechecksim/sim/simmatch"
)

var _ = Describe("A world's lines", func() {
	var w *sim.World
	BeforeEach(func() { w = sim.RunT(GinkgoT()) })

	It("follow a number to the operator that it is ported to", func(ctx context.Context) {
		old := w.Phone(number)
		ported := w.Phone(number, sim.On("23430"))
		Expect(ported.Verify(ctx, number)).To(HaveMatched())
		Expect(old.Verify(ctx, number)).To(HaveCheckStatus("ERROR", "ip_msisdn_mismatch"), "the old SIM is nobody's")
		former, err := w.Operator(sim.DefaultOperator)
		Expect(err).NotTo(HaveOccurred())
		_, there := former.Subscriber(number)
		Expect(there).To(BeFalse())
	})

	It("end in a data centre for what runs there, which has no SIM", func(ctx context.Context) {
		alice, bot := w.Phone(number), w.Phone(number, sim.InDataCentre())
		started, err := alice.SubmitNumber(ctx, number)
		Expect(err).NotTo(HaveOccurred())
		Expect(bot.OpenCheckURL(ctx, started.CheckURL).Error).To(Equal("sdk_no_data_connectivity"))
		answer, err := bot.Call(ctx, "GET", started.CheckURL, nil, "")
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Status).To(Equal(412))
		Expect(w).To(HaveExchange("5 Device -> IDlayr GET */redirect 412 over wired"))
	})

	It("let an app call what it likes, with its own cookies", func(ctx context.Context) {
		alice := w.Phone(number)
		Expect(alice.Verify(ctx, number)).To(HaveMatched())
		answer, err := alice.Call(ctx, "GET", "/me", nil, "")
		Expect(err).NotTo(HaveOccurred())
		Expect(string(answer.Body)).To(ContainSubstring(`"verified":true`))
		answer, err = w.Phone("447700900002").Call(ctx, "GET", "/me", nil, "")
		Expect(err).NotTo(HaveOccurred())
		Expect(string(answer.Body)).To(ContainSubstring(`"verified":false`))
		for _, target := range []string{"https://nowhere.example/", "::", "nowhere"} {
			_, err = alice.Call(ctx, "GET", target, nil, "")
			Expect(err).To(HaveOccurred())
		}
	})

	It("take several changes to the platform", func(ctx context.Context) {
		w := sim.RunT(GinkgoT(),
			sim.WithPlatform(func(c *idlayrfake.Config) { c.RefuseEmptyBalance, c.Balance = true, 5 }),
			sim.WithPlatform(func(c *idlayrfake.Config) { c.Balance = 1 }))
		alice := w.Phone(number)
		Expect(alice.Verify(ctx, number)).To(HaveMatched())
		Expect(alice.Verify(ctx, number).Status).To(Equal(503))
	})

	It("survive that all access tokens are revoked", func(ctx context.Context) {
		alice := w.Phone(number)
		started, err := alice.SubmitNumber(ctx, number)
		Expect(err).NotTo(HaveOccurred())
		alice.OpenCheckURL(ctx, started.CheckURL)
		w.Platform().RevokeTokens()
		answer, err := alice.RequestResult(ctx, started.CheckID)
		Expect(err).NotTo(HaveOccurred())
		Expect(*answer.Match).To(BeTrue())
		Expect(w).To(HaveExchange("7 Server -> IDlayr GET */checks/* 401 *"))
		Expect(w.Timeline()).To(ContainSubstring("all access tokens revoked"))
	})
})
