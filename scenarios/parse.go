package scenarios

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

	"github.com/phonechecksim/phonechecksim/device"
	"github.com/phonechecksim/phonechecksim/sim"
)

// maxFile is the largest scenario file that is read, in bytes.
const maxFile = 64 << 10

// maxDepth is how deep lists and mappings may stand in each other on one line. The YAML library takes time that grows with
// the square of it.
const maxDepth = 16

// Load reads a scenario from a file. What is wrong in it comes back as [Mistakes].
func Load(path string) (*Scenario, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(filepath.Base(path), content)
}

// Parse reads a scenario. What is wrong in it comes back as [Mistakes], which name the file as given.
func Parse(name string, content []byte) (*Scenario, error) {
	f := &file{name: name, lines: strings.Split(string(content), "\n")}
	s := new(Scenario)
	if f.read(content, s, reflect.TypeFor[Scenario](), "a scenario") {
		f.check(s)
	}
	if err := f.mistakes(); err != nil {
		return nil, err
	}
	s.file = f
	return s, nil
}

// mistakes returns those found, in their order; nil when there are none.
func (f *file) mistakes() error {
	if len(f.found) == 0 {
		return nil
	}
	slices.SortStableFunc(f.found, func(a, b Mistake) int { return a.Line - b.Line })
	return f.found
}

// read decodes the file and reports whether that went well.
func (f *file) read(content []byte, into any, t reflect.Type, what string) bool {
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

// plain refuses the parts of YAML that a scenario does without: they make files hard to read, let small ones stand for
// huge ones, and crash the library where they stand in odd places.
func (f *file) plain(content []byte) {
	open, dashes, line := 0, 0, 0
	for _, t := range lexer.Tokenize(string(content)) {
		if t.Position.Line != line {
			dashes, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.DirectiveType, token.MappingKeyType:
			f.at(t, "a scenario is written in plain YAML, without anchors, aliases, tags and ? keys; put it in quotes if it is text")
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
func (f *file) syntax(err error) {
	var at *token.Token
	text := err.Error()
	if e := yaml.Error(nil); errors.As(err, &e) {
		at, text = e.GetToken(), e.GetMessage()
	}
	text, _, _ = strings.Cut(text, "\n")
	if m := cannotUnmarshal.FindStringSubmatch(text); m != nil {
		text = fmt.Sprintf("%s is wanted here, this is %s", yamlKind(m[2]), yamlKind(m[1]))
	}
	f.at(at, "%s", text)
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
	case strings.HasPrefix(goType, "map"), strings.Contains(goType, "scenarios."):
		return "a mapping"
	}
	return goType
}

// keys reports the keys of a node that its type does not have, and those that stand there twice.
func (f *file) keys(node ast.Node, t reflect.Type, what string) {
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

func (f *file) mapping(values []*ast.MappingValueNode, t reflect.Type, what string) {
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
				f.at(v.Key.GetToken(), "%s has no %q%s", what, key, hint(key, valid))
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

// hint is the nearest valid word, or all of them.
func hint(written string, valid []string) string {
	if s := nearest(written, valid); s != "" {
		return s
	}
	if len(valid) == 0 {
		return ""
	}
	return "; it may be one of " + strings.Join(valid, ", ")
}

// The words that a scenario may use where any text would parse.
var (
	sources    = []string{"documented", "code", "inferred"}
	statuses   = []string{absent, "ACCEPTED", "PENDING", "COMPLETED", "EXPIRED", "ERROR"}
	apis       = []string{"phone-check v0.1", "phone-check v0.2", "subscriber-check v0.1", "subscriber-check v0.2"}
	presence   = []string{present, absent}
	verdicts   = []string{"true", "false", absent}
	tags       = []string{"path", "operator", "api", "attack", "callback", "v0.1", "v0.2"}
	errorCodes = []string{absent, "not_mobile_ip", "mno_not_supported", "mno_timeout", "mno_user_not_found", "mno_response_error",
		"mno_server_error", "mno_no_data_available", "ip_mismatch", "ip_msisdn_mismatch"}
	problems = []string{"bad_request", "phone_format_invalid", "mno_not_supported", "check_not_found", "ip_msisdn_mismatch", "ip_mismatch",
		"not_mobile_ip", "too_many_requests", "mno_redirect_unsupported"}
	sdkErrors = []string{absent, device.CodeNoDataConnectivity, device.CodeConnectionError, device.CodeRedirectError, device.CodeError,
		device.CodeInvalidScheme}
)

var (
	scenarioName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9.]+)*$`)
	msisdnForm   = regexp.MustCompile(`^[1-9][0-9]{6,14}$`)
)

// check reports what parses and still makes no sense.
func (f *file) check(s *Scenario) {
	if !scenarioName.MatchString(s.Name) {
		f.at(f.token("$.scenario"), "a scenario needs a name of lower-case words joined by dashes, such as my-first-one; this is %q", s.Name)
	}
	f.word("$.source", s.Source, sources)
	for i, tag := range s.Tags {
		f.word(fmt.Sprintf("$.tags[%d]", i), string(tag), tags)
	}
	f.checkCast("$.cast", s.Cast)
	if len(s.Script) == 0 {
		f.at(f.token("$.script"), "the script is empty: begin with verify: {number: \"447700900001\"}")
	}
	for i := range s.Script {
		f.checkStep(fmt.Sprintf("$.script[%d]", i), s, &s.Script[i])
	}
	f.checkExpect("$.expect", s.Expect)
}

func (f *file) checkCast(path string, c Cast) {
	if len(c.Devices) == 0 {
		f.at(f.token(path), "the cast needs at least one device: devices: {alice: {msisdn: \"447700900001\"}}")
	}
	c.Operators.check(f, path+".operators", false)
	c.Platform.check(f, path+".platform")
	for _, name := range c.Names() {
		f.checkDevice(path+".devices."+name, c.Devices[name])
		f.checkHotspot(path+".devices."+name, c, name, c.Devices[name].Path)
	}
}

// word reports a text that is set and not one of the valid ones.
func (f *file) word(path, written string, valid []string) {
	if written != "" && !slices.Contains(valid, written) {
		what, item, _ := strings.Cut(path[strings.LastIndexByte(path, '.')+1:], "[")
		if item != "" {
			what = strings.TrimSuffix(what, "s") // one of them
		}
		f.at(f.token(path), "%q is not a known %s%s", written, what, hint(written, valid))
	}
}

func (f *file) number(path, written string) {
	if !msisdnForm.MatchString(written) {
		f.at(f.token(path), "%q is not a number in E.164 without plus, such as 447700900001", written)
	}
}

func (f *file) checkDevice(path string, d Device) {
	if d.MSISDN != "" || !d.DataCentre {
		f.number(path+".msisdn", d.MSISDN)
	}
	f.word(path+".operator", d.Operator, sim.DefaultOperators())
	if d.SecondSIM != nil {
		f.number(path+".second_sim.msisdn", d.SecondSIM.MSISDN)
	}
	if slots := 1; d.DataSIM != 0 {
		if d.SecondSIM != nil {
			slots = 2
		}
		if d.DataSIM < 1 || d.DataSIM > slots {
			f.at(f.token(path+".data_sim"), "there is no slot %d; the device has %d SIM(s), in slots from 1", d.DataSIM, slots)
		}
	}
	if d.Forge != "" {
		f.number(path+".forge", d.Forge)
	}
	f.checkPath(path, d.Path)
	if d.HTTPSOnly && d.SDK != (device.Browser{}).String() {
		f.at(f.token(path+".https_only"), "https_only is a browser's mode: it needs sdk: browser")
	}
	f.word(path+".sdk", d.SDK, sdkNames())
	f.word(path+".api", d.API, apis)
}

func (f *file) checkStep(path string, s *Scenario, step *Step) {
	all := step.verbs()
	if len(all) != 1 {
		var names []string
		for _, v := range all {
			names = append(names, v.name)
		}
		f.at(f.token(path), "a step has one verb, this one has %d %v", len(all), names)
		return
	}
	name, said := step.verb()
	path += "." + name
	f.checkExpect(path[:strings.LastIndexByte(path, '.')]+".expect", step.Expect)
	switch v := said.(type) {
	case *Verify:
		f.actor(path, s, v.Device)
		if v.Number == "" {
			f.at(f.token(path), "%s needs the number that the user types", name)
		}
	case *OpenCheckURL:
		f.actor(path, s, v.Device)
		if v.CheckOf != "" {
			f.device(path+".check_of", s, v.CheckOf)
		}
	case *RedeemCode:
		f.actor(path, s, v.Device)
		if v.CheckOf != "" {
			f.device(path+".check_of", s, v.CheckOf)
		}
	case *Act:
		f.actor(path, s, v.Device)
	case *Set:
		f.actor(path, s, v.Device)
		f.checkPath(path, v.Path)
		f.checkHotspot(path, s.Cast, v.Device, v.Path)
		if v.AfterAnswers < 0 {
			f.at(f.token(path+".after_answers"), "after_answers counts answers and cannot be negative")
		}
	case player:
		v.check(f, path, s)
	case *Fault:
		f.checkFault(path, *v)
	}
}

func (f *file) checkFault(path string, v Fault) {
	if err := v.fault().Validate(); err != nil {
		f.at(f.token(path), "%v", err)
	}
	if v.Host == "" {
		f.at(f.token(path), "a fault needs the host that it stands in front of, such as \"sna.*\"")
	}
}

// actor reports a device that is not in the cast, or one left out where there are several.
func (f *file) actor(path string, s *Scenario, name string) {
	switch {
	case name != "":
		f.device(path+".device", s, name)
	case len(s.Cast.Devices) > 1:
		f.at(f.token(path), "say which device: there are %s", strings.Join(s.Cast.Names(), ", "))
	}
}

func (f *file) device(path string, s *Scenario, name string) {
	if _, ok := s.Cast.Devices[name]; !ok {
		f.at(f.token(path), "the cast has no device %q%s", name, hint(name, s.Cast.Names()))
	}
}

func (f *file) checkExpect(path string, e Expect) {
	f.word(path+".device.match", string(e.Device.Match), verdicts)
	f.word(path+".device.no_sim_change", string(e.Device.NoSIMChange), verdicts)
	f.word(path+".device.code", e.Device.Code, presence)
	f.word(path+".device.error", e.Device.Error, sdkErrors)
	f.word(path+".device.problem", e.Device.Problem, problems)
	f.word(path+".check.status", e.Check.Status, statuses)
	f.word(path+".check.match", string(e.Check.Match), verdicts)
	f.word(path+".check.error_code", e.Check.ErrorCode, errorCodes)
}
