package clock

import (
	"container/heap"
	"time"
)

// timer is one piece of scheduled work.
type timer struct {
	when  time.Time
	seq   uint64 // breaks ties: first scheduled, first run
	f     func()
	index int         // its place in the queue, -1 when it left it
	wake  *time.Timer // Real only
}

// timers is a queue of timers, the earliest first.
type timers struct {
	queue []*timer
	seq   uint64
}

func (q *timers) add(when time.Time, f func()) *timer {
	q.seq++
	t := &timer{when: when, seq: q.seq, f: f}
	heap.Push(q, t)
	return t
}

// remove takes t out and reports whether it was still in.
func (q *timers) remove(t *timer) bool {
	if t.index < 0 {
		return false
	}
	heap.Remove(q, t.index)
	return true
}

// due takes out and returns the earliest timer that is due at the given time, or nil.
func (q *timers) due(at time.Time) *timer {
	if len(q.queue) == 0 || q.queue[0].when.After(at) {
		return nil
	}
	return heap.Pop(q).(*timer)
}

func (q *timers) Len() int { return len(q.queue) }

func (q *timers) Less(i, j int) bool {
	a, b := q.queue[i], q.queue[j]
	if a.when.Equal(b.when) {
		return a.seq < b.seq
	}
	return a.when.Before(b.when)
}

func (q *timers) Swap(i, j int) {
	q.queue[i], q.queue[j] = q.queue[j], q.queue[i]
	q.queue[i].index, q.queue[j].index = i, j
}

func (q *timers) Push(x any) {
	t := x.(*timer)
	t.index = len(q.queue)
	q.queue = append(q.queue, t)
}

func (q *timers) Pop() any {
	last := len(q.queue) - 1
	t := q.queue[last]
	q.queue[last] = nil
	q.queue = q.queue[:last]
	t.index = -1
	return t
}
