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

var _ = Describe("A caller who gives up", func() {
	// run lets a device with 5 s of patience ask a server that asks a platform that takes 30 s, and says what was seen.
	// Before that the connections are used, or not: a transport treats the two differently.
	run := func(warm bool, own func(context.Context, clock.Clock) (context.Context, context.CancelFunc)) string {
		n := moving()
		dev := n.device()
		srv := n.Interface(vnet.InterfaceConfig{Owner: "Server"})
		done := make(chan time.Duration, 2)
		n.Handle("idlayr.test", "IDlayr", answers("late"))
		n.Handle("app.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := own(r.Context(), n.clk)
			defer cancel()
			_, _, err := get(ctx, srv, "GET", "https://idlayr.test/", nil)
			done <- n.clk.Now().Sub(start)
			if err != nil {
				http.Error(w, "bad gateway", http.StatusBadGateway)
			}
		}))
		if warm {
			mustGet(dev, "https://app.test/")
			<-done
		}
		_, err := n.AddFault(vnet.Fault{Host: "idlayr.test", Delay: 30 * time.Second})
		Expect(err).NotTo(HaveOccurred())
		ctx, cancel := clock.WithTimeout(context.Background(), n.clk, 5*time.Second)
		defer cancel()
		_, _, err = get(ctx, dev, "GET", "https://app.test/", nil)
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(err).To(MatchError(`Get "https://app.test/": context deadline exceeded`))
		Expect(n.Settle(context.Background())).To(Succeed())
		Expect(<-done).To(Equal(5 * time.Second))
		Expect(n.Close()).To(Succeed())
		Expect(n.clk.Now()).To(Equal(start.Add(5 * time.Second)))
		return n.tap.text()
	}
	patient := func(ctx context.Context, clk clock.Clock) (context.Context, context.CancelFunc) {
		return clock.WithTimeout(ctx, clk, 10*time.Second)
	}
	endless := func(ctx context.Context, _ clock.Clock) (context.Context, context.CancelFunc) { return ctx, func() {} }

	DescribeTable("takes along what was asked on its behalf, at once and always the same way",
		func(warm bool, own func(context.Context, clock.Clock) (context.Context, context.CancelFunc), want string) {
			for range 150 {
				Expect(run(warm, own)).To(Equal(want))
			}
		},
		Entry("with a deadline of its own", false, patient,
			`1<0 0s GET https://app.test/ from Device alice: closed true after 5s status 0 "" err "no answer before the caller's deadline"
2<1 0s GET https://idlayr.test/ from Server: closed true after 5s status 0 "" err "the caller gave up before the answer"
`),
		Entry("without", false, endless,
			`1<0 0s GET https://app.test/ from Device alice: closed true after 5s status 0 "" err "no answer before the caller's deadline"
2<1 0s GET https://idlayr.test/ from Server: closed true after 5s status 0 "" err "the caller gave up before the answer"
`),
		Entry("on connections in use", true, patient,
			`1<0 0s GET https://app.test/ from Device alice: closed true after 0s status 200 "" err ""
2<1 0s GET https://idlayr.test/ from Server: closed true after 0s status 200 "late" err ""
3<0 0s GET https://app.test/ from Device alice: closed true after 5s status 0 "" err "no answer before the caller's deadline"
4<3 0s GET https://idlayr.test/ from Server: closed true after 5s status 0 "" err "the caller gave up before the answer"
`),
	)

	It("goes through several hops", func() {
		for range 30 {
			n := moving()
			i := n.Interface(vnet.InterfaceConfig{Owner: "Everyone"})
			n.Handle("c.test", "C", answers("late"))
			for from, to := range map[string]string{"a.test": "https://b.test/", "b.test": "https://c.test/"} {
				n.Handle(from, from, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					_, _, err := get(r.Context(), i, "GET", to, nil)
					Expect(err).To(MatchError(context.Canceled))
				}))
			}
			_, err := n.AddFault(vnet.Fault{Host: "c.test", Delay: time.Minute})
			Expect(err).NotTo(HaveOccurred())
			ctx, cancel := clock.WithTimeout(context.Background(), n.clk, 5*time.Second)
			_, _, err = get(ctx, i, "GET", "https://a.test/", nil)
			Expect(err).To(MatchError(context.DeadlineExceeded))
			cancel()
			Expect(n.Settle(context.Background())).To(Succeed())
			Expect(n.clk.Now()).To(Equal(start.Add(5 * time.Second)))
			Expect(n.tap.all()).To(HaveLen(3))
		}
	})

	It("leaves alone what goes on without it", func() {
		n := moving()
		dev := n.device()
		srv := n.Interface(vnet.InterfaceConfig{Owner: "Server", Latency: 30 * time.Second})
		result := make(chan error, 1)
		goOn := make(chan struct{})
		n.Handle("idlayr.test", "IDlayr", answers("late"))
		n.Handle("app.test", "Server", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ctx := context.WithoutCancel(r.Context())
			go func() {
				<-goOn
				_, _, err := get(ctx, srv, "GET", "https://idlayr.test/", nil)
				result <- err
			}()
		}))
		ctx, cancel := context.WithCancel(context.Background())
		_, _, err := get(ctx, dev, "GET", "https://app.test/", nil)
		Expect(err).NotTo(HaveOccurred())
		cancel()
		close(goOn)
		Eventually(result).Should(Receive(BeNil()))
		Expect(n.clk.Now()).To(Equal(start.Add(30 * time.Second)))
	})

	It("ends at that time for the record, whatever the host still does", func() {
		n := moving()
		n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = n.clk.Sleep(context.WithoutCancel(r.Context()), time.Minute)
			w.WriteHeader(http.StatusCreated)
		}))
		ctx, cancel := clock.WithTimeout(context.Background(), n.clk, 5*time.Second)
		defer cancel()
		_, _, err := get(ctx, n.device(), "POST", "https://a.test/", nil)
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(n.Settle(context.Background())).To(Succeed())
		Expect(n.outcome().Status).To(BeZero())
		Expect(n.outcome().Err).To(Equal("no answer before the caller's deadline"))
	})

	It("just when the request arrives is known for it", func() {
		n := moving()
		n.Handle("a.test", "Server", answers("hello"))
		c := dial(n.device(), "a.test:80")
		n.tap.onOpened = func() { c.Close() }
		send(c, ask)
		Eventually(n.tap.closings).Should(Equal(1))
		Expect(n.outcome().Err).To(Equal("the caller closed the connection before the answer"))
		Expect(n.outcome().Status).To(BeZero())
	})

	It("before it asks asks nothing", func() {
		n := moving()
		n.Handle("a.test", "Server", answers("hello"))
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, _, err := get(ctx, n.device(), "GET", "https://a.test/", nil)
		Expect(err).To(MatchError(context.Canceled))
		Expect(n.tap.all()).To(BeEmpty())
	})
})
