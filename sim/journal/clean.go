package journal

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// clean makes s harmless and measurable on a terminal: what comes from a backend under test may hold escape sequences,
// line breaks or text that runs the other way. After it every rune is one or two columns wide.
func clean(s string) string {
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029':
			return ' '
		case r == utf8.RuneError, unicode.IsControl(r):
			return '�'
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
			return -1 // no width of its own
		case !unicode.IsPrint(r), unicode.In(r, rightToLeft...), joins(r):
			return '?'
		}
		return r
	}, s)
}

var rightToLeft = []*unicode.RangeTable{unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko}

// joins reports whether terminals may draw r together with its neighbour, so that its width cannot be known.
func joins(r rune) bool {
	return 0x1100 <= r && r <= 0x11ff || 0x1f1e6 <= r && r <= 0x1f1ff || unicode.Is(unicode.Mc, r)
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// columns returns how many columns one cleaned rune takes.
func columns(r rune) int {
	if r < 0x1100 {
		return 1
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// textWidth returns how many columns cleaned text takes.
func textWidth(s string) (n int) {
	for _, r := range s {
		n += columns(r)
	}
	return n
}

// fit shortens cleaned text to at most max columns.
func fit(s string, max int) string {
	if textWidth(s) <= max {
		return s
	}
	if max < 1 {
		return ""
	}
	n := 0
	for i, r := range s {
		if n += columns(r); n > max-1 {
			return strings.TrimRight(s[:i], " ") + "…"
		}
	}
	return s
}
