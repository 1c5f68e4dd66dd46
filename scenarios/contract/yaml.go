package contract

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

const (
	maxProfile = 64 << 10 // bytes
	maxDepth   = 8        // of lists and mappings in each other
)

// LoadProfile reads a profile from a file. The error names the places of all that is wrong.
func LoadProfile(path string) (*Profile, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, err := ParseProfile(filepath.Base(path), content)
	if err == nil {
		p.file = filepath.ToSlash(path)
	}
	return p, err
}

// ParseProfile reads a profile. The error names the places of all that is wrong, with the file's name as given.
func ParseProfile(name string, content []byte) (*Profile, error) {
	s := &source{name: name, lines: strings.Split(string(content), "\n")}
	p := new(Profile)
	if s.read(content, p) {
		_ = p.complete() // what it says is found again, with places
		for _, m := range p.mistakes() {
			s.at(s.token(m.at), "%s", m.text)
		}
	}
	if len(s.found) > 0 {
		slices.SortStableFunc(s.found, func(a, b misplaced) int { return a.line - b.line })
		var errs []error
		for _, m := range s.found {
			errs = append(errs, errors.New(m.text))
		}
		return nil, errors.Join(errs...)
	}
	p.file = name
	return p, nil
}

// source is a profile's text, for pointing into it.
type source struct {
	name  string
	lines []string
	tree  *ast.File
	found []misplaced
}

type misplaced struct {
	line int
	text string
}

// at keeps a mistake with the place of a token, the whole file when that is nil, and the line as it stands there.
func (s *source) at(t *token.Token, format string, args ...any) {
	m := misplaced{text: s.name + ": " + fmt.Sprintf(format, args...)}
	if t != nil && t.Position != nil {
		line, column := t.Position.Line, t.Position.Column
		m.line = line
		m.text = fmt.Sprintf("%s:%d:%d: "+format, append([]any{s.name, line, column}, args...)...)
		if line >= 1 && line <= len(s.lines) {
			number := fmt.Sprintf("%5d | ", line)
			m.text += "\n" + number + strings.TrimRight(s.lines[line-1], "\r") + "\n" + strings.Repeat(" ", len(number)+max(column-1, 0)) + "^"
		}
	}
	if !slices.Contains(s.found, m) {
		s.found = append(s.found, m)
	}
}

func (s *source) read(content []byte, into *Profile) bool {
	if len(content) > maxProfile {
		s.at(nil, "the file has more than %d bytes", maxProfile)
		return false
	}
	if s.plain(content); len(s.found) > 0 {
		return false
	}
	tree, err := parser.ParseBytes(content, 0)
	if err != nil {
		s.syntax(err)
		return false
	}
	s.tree = tree
	if len(tree.Docs) != 1 || tree.Docs[0].Body == nil {
		s.at(nil, "a profile file holds one profile")
		return false
	}
	if s.keys(tree.Docs[0].Body, reflect.TypeFor[Profile](), "a profile"); len(s.found) > 0 {
		return false
	}
	if err := yaml.NodeToValue(tree.Docs[0].Body, into, yaml.Strict()); err != nil {
		s.syntax(err)
		return false
	}
	return true
}

// plain refuses the parts of YAML that a profile does without: they let small files stand for huge ones, and crash the library where
// they stand in odd places.
func (s *source) plain(content []byte) {
	open, dashes, line := 0, 0, 0
	for _, t := range lexer.Tokenize(string(content)) {
		if t.Position.Line != line {
			dashes, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.DirectiveType, token.MappingKeyType:
			s.at(t, "a profile is written in plain YAML, without anchors, aliases, tags and ? keys; put it in quotes if it is text")
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType:
			dashes++
		}
		if open > maxDepth || dashes > maxDepth {
			s.at(t, "lists and mappings stand too deep in each other")
		}
		if len(s.found) > 0 {
			return
		}
	}
}

func (s *source) syntax(err error) {
	var at *token.Token
	text := err.Error()
	if e := yaml.Error(nil); errors.As(err, &e) {
		at, text = e.GetToken(), e.GetMessage()
	}
	text, _, _ = strings.Cut(text, "\n")
	if m := cannotUnmarshal.FindStringSubmatch(text); m != nil {
		text = fmt.Sprintf("%s is wanted here, this is %s", yamlKind(m[2]), yamlKind(m[1]))
	}
	text = wrongNode.ReplaceAllStringFunc(text, func(m string) string {
		words := wrongNode.FindStringSubmatch(m)
		return fmt.Sprintf("%s is wanted here, this is %s", nodeKinds[words[2]], nodeKinds[words[1]])
	})
	s.at(at, "%s", text)
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
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "map"), strings.Contains(goType, "contract."):
		return "a mapping"
	}
	return goType
}

// keys reports the keys of a node that its type does not have, and those that stand there twice.
func (s *source) keys(node ast.Node, t reflect.Type, what string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n := node.(type) {
	case *ast.SequenceNode:
		if t.Kind() == reflect.Slice {
			for _, v := range n.Values {
				s.keys(v, t.Elem(), what)
			}
		}
	case *ast.MappingNode:
		s.mapping(n.Values, t, what)
	case *ast.MappingValueNode:
		s.mapping([]*ast.MappingValueNode{n}, t, what)
	}
}

func (s *source) mapping(values []*ast.MappingValueNode, t reflect.Type, what string) {
	types := map[string]reflect.Type{}
	var valid []string
	if t.Kind() == reflect.Struct {
		for field := range t.Fields() {
			if name := field.Tag.Get("yaml"); name != "" {
				types[name] = field.Type
				valid = append(valid, name)
			}
		}
	}
	seen := map[string]bool{}
	for _, v := range values {
		key := v.Key.String()
		if k, ok := v.Key.(ast.ScalarNode); ok {
			key = fmt.Sprint(k.GetValue())
		}
		if seen[key] {
			s.at(v.Key.GetToken(), "%q stands here twice", key)
		}
		seen[key] = true
		if t.Kind() != reflect.Struct {
			continue
		}
		if types[key] == nil {
			s.at(v.Key.GetToken(), "%s has no %q; it may be one of %s", what, key, strings.Join(valid, ", "))
			continue
		}
		s.keys(v.Value, types[key], key)
	}
}

// token returns what stands at a YAML path, or at the nearest place above it.
func (s *source) token(path string) *token.Token {
	for ; path != "$" && path != ""; path = path[:strings.LastIndexAny(path, ".[")] {
		p, err := yaml.PathString(path)
		if err != nil {
			continue
		}
		if node, err := p.FilterFile(s.tree); err == nil && node != nil {
			if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 {
				return m.Values[0].Key.GetToken() // its own is the first colon
			}
			return node.GetToken()
		}
	}
	return nil
}
