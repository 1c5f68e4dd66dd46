package clock_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

// job is one piece of work in the reference.
type job struct {
	at   int
	id   int
	gone bool
}

// Random schedules, cancellations and moves run as a sorted list says.
func TestManualLikeSortedList(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		clk := clock.NewManual(start)
		var jobs []*job
		var stops []func() bool
		var got, want []int
		now := 0
		for range 60 {
			switch r.IntN(4) {
			case 0, 1:
				j := &job{at: now + r.IntN(12), id: len(jobs)}
				jobs = append(jobs, j)
				stops = append(stops, clk.AfterFunc(time.Duration(j.at-now), func() {
					if int(clk.Now().Sub(start)) != j.at {
						t.Fatalf("seed %d: job %d for %d ran at %v", seed, j.id, j.at, clk.Now().Sub(start))
					}
					got = append(got, j.id)
				}))
			case 2:
				if len(jobs) > 0 {
					k := r.IntN(len(jobs))
					if stopped := stops[k](); stopped == jobs[k].gone {
						t.Fatalf("seed %d: stop(%d) = %v, gone = %v", seed, k, stopped, jobs[k].gone)
					}
					jobs[k].gone = true
				}
			case 3:
				now += r.IntN(8)
				var due []*job
				for _, j := range jobs {
					if !j.gone && j.at <= now {
						due = append(due, j)
					}
				}
				slices.SortStableFunc(due, func(a, b *job) int { return a.at - b.at })
				for _, j := range due {
					want = append(want, j.id)
					j.gone = true
				}
				clk.Advance(time.Duration(now) - clk.Now().Sub(start))
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d: ran %v, want %v", seed, got, want)
				}
			}
		}
	}
}
