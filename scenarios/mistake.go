package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Mistake is something wrong in a scenario file, and where.
type Mistake struct {
	File         string
	Line, Column int // from 1; 0 when the whole file is meant
	Text         string
	Source       string // the line as it stands in the file
}

// Error is the place, the text, and the line of the file with a mark under what is meant.
func (m Mistake) Error() string {
	where := m.File
	if m.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", m.File, m.Line, m.Column)
	}
	s := where + ": " + m.Text
	if m.Source != "" {
		number := fmt.Sprintf("%5d | ", m.Line)
		s += "\n" + number + m.Source + "\n" + strings.Repeat(" ", len(number)+max(m.Column-1, 0)) + "^"
	}
	return s
}

// Mistakes is every mistake that was found in a file.
type Mistakes []Mistake

// Error is all of them, one after the other.
func (m Mistakes) Error() string {
	all := make([]string, len(m))
	for i := range m {
		all[i] = m[i].Error()
	}
	return strings.Join(all, "\n")
}

// file is a scenario's source, for pointing into it.
type file struct {
	name  string
	lines []string
	tree  *ast.File
	found Mistakes
}

// at reports a mistake at the place that a token stands at; nil means the file as a whole.
func (f *file) at(t *token.Token, format string, args ...any) {
	m := Mistake{File: f.name, Text: fmt.Sprintf(format, args...)}
	if t != nil && t.Position != nil {
		m.Line, m.Column = t.Position.Line, t.Position.Column
		if m.Line >= 1 && m.Line <= len(f.lines) {
			m.Source = strings.TrimRight(f.lines[m.Line-1], "\r")
		}
	}
	if !slices.Contains(f.found, m) {
		f.found = append(f.found, m)
	}
}

// token returns what stands at a YAML path such as $.script[2].verify, or at the nearest place above it.
func (f *file) token(path string) *token.Token {
	for ; path != "$" && path != ""; path = path[:strings.LastIndexAny(path, ".[")] {
		p, err := yaml.PathString(path)
		if err != nil {
			continue
		}
		if node, err := p.FilterFile(f.tree); err == nil && node != nil {
			if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 {
				return m.Values[0].Key.GetToken() // its own is the first colon
			}
			return node.GetToken()
		}
	}
	return nil
}

// nearest is a hint at the valid word that is most like the one written, or empty when none is like it.
func nearest(written string, valid []string) string {
	best, least := "", 1+len(written)/2
	for _, word := range valid {
		if d := distance(strings.ToLower(written), strings.ToLower(word)); d < least || d == least && best == "" {
			best, least = word, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is how many letters must change to make one word of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
