package idlayrfake

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// RSQL is the query language of the list's search parameter:
//
//	or         = and { ( "," | "or" ) and }
//	and        = term { ( ";" | "and" ) term }
//	term       = "(" or ")" | comparison
//	comparison = field operator ( value | "(" value { "," value } ")" )
//
// This file knows the language; what the fields are is up to the caller.

// maxSearch bounds a query, in bytes, and maxNesting its parentheses.
const (
	maxSearch  = 4096
	maxNesting = 64
)

// rsqlError is a mistake in a query: where, in characters from 1, and what.
type rsqlError struct {
	at   int
	what string
}

func (e *rsqlError) Error() string { return fmt.Sprintf("search: position %d: %s", e.at, e.what) }

// rsqlOperator is a comparison in its plain form: == != < <= > >= =in= =out=.
type rsqlOperator string

// rsqlOperators are all spellings.
var rsqlOperators = map[string]rsqlOperator{
	"==": "==", "!=": "!=", "=in=": "=in=", "=out=": "=out=",
	"<": "<", "=lt=": "<", "<=": "<=", "=le=": "<=",
	">": ">", "=gt=": ">", ">=": ">=", "=ge=": ">=",
}

// query says whether a check is meant.
type query func(*Check) bool

// rsqlParser is a recursive descent over the query text.
type rsqlParser struct {
	text  string
	at    int // next byte
	depth int
	field func(name string) (rsqlField, bool)
}

// rsqlField makes a query of one field: the operator and its values, or says
// which value does not fit.
type rsqlField func(op rsqlOperator, values []string) (q query, bad int, why string)

// parseRSQL reads a query over the fields known to field.
func parseRSQL(text string, field func(name string) (rsqlField, bool)) (query, *rsqlError) {
	if len(text) > maxSearch {
		return nil, &rsqlError{utf8.RuneCountInString(text[:maxSearch]) + 1, "the query is too long"}
	}
	p := &rsqlParser{text: text, field: field}
	q, err := p.or()
	if err == nil && p.at < len(p.text) {
		err = p.fail(p.at, "expected the end, or one of ; , and or")
	}
	if err != nil {
		return nil, err
	}
	return q, nil
}

func (p *rsqlParser) fail(at int, format string, args ...any) *rsqlError {
	return &rsqlError{utf8.RuneCountInString(p.text[:at]) + 1, fmt.Sprintf(format, args...)}
}

func (p *rsqlParser) or() (query, *rsqlError) {
	return p.several((*rsqlParser).and, ',', "or", func(all []query) query {
		return func(c *Check) bool {
			for _, q := range all {
				if q(c) {
					return true
				}
			}
			return false
		}
	})
}

func (p *rsqlParser) and() (query, *rsqlError) {
	return p.several((*rsqlParser).term, ';', "and", func(all []query) query {
		return func(c *Check) bool {
			for _, q := range all {
				if !q(c) {
					return false
				}
			}
			return true
		}
	})
}

// several reads operands between signs or words.
func (p *rsqlParser) several(operand func(*rsqlParser) (query, *rsqlError), sign byte, word string, join func([]query) query) (query, *rsqlError) {
	var all []query
	for {
		q, err := operand(p)
		if err != nil {
			return nil, err
		}
		all = append(all, q)
		if !p.sign(sign) && !p.word(word) {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return join(all), nil
}

func (p *rsqlParser) term() (query, *rsqlError) {
	if p.spaces(); p.sign('(') {
		if p.depth++; p.depth > maxNesting {
			return nil, p.fail(p.at-1, "too many parentheses")
		}
		q, err := p.or()
		if err != nil {
			return nil, err
		}
		if !p.sign(')') {
			return nil, p.fail(p.at, "expected )")
		}
		p.depth--
		return q, nil
	}
	return p.comparison()
}

func (p *rsqlParser) comparison() (query, *rsqlError) {
	start := p.at
	name := p.bare()
	if name == "" {
		return nil, p.fail(start, "expected a field")
	}
	field, ok := p.field(name)
	if !ok {
		return nil, p.fail(start, "there is no field %q to search by", name)
	}
	p.spaces()
	start = p.at
	op, ok := p.operator()
	if !ok {
		return nil, p.fail(start, "expected an operator such as ==")
	}
	values, places, err := p.values()
	if err != nil {
		return nil, err
	}
	if len(values) > 1 && op != "=in=" && op != "=out=" {
		return nil, p.fail(places[1], "%s takes one value", op)
	}
	q, bad, why := field(op, values)
	if why != "" {
		if bad < 0 {
			return nil, p.fail(start, "%s", why)
		}
		return nil, p.fail(places[bad], "%s", why)
	}
	return q, nil
}

// operator reads an operator.
func (p *rsqlParser) operator() (rsqlOperator, bool) {
	rest := p.text[p.at:]
	n := 0
	switch {
	case rest == "":
	case rest[0] == '=':
		for n = 1; n < len(rest) && 'a' <= rest[n] && rest[n] <= 'z'; n++ {
		}
		n++ // the second =
	case strings.HasPrefix(rest, "!="), strings.HasPrefix(rest, "<="), strings.HasPrefix(rest, ">="):
		n = 2
	default:
		n = 1
	}
	op, ok := rsqlOperators[rest[:min(n, len(rest))]]
	if ok {
		p.at += n
	}
	return op, ok
}

// values reads what is compared with, and where it stands.
func (p *rsqlParser) values() (values []string, places []int, err *rsqlError) {
	p.spaces()
	list := p.sign('(')
	for {
		p.spaces()
		places = append(places, p.at)
		v, err := p.value()
		if err != nil {
			return nil, nil, err
		}
		values = append(values, v)
		if !list {
			return values, places, nil
		}
		if p.sign(')') {
			return values, places, nil
		}
		if !p.sign(',') {
			return nil, nil, p.fail(p.at, "expected , or )")
		}
	}
}

func (p *rsqlParser) value() (string, *rsqlError) {
	start := p.at
	if start == len(p.text) || p.text[start] != '"' && p.text[start] != '\'' {
		v := p.bare()
		if v == "" {
			return "", p.fail(start, "expected a value")
		}
		return v, nil
	}
	quote := p.text[start]
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == quote:
			p.at++
			return b.String(), nil
		case c == '\\' && p.at+1 < len(p.text):
			p.at++
			b.WriteByte(p.text[p.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail(start, "the quote is not closed")
}

// bare reads a word without reserved characters.
func (p *rsqlParser) bare() string {
	rest := p.text[p.at:]
	n := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"'();,=!~<>`, r) })
	if n < 0 {
		n = len(rest)
	}
	p.at += n
	return rest[:n]
}

func (p *rsqlParser) spaces() {
	p.at = len(p.text) - len(strings.TrimLeftFunc(p.text[p.at:], unicode.IsSpace))
}

// sign reads a sign and the spaces before it, if it is there.
func (p *rsqlParser) sign(c byte) bool {
	p.spaces()
	if p.at == len(p.text) || p.text[p.at] != c {
		return false
	}
	p.at++
	return true
}

// word reads a word with what sets it apart, if it is there.
func (p *rsqlParser) word(w string) bool {
	rest, ok := strings.CutPrefix(p.text[p.at:], w)
	if !ok || rest == "" || p.text[p.at-1] != ')' && !isSpace(p.text[p.at-1]) || rest[0] != '(' && !isSpace(rest[0]) {
		return false
	}
	p.at += len(w)
	return true
}

func isSpace(c byte) bool { return unicode.IsSpace(rune(c)) }
