package idlayrfake

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listField is a property that a list can be searched and sorted by. Values are
// compared as they stand on the wire: of times, whole seconds count.
type listField struct {
	// value returns the property; false for a check that has none.
	value func(*Check) (fieldValue, bool)
	// parse reads one from a query; nil for text, which is taken as it is.
	parse func(string) (fieldValue, bool)
	kind  string // what parse expects
}

// fieldValue is a text or a number, of which times and truths are two kinds.
type fieldValue struct {
	text   string
	number int64
}

func (a fieldValue) compare(b fieldValue) int {
	return cmp.Or(cmp.Compare(a.number, b.number), strings.Compare(a.text, b.text))
}

// listFields are the fields by name; simFields are those that only products that
// tell of the SIM have.
var listFields = map[string]listField{
	"check_id":     textField(func(c *Check) string { return c.CheckID }),
	"status":       textField(func(c *Check) string { return string(c.Status) }),
	"reference_id": textField(func(c *Check) string { return c.ReferenceID }),
	"error_code":   textField(func(c *Check) string { return c.ErrorCode }),
	"network_id":   textField(func(c *Check) string { return c.NetworkID }),
	"match":        truthField(func(c *Check) *bool { return c.Match }),
	"created_at":   timeField(func(c *Check) time.Time { return c.CreatedAt }),
	"updated_at":   timeField(func(c *Check) time.Time { return c.UpdatedAt }),
}

var simFields = map[string]listField{
	"no_sim_change": truthField(func(c *Check) *bool { return c.NoSIMChange }),
}

// field returns a field of a product's checks.
func (p *product) field(name string) (listField, bool) {
	f, ok := listFields[name]
	if !ok && p.swap {
		f, ok = simFields[name]
	}
	return f, ok
}

func textField(get func(*Check) string) listField {
	return listField{value: func(c *Check) (fieldValue, bool) {
		s := get(c)
		return fieldValue{text: s}, s != ""
	}}
}

func truthField(get func(*Check) *bool) listField {
	truth := func(b bool) fieldValue {
		if b {
			return fieldValue{number: 1}
		}
		return fieldValue{}
	}
	return listField{
		kind: "true or false",
		value: func(c *Check) (fieldValue, bool) {
			b := get(c)
			if b == nil {
				return fieldValue{}, false
			}
			return truth(*b), true
		},
		parse: func(s string) (fieldValue, bool) {
			return truth(s == "true"), s == "true" || s == "false"
		},
	}
}

func timeField(get func(*Check) time.Time) listField {
	return listField{
		kind:  "a time such as 2020-06-01T16:43:30Z",
		value: func(c *Check) (fieldValue, bool) { return fieldValue{number: get(c).Unix()}, true },
		parse: func(s string) (fieldValue, bool) {
			for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
				if t, err := time.Parse(layout, s); err == nil {
					return fieldValue{number: t.Unix()}, true
				}
			}
			return fieldValue{}, false
		},
	}
}

// searchField makes a field known to parseRSQL.
func (p *product) searchField(name string) (rsqlField, bool) {
	f, ok := p.field(name)
	return f.query, ok
}

// query compares a field. A check without the property is unlike every value.
func (f listField) query(op rsqlOperator, texts []string) (q query, bad int, why string) {
	values := make([]fieldValue, len(texts))
	for i, s := range texts {
		if f.parse == nil {
			values[i] = fieldValue{text: s}
			continue
		}
		v, ok := f.parse(s)
		if !ok {
			return nil, i, "expected " + f.kind + ", not " + strconv.Quote(s)
		}
		values[i] = v
	}
	is := func(test func(v fieldValue) bool) query {
		return func(c *Check) bool {
			v, has := f.value(c)
			return has && test(v)
		}
	}
	equal := is(func(v fieldValue) bool { return slices.Contains(values, v) })
	if f.parse == nil && strings.Contains(texts[0], "*") && (op == "==" || op == "!=") {
		parts := strings.Split(texts[0], "*")
		equal = is(func(v fieldValue) bool { return glob(parts, v.text) })
	}
	first := values[0]
	switch op {
	case "==", "=in=":
		return equal, 0, ""
	case "!=", "=out=":
		return func(c *Check) bool { return !equal(c) }, 0, ""
	}
	if f.kind == "true or false" {
		return nil, -1, "there is no order of true and false"
	}
	return is(map[rsqlOperator]func(fieldValue) bool{
		"<":  func(v fieldValue) bool { return v.compare(first) < 0 },
		"<=": func(v fieldValue) bool { return v.compare(first) <= 0 },
		">":  func(v fieldValue) bool { return v.compare(first) > 0 },
		">=": func(v fieldValue) bool { return v.compare(first) >= 0 },
	}[op]), 0, ""
}

// glob says whether s consists of the parts with anything in between.
func glob(parts []string, s string) bool {
	s, ok := strings.CutPrefix(s, parts[0])
	last := parts[len(parts)-1]
	if !ok || len(s) < len(last) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[:len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}
