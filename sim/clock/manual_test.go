package clock_test

import (
	"context"
	"errors"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

var start = time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC)

// log collects what ran, and when on the clock.
type log struct {
	clk   clock.Clock
	lines []string
}

func (l *log) at(name string) func() {
	return func() { l.lines = append(l.lines, name+"@"+l.clk.Now().Sub(start).String()) }
}

var _ = Describe("A manual clock", func() {
	var clk *clock.Manual
	var ran *log
	BeforeEach(func() {
		clk = clock.NewManual(start)
		ran = &log{clk: clk}
	})

	It("stands still until it is moved", func() {
		Expect(clk.Now()).To(Equal(start))
		clk.Advance(90 * time.Second)
		Expect(clk.Now()).To(Equal(start.Add(90 * time.Second)))
	})

	It("does not move backwards", func() {
		clk.Advance(-time.Hour)
		Expect(clk.Now()).To(Equal(start))
	})

	DescribeTable("runs due work in order of time, then of scheduling",
		func(delays []time.Duration, advance time.Duration, want ...string) {
			for k, d := range delays {
				clk.AfterFunc(d, ran.at(string(rune('a'+k))))
			}
			clk.Advance(advance)
			Expect(ran.lines).To(Equal(want))
			Expect(clk.Now()).To(Equal(start.Add(advance)))
		},
		Entry("by time", []time.Duration{3, 1, 2}, time.Duration(3), "b@1ns", "c@2ns", "a@3ns"),
		Entry("ties by scheduling", []time.Duration{2, 1, 2, 1, 2}, time.Duration(2), "b@1ns", "d@1ns", "a@2ns", "c@2ns", "e@2ns"),
		Entry("not what is due later", []time.Duration{2, 1}, time.Duration(1), "b@1ns"),
		Entry("what is due already, by a move of no length", []time.Duration{0, -5, 1}, time.Duration(0), "a@0s", "b@0s"),
	)

	It("runs what due work schedules within the same move, at its own time", func() {
		clk.AfterFunc(time.Second, func() {
			ran.at("outer")()
			clk.AfterFunc(time.Second, ran.at("inner"))
			clk.AfterFunc(0, ran.at("at once"))
			clk.AfterFunc(9*time.Second, ran.at("too late"))
		})
		clk.AfterFunc(time.Second, ran.at("tie"))
		clk.Advance(5 * time.Second)
		Expect(ran.lines).To(Equal([]string{"outer@1s", "tie@1s", "at once@1s", "inner@2s"}))
	})

	It("moves on from inside due work", func() {
		clk.AfterFunc(time.Second, func() {
			clk.Advance(3 * time.Second)
			ran.at("mover")()
		})
		clk.AfterFunc(2*time.Second, ran.at("between"))
		clk.Advance(2 * time.Second)
		Expect(ran.lines).To(Equal([]string{"between@2s", "mover@4s"}))
		Expect(clk.Now()).To(Equal(start.Add(4*time.Second)), "the outer move must not take the time back")
	})

	It("cancels work, and says whether it did", func() {
		var others []func() bool
		for k := range 9 {
			others = append(others, clk.AfterFunc(time.Duration(k), ran.at(string(rune('a'+k)))))
		}
		Expect(others[4]()).To(BeTrue())
		Expect(others[4]()).To(BeFalse(), "a second time")
		clk.Advance(6)
		Expect(others[2]()).To(BeFalse(), "it has run")
		Expect(others[8]()).To(BeTrue())
		clk.Advance(time.Hour)
		Expect(ran.lines).To(Equal([]string{"a@0s", "b@1ns", "c@2ns", "d@3ns", "f@5ns", "g@6ns", "h@7ns"}))
	})

	It("cancels from inside due work", func() {
		var self, next func() bool
		var selfStopped, nextStopped bool
		self = clk.AfterFunc(1, func() { selfStopped, nextStopped = self(), next() })
		next = clk.AfterFunc(1, ran.at("never"))
		clk.Advance(1)
		Expect(selfStopped).To(BeFalse())
		Expect(nextStopped).To(BeTrue())
		Expect(ran.lines).To(BeEmpty())
	})

	Describe("Sleep", func() {
		// asleep starts a sleeper and returns when its timer is set.
		asleep := func(ctx context.Context, d time.Duration) <-chan error {
			seen := &scheduling{Manual: clk, scheduled: make(chan struct{}, 1)}
			done := make(chan error, 1)
			go func() { done <- clock.SleepOn(ctx, seen, d) }()
			<-seen.scheduled
			return done
		}

		It("blocks until the clock is moved past its end", func() {
			done := asleep(context.Background(), time.Minute)
			clk.Advance(time.Minute - 1)
			Expect(done).NotTo(Receive())
			clk.Advance(1)
			Eventually(done).Should(Receive(BeNil()))
		})

		It("is the wait of Sleep", func() {
			done := make(chan error, 1)
			go func() { done <- clk.Sleep(context.Background(), time.Minute) }()
			Eventually(func() <-chan error { clk.Advance(30 * time.Second); return done }).Should(Receive(BeNil()))
			Expect(clk.Now()).NotTo(BeTemporally("<", start.Add(time.Minute)))
		})

		It("returns at once when there is nothing to wait for", func() {
			Expect(clk.Sleep(context.Background(), 0)).To(Succeed())
			Expect(clk.Sleep(context.Background(), -1)).To(Succeed())
		})

		It("returns the cause of the end of its context", func() {
			why := errors.New("the user hung up")
			ctx, cancel := context.WithCancelCause(context.Background())
			done := asleep(ctx, time.Minute)
			cancel(why)
			Eventually(done).Should(Receive(Equal(why)))
			Expect(clk.Sleep(ctx, time.Minute)).To(Equal(why), "and when it has ended already")
			Expect(clk.Now()).To(Equal(start))
		})

		It("lets the earlier of two ends decide that one move passes both of", func() {
			for range 200 {
				clk = clock.NewManual(start)
				ctx, cancel := clock.WithTimeout(context.Background(), clk, 5*time.Second)
				long := asleep(ctx, 10*time.Second)
				short := asleep(ctx, 4*time.Second)
				clk.Advance(30 * time.Second)
				Expect(<-long).To(Equal(context.DeadlineExceeded))
				Expect(<-short).To(Succeed())
				cancel()
			}
		})
	})

	It("is safe for many at once", func() {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for k := range 50 {
					stop := clk.AfterFunc(time.Duration(k), func() { clk.Now() })
					if k%2 == 0 {
						stop()
					}
					clk.Advance(1)
				}
			})
		}
		all.Wait()
		Expect(clk.Now()).To(BeTemporally("<=", start.Add(400)))
	})
})

// scheduling says when work has been scheduled.
type scheduling struct {
	*clock.Manual
	scheduled chan struct{}
}

func (s *scheduling) AfterFunc(d time.Duration, f func()) func() bool {
	defer func() { s.scheduled <- struct{}{} }()
	return s.Manual.AfterFunc(d, f)
}

var _ = Describe("A moving clock", func() {
	var clk *clock.Manual
	var ran *log
	BeforeEach(func() {
		clk = clock.NewMoving(start)
		ran = &log{clk: clk}
	})

	It("is moved by a sleep, due work first", func() {
		clk.AfterFunc(2*time.Second, ran.at("b"))
		clk.AfterFunc(time.Second, ran.at("a"))
		clk.AfterFunc(4*time.Second, ran.at("late"))
		Expect(clk.Sleep(context.Background(), 3*time.Second)).To(Succeed())
		ran.at("awake")()
		Expect(ran.lines).To(Equal([]string{"a@1s", "b@2s", "awake@3s"}))
	})

	It("stops exactly at the deadline of who sleeps", func() {
		ctx, cancel := clock.WithTimeout(context.Background(), clk, 5*time.Second)
		defer cancel()
		clk.AfterFunc(6*time.Second, ran.at("after the deadline"))
		Expect(clk.Sleep(ctx, 30*time.Second)).To(Equal(context.DeadlineExceeded))
		Expect(clk.Now()).To(Equal(start.Add(5 * time.Second)))
		Expect(ran.lines).To(BeEmpty())
	})

	It("lets a deadline win that falls on the end of the sleep", func() {
		ctx, cancel := clock.WithTimeout(context.Background(), clk, 5*time.Second)
		defer cancel()
		Expect(clk.Sleep(ctx, 5*time.Second)).To(Equal(context.DeadlineExceeded))
	})

	It("does not move for a context that has ended", func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		Expect(clk.Sleep(ctx, time.Hour)).To(Equal(context.Canceled))
		Expect(clk.Now()).To(Equal(start))
	})

	It("takes sleeps inside due work", func() {
		clk.AfterFunc(time.Second, func() {
			ran.at("in")()
			Expect(clk.Sleep(context.Background(), 4*time.Second)).To(Succeed())
			ran.at("out")()
		})
		clk.AfterFunc(2*time.Second, ran.at("between"))
		clk.AfterFunc(6*time.Second, ran.at("later"))
		Expect(clk.Sleep(context.Background(), 3*time.Second)).To(Succeed())
		Expect(ran.lines).To(Equal([]string{"in@1s", "between@2s", "out@5s"}))
		Expect(clk.Now()).To(Equal(start.Add(5 * time.Second)))
	})

	It("goes as far as the longest of many sleepers, and no further", func() {
		var all sync.WaitGroup
		began := make(chan struct{})
		for k := range 20 {
			all.Go(func() {
				<-began
				_ = clk.Sleep(context.Background(), time.Duration(k)*time.Second)
			})
		}
		close(began)
		all.Wait()
		Expect(clk.Now()).To(BeTemporally(">=", start.Add(19*time.Second)))
		Expect(clk.Now()).To(BeTemporally("<=", start.Add(190*time.Second)))
	})

	It("sees a context type of its own that ends without a cause", func() {
		ctx := dying{context.Background(), clk, start.Add(2 * time.Second)}
		clk.AfterFunc(2*time.Second, func() {})
		Expect(clk.Sleep(ctx, time.Minute)).To(Equal(context.Canceled))
		Expect(clk.Now()).To(Equal(start.Add(2 * time.Second)))
	})
})

type dying struct {
	context.Context
	clk clock.Clock
	end time.Time
}

func (d dying) Err() error {
	if d.clk.Now().Before(d.end) {
		return nil
	}
	return context.Canceled
}

var _ = Describe("WithTimeout", func() {
	var clk *clock.Manual
	BeforeEach(func() { clk = clock.NewManual(start) })

	It("ends with DeadlineExceeded at its deadline, and not before", func() {
		ctx, cancel := clock.WithTimeout(context.Background(), clk, time.Second)
		defer cancel()
		clk.Advance(time.Second - 1)
		Expect(ctx.Err()).NotTo(HaveOccurred())
		clk.Advance(1)
		Expect(ctx.Err()).To(HaveOccurred())
		Expect(context.Cause(ctx)).To(Equal(context.DeadlineExceeded))
	})

	It("ends with Canceled when cancelled, and keeps that", func() {
		ctx, cancel := clock.WithTimeout(context.Background(), clk, time.Second)
		cancel()
		clk.Advance(time.Minute)
		Expect(context.Cause(ctx)).To(Equal(context.Canceled))
	})

	It("keeps DeadlineExceeded when cancelled after that", func() {
		ctx, cancel := clock.WithTimeout(context.Background(), clk, time.Second)
		clk.Advance(time.Minute)
		cancel()
		Expect(context.Cause(ctx)).To(Equal(context.DeadlineExceeded))
	})

	It("ends with its parent's cause", func() {
		why := errors.New("no signal")
		parent, end := context.WithCancelCause(context.Background())
		ctx, cancel := clock.WithTimeout(parent, clk, time.Second)
		defer cancel()
		end(why)
		Expect(context.Cause(ctx)).To(Equal(why))
	})

	DescribeTable("has ended at once when there is no time", func(d time.Duration) {
		ctx, cancel := clock.WithTimeout(context.Background(), clk, d)
		defer cancel()
		Expect(context.Cause(ctx)).To(Equal(context.DeadlineExceeded))
	}, Entry("none", time.Duration(0)), Entry("negative", -time.Second))
})
