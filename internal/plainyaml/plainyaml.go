// Package plainyaml reads the YAML files that people write for the simulator, and says where they are wrong: file, line,
// column, and the word that was probably meant.
package plainyaml

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// File is one file and what is wrong in it.
type File struct {
	name    string
	content []byte
	lines   []string
	tree    *ast.File
	found   Mistakes
}

// New returns a file that has not been read.
func New(name string, content []byte) *File {
	return &File{name: name, content: content, lines: strings.Split(string(content), "\n")}
}

// At reports a mistake at a YAML path such as $.script[2].verify, or at the nearest place above it; at "" it is the file's
// as a whole.
func (f *File) At(path, format string, args ...any) { f.at(f.token(path), format, args...) }

// AtKey reports a mistake at a key of the mapping at a path.
func (f *File) AtKey(path, key, format string, args ...any) { f.at(f.key(path, key), format, args...) }

// key returns the place of a key in the mapping at a path, or that of the mapping.
func (f *File) key(path, key string) *token.Token {
	at := f.token(path)
	p, err := yaml.PathString(path)
	if err != nil {
		return at
	}
	node, err := p.FilterFile(f.tree)
	if err != nil {
		return at
	}
	values := []*ast.MappingValueNode{}
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = append(values, n)
	}
	for _, v := range values {
		if k, ok := v.Key.(ast.ScalarNode); ok && fmt.Sprint(k.GetValue()) == key {
			return v.Key.GetToken()
		}
	}
	return at
}

// Line returns the line of a YAML path, 0 when there is none.
func (f *File) Line(path string) int {
	if t := f.token(path); t != nil {
		return t.Position.Line
	}
	return 0
}

// maxFile is the largest file that is read, in bytes.
const maxFile = 64 << 10

// maxDepth is how deep lists and mappings may stand in each other on one line. The YAML library takes time that grows with
// the square of it.
const maxDepth = 16

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

// at reports a mistake at the place that a token stands at; nil means the file as a whole.
func (f *File) at(t *token.Token, format string, args ...any) {
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
func (f *File) token(path string) *token.Token {
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

// Nearest is a hint at the valid word that is most like the one written, or empty when none is like it.
func Nearest(written string, valid []string) string {
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

// Mistakes returns those found, in their order; nil when there are none.
func (f *File) Mistakes() error {
	if len(f.found) == 0 {
		return nil
	}
	slices.SortStableFunc(f.found, func(a, b Mistake) int { return a.Line - b.Line })
	return f.found
}

// Decode reads the file into a pointer to a struct with yaml tags, and reports whether that went well. The struct is
// what, such as "a scenario".
func (f *File) Decode(into any, what string) bool {
	content, t := f.content, reflect.TypeOf(into).Elem()
	if len(content) > maxFile {
		f.at(nil, "the file has more than %d bytes", maxFile)
		return false
	}
	if f.plain(content); len(f.found) > 0 {
		return false
	}
	tree, err := parser.ParseBytes(content, 0)
	if err != nil {
		f.syntax(err)
		return false
	}
	f.tree = tree
	if len(tree.Docs) != 1 || tree.Docs[0].Body == nil {
		f.at(nil, "a %s file holds one %[1]s, this one holds %d", strings.TrimPrefix(what, "a "), countBodies(tree))
		return false
	}
	if f.keys(tree.Docs[0].Body, t, what); len(f.found) > 0 {
		return false
	}
	if err := yaml.NodeToValue(tree.Docs[0].Body, into, yaml.Strict()); err != nil {
		f.syntax(err)
		return false
	}
	return true
}

// plain refuses the parts of YAML that these files do without: they make files hard to read, let small ones stand for
// huge ones, and crash the library where they stand in odd places.
func (f *File) plain(content []byte) {
	open, dashes, line := 0, 0, 0
	for _, t := range lexer.Tokenize(string(content)) {
		if t.Position.Line != line {
			dashes, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.DirectiveType, token.MappingKeyType:
			f.at(t, "this is to be plain YAML, without anchors, aliases, tags and ? keys; put it in quotes if it is text")
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType:
			dashes++
		}
		if open > maxDepth || dashes > maxDepth {
			f.at(t, "lists and mappings stand too deep in each other")
		}
		if len(f.found) > 0 {
			return
		}
	}
}

func countBodies(tree *ast.File) (n int) {
	for _, doc := range tree.Docs {
		if doc.Body != nil {
			n++
		}
	}
	return n
}

// syntax reports what the yaml package found.
func (f *File) syntax(err error) {
	var at *token.Token
	text := err.Error()
	if e := yaml.Error(nil); errors.As(err, &e) {
		at, text = e.GetToken(), e.GetMessage()
	}
	text, _, _ = strings.Cut(text, "\n")
	text = wrongNode.ReplaceAllStringFunc(text, func(m string) string {
		words := wrongNode.FindStringSubmatch(m)
		return fmt.Sprintf("%s is wanted here, this is %s", nodeKinds[words[2]], nodeKinds[words[1]])
	})
	if m := cannotUnmarshal.FindStringSubmatch(text); m != nil {
		text = fmt.Sprintf("%s is wanted here, this is %s", yamlKind(m[2]), yamlKind(m[1]))
	}
	f.at(at, "%s", text)
}

var wrongNode = regexp.MustCompile(`(sequence|mapping|string|integer|float|boolean) was used where (sequence|mapping|string|integer|float|boolean) is expected`)

var nodeKinds = map[string]string{
	"sequence": "a list", "mapping": "a mapping", "string": "a text", "integer": "a whole number", "float": "a number", "boolean": "true or false",
}

var cannotUnmarshal = regexp.MustCompile(`cannot unmarshal (\S+) into Go (?:struct field \S+|value) of type (\S+)`)

// yamlKind is a Go type as the writer of a YAML file calls it.
func yamlKind(goType string) string {
	goType = strings.TrimPrefix(goType, "*")
	switch {
	case goType == "bool":
		return "true or false"
	case goType == "string":
		return "a text"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"):
		return "a whole number"
	case strings.HasPrefix(goType, "float"):
		return "a number"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "map"), strings.Contains(goType, "."):
		return "a mapping"
	}
	return goType
}

// keys reports the keys of a node that its type does not have, and those that stand there twice.
func (f *File) keys(node ast.Node, t reflect.Type, what string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n := node.(type) {
	case *ast.SequenceNode:
		if t.Kind() == reflect.Slice {
			for _, v := range n.Values {
				f.keys(v, t.Elem(), what)
			}
		}
	case *ast.MappingNode:
		f.mapping(n.Values, t, what)
	case *ast.MappingValueNode:
		f.mapping([]*ast.MappingValueNode{n}, t, what)
	}
}

func (f *File) mapping(values []*ast.MappingValueNode, t reflect.Type, what string) {
	seen := map[string]bool{}
	var valid []string
	if t.Kind() == reflect.Struct {
		for _, field := range fields(t) {
			valid = append(valid, field.Tag.Get("yaml"))
		}
	}
	for _, v := range values {
		key := v.Key.String()
		if k, ok := v.Key.(ast.ScalarNode); ok {
			key = fmt.Sprint(k.GetValue())
		}
		if seen[key] {
			f.at(v.Key.GetToken(), "%q stands here twice", key)
		}
		seen[key] = true
		switch t.Kind() {
		case reflect.Map:
			f.keys(v.Value, t.Elem(), key)
		case reflect.Struct:
			i := slices.Index(valid, key)
			if i < 0 {
				f.at(v.Key.GetToken(), "%s has no %q%s", what, key, Hint(key, valid))
				continue
			}
			f.keys(v.Value, fields(t)[i].Type, key)
		}
	}
}

// fields are those that a mapping has for a struct, the ones of structs inside it that have no name of their own included.
func fields(t reflect.Type) (all []reflect.StructField) {
	for field := range t.Fields() {
		switch name := field.Tag.Get("yaml"); name {
		case "":
		case ",inline":
			all = append(all, fields(field.Type)...)
		default:
			all = append(all, field)
		}
	}
	return all
}

// Hint is the nearest valid word, or all of them.
func Hint(written string, valid []string) string {
	if s := Nearest(written, valid); s != "" {
		return s
	}
	if len(valid) == 0 {
		return ""
	}
	return "; it may be one of " + strings.Join(valid, ", ")
}
