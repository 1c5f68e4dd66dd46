package clock_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

func TestRealKeepsMachineTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk, began := clock.NewReal(), time.Now()
		if err := clk.Sleep(context.Background(), 3*time.Second); err != nil {
			t.Fatal(err)
		}
		if slept := time.Since(began); slept != 3*time.Second || !clk.Now().Equal(time.Now()) {
			t.Fatalf("slept %v, clock %v", slept, clk.Now())
		}
	})
}

func TestRealZeroValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clk clock.Real
		var ran atomic.Int32
		clk.AfterFunc(time.Second, func() { ran.Add(1) })
		clk.Advance(time.Second)
		if ran.Load() != 1 {
			t.Fatal("due work did not run")
		}
	})
}

func TestRealAdvanceRunsDueWorkInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := clock.NewReal()
		var mu sync.Mutex
		var ran []string
		add := func(name string) func() {
			return func() {
				mu.Lock()
				defer mu.Unlock()
				ran = append(ran, name)
			}
		}
		clk.AfterFunc(3*time.Second, add("c"))
		clk.AfterFunc(time.Second, func() { add("a")(); clk.AfterFunc(-time.Second, add("scheduled by a")) })
		clk.AfterFunc(2*time.Second, add("b"))
		clk.AfterFunc(2*time.Second, add("b2"))
		clk.AfterFunc(10*time.Second, add("later"))
		stop := clk.AfterFunc(10*time.Second, add("stopped"))

		clk.Advance(4 * time.Second)
		synctest.Wait()
		// What a schedules is due a second before the end of the jump: with c, and after it as it was scheduled later.
		if want := []string{"a", "b", "b2", "c", "scheduled by a"}; !slices.Equal(ran, want) {
			t.Fatalf("ran %v, want %v", ran, want)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(ran) != 5 {
			t.Fatalf("ran %v: the machine's own timers fired again, or the rest too early", ran)
		}
		if !stop() || stop() {
			t.Fatal("stop must succeed once")
		}
		time.Sleep(time.Second) // 4 s skipped, 6 s waited
		synctest.Wait()
		if want := "later"; len(ran) != 6 || ran[5] != want {
			t.Fatalf("ran %v, want %q at the end: the rest must come as much earlier as was skipped", ran, want)
		}
	})
}

func TestRealSleepEndsByAdvance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk, began := clock.NewReal(), time.Now()
		done := make(chan error, 1)
		go func() { done <- clk.Sleep(context.Background(), time.Hour) }()
		synctest.Wait()
		clk.Advance(59 * time.Minute)
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("woke too early")
		default:
		}
		if err := <-done; err != nil || time.Since(began) != time.Minute {
			t.Fatalf("err %v after %v, want the minute that was left", err, time.Since(began))
		}
	})
}

func TestRealTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk, began := clock.NewReal(), time.Now()
		ctx, cancel := clock.WithTimeout(context.Background(), clk, 5*time.Second)
		defer cancel()
		if err := clk.Sleep(ctx, 30*time.Second); err != context.DeadlineExceeded || time.Since(began) != 5*time.Second {
			t.Fatalf("err %v after %v", err, time.Since(began))
		}
	})
}

// Every piece of work runs once, or is stopped, whoever gets to it first: its own timer, a jump, or stop.
func TestRealRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := clock.NewReal()
		const jobs = 400
		var ran, stopped [jobs]atomic.Int32
		var all sync.WaitGroup
		for k := range jobs {
			stop := clk.AfterFunc(time.Duration(k%7)*time.Millisecond, func() { ran[k].Add(1) })
			all.Go(func() {
				time.Sleep(time.Duration(k%5) * time.Millisecond)
				switch k % 3 {
				case 0:
					clk.Advance(time.Millisecond)
				case 1:
					if stop() {
						stopped[k].Add(1)
					}
				}
			})
		}
		all.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		for k := range jobs {
			if n := ran[k].Load() + stopped[k].Load(); n != 1 {
				t.Errorf("job %d: ran %d times, stopped %d times", k, ran[k].Load(), stopped[k].Load())
			}
		}
	})
}
