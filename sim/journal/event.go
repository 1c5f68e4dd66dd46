package journal

import (
	"cmp"
	"slices"
	"time"
)

// event is one line of a sequence: something began, its answer came, or an actor noted something on it.
type event struct {
	r      *Record
	answer bool
	note   string
	order  uint64
	at     time.Time
}

func (e event) step() int {
	if e.answer {
		return e.r.AnswerStep
	}
	return e.r.Step
}

// events puts beginnings and answers into the order in which they happened.
func events(records []Record) []event {
	out := make([]event, 0, 2*len(records))
	for i := range records {
		r := &records[i]
		out = append(out, event{r: r, order: r.OpenEvent, at: r.Start})
		if !r.IsNote() && !r.Open() {
			out = append(out, event{r: r, answer: true, order: r.CloseEvent, at: r.Start.Add(r.Duration)})
		}
		for n, text := range r.Notes {
			order := r.OpenEvent
			if n < len(r.NoteEvents) { // a record made by hand need not place its notes
				order = r.NoteEvents[n]
			}
			out = append(out, event{r: r, note: text, order: order})
		}
	}
	slices.SortStableFunc(out, func(a, b event) int { return cmp.Compare(a.order, b.order) })
	return out
}

// origin is the time that the diagrams count from.
func origin(records []Record) time.Time {
	if len(records) == 0 {
		return time.Time{}
	}
	first := records[0].Start
	for i := range records {
		if records[i].Start.Before(first) {
			first = records[i].Start
		}
	}
	return first
}

// stableSort sorts by rank and keeps the order of equals.
func stableSort(lanes []string, rank func(string) int) {
	slices.SortStableFunc(lanes, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
}
