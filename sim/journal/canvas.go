package journal

import "io"

// style is how a cell is shown when colours are on.
type style uint8

const (
	plainStyle style = iota
	dim
	bold
	green
	cyan
	red
	yellow
)

var escapes = [...]string{plainStyle: "\x1b[0m", dim: "\x1b[2m", bold: "\x1b[1m", green: "\x1b[32m", cyan: "\x1b[36m", red: "\x1b[31m", yellow: "\x1b[33m"}

// covered fills the second column of a wide rune.
const covered rune = -1

type cell struct {
	r rune
	s style
}

// line is one row of the diagram. Whatever is drawn outside of it is lost, which is what keeps rows from growing.
type line []cell

func newLine(width int) line {
	l := make(line, width)
	for i := range l {
		l[i].r = ' '
	}
	return l
}

func (l line) set(x int, r rune, s style) {
	if x < 0 || x >= len(l) {
		return
	}
	// Half of a wide rune cannot stay.
	if l[x].r == covered && x > 0 {
		l[x-1].r = ' '
	}
	if x+1 < len(l) && l[x+1].r == covered {
		l[x+1].r = ' '
	}
	l[x] = cell{r, s}
}

// write puts cleaned text at column x; text that would pass the column end is shortened.
func (l line) write(x, end int, text string, s style) {
	for _, r := range fit(text, min(end, len(l))-x) {
		l.set(x, r, s)
		x++
		if columns(r) == 2 {
			l.set(x, covered, s)
			x++
		}
	}
}

// append adds the row to buf, without trailing blanks.
func (l line) append(buf []byte, color bool) []byte {
	n := len(l)
	for n > 0 && l[n-1].r == ' ' {
		n--
	}
	now := plainStyle
	for _, c := range l[:n] {
		if c.r == covered {
			continue
		}
		if color && c.r != ' ' && c.s != now {
			if now != plainStyle {
				buf = append(buf, escapes[plainStyle]...)
			}
			if now = c.s; now != plainStyle {
				buf = append(buf, escapes[now]...)
			}
		}
		buf = append(buf, string(c.r)...)
	}
	if now != plainStyle {
		buf = append(buf, escapes[plainStyle]...)
	}
	return append(buf, '\n')
}

// flush writes all rows with one call.
func flush(w io.Writer, rows []line, color bool) error {
	var buf []byte
	for _, l := range rows {
		buf = l.append(buf, color)
	}
	_, err := w.Write(buf)
	return err
}
