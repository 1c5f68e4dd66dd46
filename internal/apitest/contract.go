// Package apitest holds what the fake platform answers against descriptions of its API: our own, and the vendor's where
// it is at hand. It is for tests.
package apitest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Answer is one response of the platform, and the request that it answers.
type Answer struct {
	Method, Path string // the path without query
	Status       int
	Header       http.Header
	Body         []byte
}

// Contract is a description of an API.
type Contract struct {
	operations []*operation
	undefined  map[int]*jsonschema.Schema // answers to requests that are no operation
	callback   *jsonschema.Schema
}

type operation struct {
	name      string // method and path template
	id        string
	method    string
	path      *regexp.Regexp
	responses map[int]response
}

type response struct {
	headers map[string]*jsonschema.Schema // required ones
	content map[string]*jsonschema.Schema // by media type; empty: there is no body
}

// anything is the schema of what has none.
var anything = func() *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	_ = c.AddResource("mem:///anything.json", true) // it is a schema
	return c.MustCompile("mem:///anything.json")
}()

// reader turns a description into a contract.
type reader struct {
	root     any
	compiler *jsonschema.Compiler
}

const resource = "mem:///api.json"

func newReader(root any) (*reader, error) {
	r := &reader{root, jsonschema.NewCompiler()}
	r.compiler.DefaultDraft(jsonschema.Draft2020)
	return r, r.compiler.AddResource(resource, root)
}

// escape writes a name as a part of a JSON pointer in a URL fragment.
func escape(name string) string {
	name = strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	return strings.ReplaceAll(url.PathEscape(name), "+", "%2B")
}

// at follows a pointer's parts from the root, and references on the way.
func (r *reader) at(parts ...string) (value any, pointer string) {
	value = r.root
	for i, part := range parts {
		members, ok := value.(map[string]any)
		if !ok || members[part] == nil {
			return nil, ""
		}
		value, pointer = members[part], pointer+"/"+escape(part)
		if members, ok := value.(map[string]any); ok {
			if ref, ok := members["$ref"].(string); ok && len(members) == 1 {
				there := strings.Split(strings.TrimPrefix(ref, "#/"), "/")
				return r.at(append(there, parts[i+1:]...)...)
			}
		}
	}
	return value, pointer
}

func (r *reader) schema(pointer string) (*jsonschema.Schema, error) {
	return r.compiler.Compile(resource + "#" + pointer)
}

// keysOf returns an object's member names in order; none for anything else.
func keysOf(v any) []string {
	members, _ := v.(map[string]any)
	var names []string
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// variable is a path parameter.
var variable = regexp.MustCompile(`\\\{[a-z_]+\\\}`)

func pathPattern(template string) *regexp.Regexp {
	return regexp.MustCompile("^" + variable.ReplaceAllString(regexp.QuoteMeta(template), `[^/]+`) + "$")
}

// Ours reads an OpenAPI 3.1 document (YAML).
func Ours(document []byte) (*Contract, error) {
	asJSON, err := yaml.YAMLToJSON(document)
	if err != nil {
		return nil, err
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return nil, err
	}
	r, err := newReader(root)
	if err != nil {
		return nil, err
	}
	c := &Contract{undefined: map[int]*jsonschema.Schema{}}
	paths, _ := r.at("paths")
	for _, path := range keysOf(paths) {
		item, _ := r.at("paths", path)
		for _, method := range keysOf(item) {
			if method == "parameters" {
				continue
			}
			at := []string{"paths", path, method}
			op := &operation{
				name: strings.ToUpper(method) + " " + path, method: strings.ToUpper(method),
				path: pathPattern(path), responses: map[int]response{},
			}
			id, _ := r.at(append(at, "operationId")...)
			op.id, _ = id.(string)
			if err := r.responses(op, append(at, "responses")); err != nil {
				return nil, fmt.Errorf("%s: %w", op.name, err)
			}
			c.operations = append(c.operations, op)
		}
	}
	c.sort()
	for status, name := range map[int]string{404: "NotFound", 405: "MethodNotAllowed", 429: "TooMany"} {
		if there, _ := r.at("components", "schemas", name); there == nil {
			name = "Problem"
		}
		if c.undefined[status], err = r.schema("/components/schemas/" + name); err != nil {
			return nil, err
		}
	}
	if there, _ := r.at("components", "schemas", "Callback"); there != nil {
		c.callback, err = r.schema("/components/schemas/Callback")
	}
	return c, err
}

// responses reads those of an operation.
func (r *reader) responses(op *operation, at []string) error {
	all, _ := r.at(at...)
	for _, status := range keysOf(all) {
		number, err := strconv.Atoi(status)
		if err != nil {
			return err
		}
		resp := response{headers: map[string]*jsonschema.Schema{}, content: map[string]*jsonschema.Schema{}}
		one := append(slices.Clone(at), status)
		headers, _ := r.at(append(slices.Clone(one), "headers")...)
		for _, name := range keysOf(headers) {
			if resp.headers[name], err = r.member(one, "headers", name, "schema"); err != nil {
				return err
			}
		}
		content, _ := r.at(append(slices.Clone(one), "content")...)
		for _, mediaType := range keysOf(content) {
			if schema, _ := r.at(append(slices.Clone(one), "content", mediaType, "schema")...); schema == nil {
				resp.content[mediaType] = anything
				continue
			}
			if resp.content[mediaType], err = r.member(one, "content", mediaType, "schema"); err != nil {
				return err
			}
		}
		op.responses[number] = resp
	}
	return nil
}

func (r *reader) member(at []string, more ...string) (*jsonschema.Schema, error) {
	_, pointer := r.at(append(slices.Clone(at), more...)...)
	return r.schema(pointer)
}

// Vendor reads the vendor's description in its flattened form. Headers are left out of it: it requires none.
func Vendor(document []byte) (*Contract, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	r, err := newReader(root)
	if err != nil {
		return nil, err
	}
	c := &Contract{}
	for _, name := range keysOf(root) {
		method, path, _ := strings.Cut(name, " ")
		op := &operation{name: name, method: method, path: pathPattern(path), responses: map[int]response{}}
		responses, _ := r.at(name, "responses")
		for _, status := range keysOf(responses) {
			number, err := strconv.Atoi(status)
			if err != nil {
				return nil, err
			}
			resp := response{content: map[string]*jsonschema.Schema{}}
			content, _ := r.at(name, "responses", status, "content")
			for _, mediaType := range keysOf(content) {
				pointer := "/" + escape(name) + "/responses/" + status + "/content/" + escape(mediaType)
				if resp.content[mediaType], err = r.schema(pointer); err != nil {
					return nil, err
				}
			}
			op.responses[number] = resp
		}
		c.operations = append(c.operations, op)
	}
	c.sort()
	return c, nil
}

// sort puts fixed paths before those with variables.
func (c *Contract) sort() {
	slices.SortStableFunc(c.operations, func(a, b *operation) int {
		return cmp.Compare(strings.Count(a.name, "{"), strings.Count(b.name, "{"))
	})
}

// Operations returns the operations by id, with method and path template.
func (c *Contract) Operations() map[string]string {
	all := map[string]string{}
	for _, op := range c.operations {
		all[op.id] = op.name
	}
	return all
}

// Documented returns every answer that the description knows, as "GET /path 200".
func (c *Contract) Documented() (all []string) {
	for _, op := range c.operations {
		for status := range op.responses {
			all = append(all, fmt.Sprintf("%s %d", op.name, status))
		}
	}
	slices.Sort(all)
	return all
}

func (c *Contract) find(method, path string) *operation {
	for _, op := range c.operations {
		if op.method == method && op.path.MatchString(path) {
			return op
		}
	}
	return nil
}

// Check returns which answer it is, as "GET /path 200", and what of it the description does not say; nothing when all is
// as described.
func (c *Contract) Check(a Answer) (name string, wrong []string) {
	op := c.find(a.Method, a.Path)
	if op == nil {
		name = fmt.Sprintf("%s %s %d", a.Method, a.Path, a.Status)
		if schema := c.undefined[a.Status]; schema != nil {
			return name, body(schema, a.Body)
		}
		return name, []string{"there is no such operation"}
	}
	name = fmt.Sprintf("%s %d", op.name, a.Status)
	resp, ok := op.responses[a.Status]
	if !ok {
		return name, []string{"there is no such status"}
	}
	for _, header := range keys(resp.headers) {
		value, present := a.Header[http.CanonicalHeaderKey(header)]
		if !present {
			// Wire names such as X-RateLimit-Limit are not canonical in Go's sense.
			value, present = a.Header[header]
		}
		if !present {
			wrong = append(wrong, "header "+header+" is missing")
			continue
		}
		for _, line := range problems(resp.headers[header].Validate(value[0])) {
			wrong = append(wrong, "header "+header+line)
		}
	}
	mediaType, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	switch schema := resp.content[mediaType]; {
	case len(resp.content) == 0 && len(a.Body) > 0:
		wrong = append(wrong, "there is a body")
	case len(resp.content) == 0:
	case schema == nil && mediaType == "":
		wrong = append(wrong, "there is no body")
	case schema == nil:
		wrong = append(wrong, "the body is "+mediaType)
	case strings.HasSuffix(mediaType, "json"):
		wrong = append(wrong, body(schema, a.Body)...)
	}
	return name, wrong
}

// CheckCallback does the same with the body of a callback.
func (c *Contract) CheckCallback(sent []byte) (wrong []string) { return body(c.callback, sent) }

func keys[V any](m map[string]V) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func body(schema *jsonschema.Schema, sent []byte) []string {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(sent))
	if err != nil {
		return []string{"the body is not JSON: " + err.Error()}
	}
	return problems(schema.Validate(value))
}

// problems returns the innermost reasons of a validation error, each with where it is.
func problems(err error) (all []string) {
	if err == nil {
		return nil
	}
	invalid := (*jsonschema.ValidationError)(nil)
	if !errors.As(err, &invalid) {
		return []string{err.Error()}
	}
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			at := ""
			for _, part := range e.InstanceLocation {
				if _, err := strconv.Atoi(part); err == nil {
					part = "n" // which one of a list says nothing
				}
				at += "/" + part
			}
			line := at + ": " + e.ErrorKind.LocalizedString(english)
			if !slices.Contains(all, line) {
				all = append(all, line)
			}
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(invalid)
	slices.Sort(all)
	return all
}
