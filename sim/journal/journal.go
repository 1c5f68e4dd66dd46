// Package journal keeps what crossed the virtual internet: every exchange once, with its step in the guide's flow and
// the lanes that it runs between, and renders it as a terminal sequence, as a Mermaid diagram and as JSON.
//
// A [Journal] is a [vnet.Tap]. It is bounded: a ring that forgets the oldest record first. Records are complete, secrets
// included, because tests compare them; every rendering goes through [Redact].
package journal

import (
	"slices"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// DefaultCapacity is how many records a journal keeps when its [Config] does not say.
const DefaultCapacity = 1000

// Config says how a journal keeps and sorts what it sees. The zero value is useful.
type Config struct {
	// Capacity is how many records are kept; DefaultCapacity when zero or less.
	Capacity int
	// Lane maps an owner such as "Device alice" or "MNO O2 UK" to the lane it is drawn in; DefaultLane when nil.
	// It is called without any lock held and must be safe for concurrent use.
	Lane func(owner string) string
	// Step tells the guide's step, 1 to 8, that an exchange belongs to, or 0; DefaultStep when nil. The parent is the
	// record of the exchange during which this one was made, nil when there is none or it is no longer kept.
	// It is called without any lock held and must be safe for concurrent use.
	Step func(x *vnet.Exchange, parent *Record) int
}

// Journal is a bounded memory of exchanges. It is safe for concurrent use.
type Journal struct {
	capacity int
	lane     func(string) string
	step     func(*vnet.Exchange, *Record) int

	mu       sync.Mutex
	ring     []*entry // grows to capacity, then wraps around at head
	head     int      // the oldest entry once the ring is full
	byID     map[uint64]*entry
	seq      int
	event    uint64
	evicted  int
	watchers []*watcher // replaced whole
}

// entry is one place in the ring: an exchange, or a note on a lane.
type entry struct {
	seq       int
	parentSeq int
	step      int
	from, to  string
	opened    uint64
	closed    uint64
	x         *vnet.Exchange // nil for a note
	notes     []note         // on x
	text      string
	at        time.Time
}

// note is something that an actor noted on an exchange.
type note struct {
	event uint64
	text  string
}

// New returns an empty journal.
func New(c Config) *Journal {
	j := &Journal{capacity: c.Capacity, lane: c.Lane, step: c.Step, byID: map[uint64]*entry{}}
	if j.capacity <= 0 {
		j.capacity = DefaultCapacity
	}
	if j.lane == nil {
		j.lane = DefaultLane
	}
	if j.step == nil {
		j.step = DefaultStep
	}
	return j
}

// Opened implements [vnet.Tap].
func (j *Journal) Opened(x *vnet.Exchange) {
	// The classifiers are somebody else's code, so they run before the lock is taken.
	parent := j.parent(x)
	e := &entry{from: j.lane(x.From.Owner), to: j.lane(x.Owner), x: x, at: x.Start}
	if e.step = j.step(x, parent); e.step < 0 || e.step > 8 {
		e.step = 0
	}
	if parent != nil {
		e.parentSeq = parent.Seq
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.add(e)
	j.byID[x.ID] = e
}

// Noted implements [vnet.Tap].
func (j *Journal) Noted(x *vnet.Exchange, text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e := j.byID[x.ID]; e != nil && e.x == x {
		j.event++
		e.notes = append(e.notes, note{j.event, text})
	}
}

// Closed implements [vnet.Tap]. An exchange that is no longer kept is ignored.
func (j *Journal) Closed(x *vnet.Exchange) {
	j.mu.Lock()
	e := j.byID[x.ID]
	if e == nil || e.x != x || e.closed != 0 {
		j.mu.Unlock()
		return
	}
	j.event++
	e.closed = j.event
	j.unlockAndTell(e)
}

// Watch has f called with each record when it has ended: an exchange when its outcome is known, a note at once. f runs on
// the goroutine on which that happens, without any lock held, so it must be quick and may be called several times at
// once. The returned function ends the watch; a call under way may still be running then.
func (j *Journal) Watch(f func(Record)) (stop func()) {
	w := &watcher{f}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.watchers = append(slices.Clone(j.watchers), w)
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		if i := slices.Index(j.watchers, w); i >= 0 {
			j.watchers = slices.Delete(slices.Clone(j.watchers), i, i+1)
		}
	}
}

type watcher struct{ f func(Record) }

// unlockAndTell releases the lock and tells the watchers that e has ended.
func (j *Journal) unlockAndTell(e *entry) {
	watchers := j.watchers // replaced whole
	if len(watchers) == 0 {
		j.mu.Unlock()
		return
	}
	r := e.record()
	j.mu.Unlock()
	for _, w := range watchers {
		w.f(r)
	}
}

// Note adds a record without an exchange: something that happened inside one lane, such as the user typing a number.
// The step is 1 to 8, or 0 when it belongs to none.
func (j *Journal) Note(lane, text string, at time.Time, step int) {
	if step < 0 || step > 8 {
		step = 0
	}
	j.mu.Lock()
	e := &entry{from: lane, to: lane, step: step, text: text, at: at}
	j.add(e)
	e.closed = e.opened
	j.unlockAndTell(e)
}

// Records returns everything that is kept, oldest first, as it is at this moment.
func (j *Journal) Records() []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]Record, 0, len(j.ring))
	for i := range j.ring {
		out = append(out, j.ring[(j.head+i)%len(j.ring)].record())
	}
	return out
}

// Len returns how many records are kept.
func (j *Journal) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.ring)
}

// Evicted returns how many records were forgotten to make room since the last reset.
func (j *Journal) Evicted() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.evicted
}

// Reset forgets everything; the next record has sequence number 1. Exchanges that are open now leave no trace.
func (j *Journal) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	clear(j.ring)
	j.ring, j.head = j.ring[:0], 0
	clear(j.byID)
	j.seq, j.event, j.evicted = 0, 0, 0
}

// parent returns the record of the exchange during which x was made.
func (j *Journal) parent(x *vnet.Exchange) *Record {
	if x.Parent == 0 {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.byID[x.Parent]
	if e == nil {
		return nil
	}
	r := e.record()
	return &r
}

// add numbers e and puts it into the ring, with the lock held.
func (j *Journal) add(e *entry) {
	j.seq++
	j.event++
	e.seq, e.opened = j.seq, j.event
	if len(j.ring) < j.capacity {
		j.ring = append(j.ring, e)
		return
	}
	if old := j.ring[j.head]; old.x != nil && j.byID[old.x.ID] == old {
		delete(j.byID, old.x.ID)
	}
	j.ring[j.head] = e
	j.head = (j.head + 1) % j.capacity
	j.evicted++
}
