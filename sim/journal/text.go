package journal

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// TextOptions says how [Text] draws. The zero value is useful.
type TextOptions struct {
	Color       bool // colours by ANSI escape sequences
	Width       int  // columns; 100 when zero, and never fewer than 60
	MaskNumbers bool // show of phone numbers the country code and the last two digits only
}

const (
	defaultWidth = 100
	minimalWidth = 60
	leftMargin   = 5  // the step
	rightMargin  = 9  // the time
	laneGap      = 34 // wider ones are harder to follow with the eye
	maxLanes     = 6
)

// Text draws the records as a sequence diagram for a terminal: a lifeline per lane, requests as solid arrows, answers
// as dashed ones, in the order in which they happened, with the guide's step at the left and the virtual time since the
// first record at the right. No line is wider than the options say. It returns the error of w.
func Text(w io.Writer, records []Record, o TextOptions) error {
	if len(records) == 0 {
		_, err := io.WriteString(w, "nothing has crossed the network yet\n")
		return err
	}
	d := newDiagram(records, o)
	d.heads()
	for _, e := range events(records) {
		d.event(e)
	}
	d.lifelines()
	return flush(w, d.rows, o.Color)
}

// diagram is a terminal sequence diagram being drawn, top down.
type diagram struct {
	o     TextOptions
	zero  time.Time
	lanes []string
	title map[string]string
	x     []int // column of each lifeline
	end   int   // first column right of the lanes
	times int   // first column right of the times
	rows  []line
	step  int // the step last written
}

func newDiagram(records []Record, o TextOptions) *diagram {
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	o.Width = max(o.Width, minimalWidth)
	d := &diagram{o: o, zero: origin(records), step: -1}
	d.lanes, d.title = heads(records)
	if len(d.lanes) > maxLanes {
		d.lanes = append(d.lanes[:maxLanes-1:maxLanes-1], "others")
		d.title["others"] = "others"
	}
	d.end = o.Width - rightMargin
	first, span := leftMargin, 0
	if n := len(d.lanes); n > 1 {
		span = min((d.end-1-first)/(n-1), laneGap)
	}
	for i := range d.lanes {
		d.x = append(d.x, first+i*span)
	}
	if len(d.lanes) > 1 {
		d.end = d.x[len(d.x)-1] + 2
	}
	d.times = min(d.end+rightMargin, o.Width)
	return d
}

// lane returns the place of a lane; those that found no room of their own share the last.
func (d *diagram) lane(name string) int {
	for i, l := range d.lanes {
		if l == name {
			return i
		}
	}
	return len(d.lanes) - 1
}

// row adds a row with the lifelines on it.
func (d *diagram) row() line {
	l := newLine(d.o.Width)
	for _, x := range d.x {
		l.set(x, '│', dim)
	}
	d.rows = append(d.rows, l)
	return l
}

func (d *diagram) lifelines() { d.row() }

// heads writes the lanes' names above their lifelines.
func (d *diagram) heads() {
	l := newLine(d.o.Width)
	room := d.end - d.x[0]
	if len(d.x) > 1 {
		room = d.x[1] - d.x[0] - 2
	}
	for i, x := range d.x {
		name := fit(clean(d.title[d.lanes[i]]), room)
		n := textWidth(name)
		at := min(max(x-n/2, leftMargin-1), max(d.end-n, leftMargin-1))
		l.write(at, d.o.Width, name, bold)
	}
	d.rows = append(d.rows, l)
}

func (d *diagram) event(e event) {
	if e.note != "" {
		d.note(e.r, e.note)
		return
	}
	if e.step() != d.step {
		d.lifelines() // a free line between steps
	}
	switch {
	case e.r.IsNote():
		d.remark(e)
	case e.answer:
		d.answer(e)
	default:
		d.request(e)
	}
}

// remark draws something that happened inside one lane.
func (d *diagram) remark(e event) {
	l := d.row()
	d.margins(l, e)
	d.beside(l, d.x[d.lane(e.r.From)], d.times-rightMargin, clean(Redact(e.r.Text, d.o.MaskNumbers)), plainStyle)
}

func (d *diagram) request(e event) {
	l := d.row()
	d.margins(l, e)
	from, to := d.x[d.lane(e.r.From)], d.x[d.lane(e.r.To)]
	room := d.arrow(l, from, to, '─', '▶', '◀', plainStyle)
	d.label(l, from, to, firstThatFits(requestLabels(e.r, d.o.MaskNumbers), room), plainStyle)

	for _, n := range circumstances(e.r, d.title) {
		d.note(e.r, n)
	}
}

// note writes under the arrows what an actor noted on an exchange.
func (d *diagram) note(r *Record, text string) {
	at := min(d.x[d.lane(r.From)], d.x[d.lane(r.To)])
	d.beside(d.row(), at, d.times, "· "+clean(Redact(text, d.o.MaskNumbers)), dim)
}

func (d *diagram) answer(e event) {
	l := d.row()
	d.margins(l, e)
	from, to := d.x[d.lane(e.r.To)], d.x[d.lane(e.r.From)]
	s, right, left := plainStyle, '▶', '◀'
	switch {
	case e.r.Err != "":
		s, right, left = red, '✕', '✕'
	case e.r.Status >= 400:
		s = red
	case e.r.Status >= 300:
		s = cyan
	case e.r.Status >= 200:
		s = green
	}
	d.arrow(l, from, to, '╌', right, left, s)
	room := max(from, to) - min(from, to) - 1 - noDash
	d.label(l, from, to, firstThatFits(answerLabels(e.r, d.o.MaskNumbers), room), s)
}

// firstThatFits returns the first label of so many columns, or else the last.
func firstThatFits(labels []string, room int) string {
	for _, s := range labels {
		if s = clean(s); textWidth(s) <= room {
			return s
		}
	}
	return clean(labels[len(labels)-1])
}

// arrow draws from one lifeline to another and returns the columns that are left for a label. Lifelines that it passes
// stay visible as crossings.
func (d *diagram) arrow(l line, from, to int, dash, right, left rune, s style) (room int) {
	if from == to { // to itself
		l.set(from, '├', dim)
		l.set(from+1, dash, s)
		l.set(from+2, right, s)
		return d.end - from - 4
	}
	a, b := min(from, to), max(from, to)
	for x := a + 1; x < b; x++ {
		if l[x].r == '│' {
			l.set(x, '┼', dim)
			continue
		}
		l.set(x, dash, s)
	}
	if from < to {
		l.set(from, '├', dim)
		l.set(to-1, right, s)
	} else {
		l.set(from, '┤', dim)
		l.set(to+1, left, s)
	}
	return b - a - 1 - noDash
}

// noDash is what an arrow needs besides its label: the head and a blank on either side of the label.
const noDash = 3

// label writes on an arrow near its tail, where the eye starts, and leaves a dash at the tail if there is room.
func (d *diagram) label(l line, from, to int, text string, s style) {
	if from == to {
		l.write(from+4, d.end, text, s)
		return
	}
	room := max(from, to) - min(from, to) - 1 - noDash
	text = fit(text, room)
	n, tail := textWidth(text), 1
	if n == room {
		tail = 0
	}
	at := from + 1 + tail
	if to < from {
		at = from - tail - n - 2
	}
	l.write(at, at+n+2, " "+text+" ", s)
}

// beside writes right of a lifeline, up to the limit; what is too long starts further left.
func (d *diagram) beside(l line, x, limit int, text string, s style) {
	at := x + 2
	if n := textWidth(text); at+n > limit {
		at = max(d.x[0]+2, min(at, limit-n))
	}
	l.write(at, limit, text, s)
}

// margins writes the step, when it is another than on the row before, and the time.
func (d *diagram) margins(l line, e event) {
	if s := e.step(); s != d.step {
		d.step = s
		if s != 0 {
			l.write(2, leftMargin, strconv.Itoa(s), bold)
		}
	}
	t := fmt.Sprintf("%+.2fs", e.at.Sub(d.zero).Seconds())
	if n := len(t); n < rightMargin {
		l.write(d.times-n, d.times, t, dim)
	}
}
