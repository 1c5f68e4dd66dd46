package contract

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Profile says how an app speaks to a backend, and how to tell that a session is verified. Make one with [ParseProfile] or
// [Ready]; the schema of the file is [ProfileSchema].
type Profile struct {
	Name     string  `yaml:"profile"`
	Version  string  `yaml:"version"`  // of the API that the backend uses, "v0.1" or "v0.2"
	Region   string  `yaml:"region"`   // the data residency that the backend has to use; "eu" when empty
	Country  string  `yaml:"country"`  // "GB" if numbers without country code are taken as British; else left out
	Start    Start   `yaml:"start"`    // steps 2 and 4
	Finish   Finish  `yaml:"finish"`   // steps 6 and 8
	Session  Session `yaml:"session"`  // how the backend knows its client again
	Oracle   Oracle  `yaml:"oracle"`   // whether a session is verified
	Callback string  `yaml:"callback"` // path at which the backend takes the platform's callbacks; empty if it takes none
	Fallback []Sign  `yaml:"fallback"` // how the app sees that another way has to be offered: any of these
	Limit    *int    `yaml:"limit"`    // starts that one session gets at most; 0 if something in front of the backend sees to it

	file string
}

// Start is the request that begins a check and where its answer has what.
type Start struct {
	Method   string            `yaml:"method"`
	Path     string            `yaml:"path"`
	Type     string            `yaml:"type"`
	Headers  map[string]string `yaml:"headers"`
	Body     string            `yaml:"body"`
	CheckID  string            `yaml:"check_id"`
	CheckURL string            `yaml:"check_url"`
}

// Finish is the request for the result.
type Finish struct {
	Method  string            `yaml:"method"`
	Path    string            `yaml:"path"`
	Type    string            `yaml:"type"`
	Headers map[string]string `yaml:"headers"`
	Body    string            `yaml:"body"`
	Match   string            `yaml:"match"`
	Landing bool              `yaml:"landing"` // the platform sends browsers to the backend with the code; that request is the finish
}

// Session is how a client is known again.
type Session struct {
	By    string `yaml:"by"`    // cookie, bearer or none
	Token string `yaml:"token"` // where the bearer token stands in the answer of the login, or of the start without one
	Login *Login `yaml:"login"` // what an app does before it starts; nothing when left out
}

// Login is the request that makes a session.
type Login struct {
	Method  string            `yaml:"method"`
	Path    string            `yaml:"path"`
	Type    string            `yaml:"type"`
	Headers map[string]string `yaml:"headers"`
	Body    string            `yaml:"body"`
}

// Oracle tells whether a session is verified: by a request of its own, or without a path by the last answer to finish.
type Oracle struct {
	Method   string            `yaml:"method"`
	Path     string            `yaml:"path"`
	Headers  map[string]string `yaml:"headers"`
	Verified Sign              `yaml:"verified"`
	Number   string            `yaml:"number"` // where the answer has the number that was verified, if it has
}

// Sign is something to be seen in an answer. All that is said has to hold.
type Sign struct {
	Status   int    `yaml:"status"`   // the HTTP status
	Member   string `yaml:"member"`   // path of a member, "a.b.0"; by itself: it is there and not null
	Equals   any    `yaml:"equals"`   // that member's value
	In       []any  `yaml:"in"`       // or one of several
	Contains string `yaml:"contains"` // text anywhere in the body
}

func (s Sign) empty() bool {
	return s.Status == 0 && s.Member == "" && s.Contains == ""
}

// in reports whether the sign is in an answer.
func (s Sign) in(a *answer) bool {
	if s.empty() || a == nil || !a.answered() || s.Status != 0 && s.Status != a.status || !strings.Contains(string(a.body), s.Contains) {
		return false
	}
	if s.Member == "" {
		return true
	}
	value, there := member(a.json, s.Member)
	switch {
	case !there || value == nil:
		return false
	case s.Equals != nil:
		return same(value, s.Equals)
	case len(s.In) > 0:
		return slices.ContainsFunc(s.In, func(want any) bool { return same(value, want) })
	}
	return true
}

// same compares values of JSON and YAML, whose numbers have other types.
func same(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

//go:embed profiles
var profileFiles embed.FS

// ReadyProfiles are the names that [Ready] knows.
func ReadyProfiles() []string {
	entries, _ := profileFiles.ReadDir("profiles")
	var names []string
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".yaml"); name != "template" {
			names = append(names, name)
		}
	}
	return names
}

// Ready returns one of the profiles that come with the package: "guide" for the endpoints of the integration guide, "dev-server" for the
// routes of the vendor's sample server, "reference" for sim/appserver; the latter two with "-v0.1" for the first version.
func Ready(name string) (*Profile, error) {
	content, err := profileFiles.ReadFile("profiles/" + name + ".yaml")
	if err != nil || !slices.Contains(ReadyProfiles(), name) {
		return nil, fmt.Errorf("contract: there is no ready profile %q; there are %s", name, strings.Join(ReadyProfiles(), ", "))
	}
	p, err := ParseProfile(name+".yaml", content)
	if err == nil {
		p.file = name
	}
	return p, err
}

// ProfileTemplate is a commented profile to start from.
func ProfileTemplate() []byte {
	content, _ := profileFiles.ReadFile("profiles/template.yaml")
	return content
}

func (p *Profile) source() string {
	if p.file != "" {
		return p.file
	}
	return p.Name
}

// complete sets defaults and says what makes no sense.
func (p *Profile) complete() error {
	set := func(to *string, standard string) {
		if *to == "" {
			*to = standard
		}
	}
	set(&p.Version, "v0.1")
	set(&p.Region, "eu")
	set(&p.Start.Method, http.MethodPost)
	set(&p.Start.CheckID, "check_id")
	set(&p.Start.CheckURL, "check_url")
	if p.Finish.Body != "" {
		set(&p.Finish.Method, http.MethodPost)
	}
	set(&p.Finish.Method, http.MethodGet)
	set(&p.Finish.Match, "match")
	set(&p.Oracle.Method, http.MethodGet)
	set(&p.Session.By, "cookie")
	if l := p.Session.Login; l != nil {
		set(&l.Method, http.MethodPost)
	}
	if p.Oracle.Path == "" && p.Oracle.Verified.empty() {
		p.Oracle.Verified = Sign{Member: p.Finish.Match, Equals: true}
	}
	for _, m := range p.mistakes() {
		return fmt.Errorf("contract: profile %s: %s: %s", p.Name, m.at, m.text)
	}
	return nil
}

type profileMistake struct{ at, text string }

// mistakes are what makes no sense in a profile that has its defaults.
func (p *Profile) mistakes() (found []profileMistake) {
	wrong := func(at, format string, args ...any) {
		found = append(found, profileMistake{at, fmt.Sprintf(format, args...)})
	}
	word := func(at, written string, valid ...string) {
		if written != "" && !slices.Contains(valid, written) {
			wrong(at, "%q is not one of %s", written, strings.Join(valid, ", "))
		}
	}
	path := func(at, written string) {
		if u, err := url.Parse(written); written != "" && (err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(written, "/")) {
			wrong(at, "%q is not a path that begins with a slash", written)
		}
	}
	if p.Name == "" {
		wrong("$.profile", "a profile needs a name")
	}
	word("$.version", p.Version, "v0.1", "v0.2")
	word("$.region", p.Region, "eu", "in", "us")
	word("$.country", p.Country, "GB", "DE", "US")
	word("$.session.by", p.Session.By, "cookie", "bearer", "none")
	word("$.start.type", p.Start.Type, "json", "form")
	word("$.finish.type", p.Finish.Type, "json", "form")
	if p.Start.Path == "" {
		wrong("$.start", "say the path at which a check is started")
	}
	if p.Finish.Path == "" {
		wrong("$.finish", "say the path at which the result is asked for")
	}
	path("$.start.path", p.Start.Path)
	path("$.finish.path", p.Finish.Path)
	path("$.oracle.path", p.Oracle.Path)
	path("$.callback", p.Callback)
	if l := p.Session.Login; l != nil {
		path("$.session.login.path", l.Path)
		word("$.session.login.type", l.Type, "json", "form")
		if l.Path == "" {
			wrong("$.session.login", "say the path of the login")
		}
	}
	if !strings.Contains(p.Start.Path+p.Start.Body, "{number}") {
		wrong("$.start", "neither path nor body has {number}")
	}
	if said := p.Finish.Path + p.Finish.Body; p.Version == "v0.2" && !strings.Contains(said, "{code}") {
		wrong("$.finish", "neither path nor body has {code}, which v0.2 needs")
	}
	for _, c := range []struct{ at, kind, body string }{
		{"$.start.body", p.Start.Type, p.Start.Body}, {"$.finish.body", p.Finish.Type, p.Finish.Body},
	} {
		var object map[string]any
		if c.body != "" && c.kind != "form" && json.Unmarshal([]byte(c.body), &object) != nil {
			wrong(c.at, "%q is not a JSON object; say type: form for a form", c.body)
		}
	}
	if p.Oracle.Path != "" && p.Oracle.Verified.empty() {
		wrong("$.oracle", "say how its answer looks when the session is verified: verified: {member: verified, equals: true}")
	}
	if p.Session.By == "bearer" && p.Session.Token == "" {
		wrong("$.session", "say where the token stands: token: access_token")
	}
	for i, s := range p.Fallback {
		if s.empty() {
			wrong(fmt.Sprintf("$.fallback[%d]", i), "say at least one of status, member and contains")
		}
	}
	return found
}

// message is a request of a phone's as the profile has it.
type message struct {
	method, path, kind string
	headers            map[string]string
	body               string
}

func (p *Profile) start() message {
	s := p.Start
	return message{s.Method, s.Path, s.Type, s.Headers, s.Body}
}

func (p *Profile) finish() message {
	f := p.Finish
	return message{f.Method, f.Path, f.Type, f.Headers, f.Body}
}

func (p *Profile) probe() message {
	o := p.Oracle
	return message{method: o.Method, path: o.Path, headers: o.Headers}
}

func (l *Login) message() message { return message{l.Method, l.Path, l.Type, l.Headers, l.Body} }

// values are what stands in for the words in braces.
type values map[string]string

// filled puts values into path, headers and body, each escaped for where it stands.
func (m message) filled(v values) message {
	for name, value := range v {
		word := "{" + name + "}"
		m.path = strings.ReplaceAll(m.path, word, url.QueryEscape(value))
		if m.kind == "form" {
			m.body = strings.ReplaceAll(m.body, word, url.QueryEscape(value))
		} else {
			quoted, _ := json.Marshal(value)
			m.body = strings.ReplaceAll(m.body, word, string(quoted[1:len(quoted)-1]))
		}
		headers := map[string]string{}
		for k, h := range m.headers {
			headers[k] = strings.ReplaceAll(h, word, value)
		}
		m.headers = headers
	}
	return m
}

// with adds members to what is sent, as a client can that is not the integrator's app.
func (m message) with(extra map[string]any) message {
	if len(extra) == 0 {
		return m
	}
	text := func(v any) string {
		if s, ok := v.(string); ok {
			return s
		}
		return fmt.Sprint(v)
	}
	form := url.Values{}
	for name, value := range extra {
		form.Set(name, text(value))
	}
	var object map[string]any
	switch {
	case m.body == "" && m.method == http.MethodGet:
		m.path += separator(m.path) + form.Encode()
	case m.kind == "form":
		m.body = strings.TrimPrefix(m.body+"&"+form.Encode(), "&")
	case m.body == "" || json.Unmarshal([]byte(m.body), &object) == nil:
		if object == nil {
			object = map[string]any{}
		}
		for name, value := range extra {
			object[name] = value
		}
		body, _ := json.Marshal(object)
		m.body = string(body)
	}
	return m
}

func separator(path string) string {
	if strings.Contains(path, "?") {
		return "&"
	}
	return "?"
}

// numberFields are the names under which the start takes the number, and such that others use.
func (p *Profile) numberFields() []string {
	fields := []string{"phone_number", "phoneNumber", "number", "msisdn", "phone"}
	var object map[string]any
	if json.Unmarshal([]byte(p.Start.Body), &object) == nil {
		for name, value := range object {
			if value == "{number}" && !slices.Contains(fields, name) {
				fields = append(fields, name)
			}
		}
	}
	slices.Sort(fields)
	return fields
}
