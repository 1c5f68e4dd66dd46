package apitest

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var english = message.NewPrinter(language.English)

//go:embed differences.yaml
var knownDifferences []byte

// difference is a way in which the fake is known not to be as the vendor describes, and why.
type difference struct {
	Answers string `yaml:"answers"` // a pattern of "GET /path 200"
	Says    string `yaml:"says"`    // a pattern of what is wrong by the vendor's description
	Why     string `yaml:"why"`
}

// described is what answers are held against.
type described struct {
	ours, vendor *Contract // vendor is nil where its description is not at hand
	known        []difference
}

// Recorder checks answers as they come and keeps what it finds. It is safe for concurrent use.
type Recorder struct {
	described

	mu    sync.Mutex
	seen  map[string]bool // answers
	met   map[int]bool    // known differences
	wrong []string
}

// descriptions are read once: it takes longer than most specs.
var descriptions = sync.OnceValues(func() (r described, err error) {
	if r.ours, err = Ours(idlayrfake.OpenAPI()); err != nil {
		return r, err
	}
	if err := yaml.Unmarshal(knownDifferences, &r.known); err != nil {
		return r, err
	}
	document, err := vendorDocument()
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		r.vendor, err = Vendor(document)
	}
	return r, err
})

// NewRecorder returns a recorder that has seen nothing.
func NewRecorder() (*Recorder, error) {
	d, err := descriptions()
	return &Recorder{described: d, seen: map[string]bool{}, met: map[int]bool{}}, err
}

// vendorDocument is beside the project, where it is at all.
func vendorDocument() ([]byte, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return os.ReadFile(filepath.Join(dir, "..", "shared", "vendor-openapi", "responses.json"))
		}
		if filepath.Dir(dir) == dir {
			return nil, fs.ErrNotExist
		}
		dir = filepath.Dir(dir)
	}
}

// HasVendor says whether the vendor's description is at hand.
func (r *Recorder) HasVendor() bool { return r.vendor != nil }

// Contract returns our own description.
func (r *Recorder) Contract() *Contract { return r.ours }

// Records checks what the platform answered, and whom it called back, in a journal.
func (r *Recorder) Records(records []journal.Record) {
	for i := range records {
		x := &records[i]
		u, err := url.Parse(x.URL)
		switch {
		case err != nil || x.IsNote() || x.Open() || x.Err != "":
		case x.To == journal.IDlayr && !anyFault(x.Notes):
			r.Answer(Answer{x.Method, u.Path, x.Status, x.ResponseHeader, x.ResponseBody})
		case x.From == journal.IDlayr && x.To == journal.Server:
			r.report(fmt.Sprintf("callback to %s", u.Path), r.ours.CheckCallback(x.RequestBody))
		}
	}
}

// anyFault: the network answered in the platform's place.
func anyFault(notes []string) bool {
	return slices.ContainsFunc(notes, func(n string) bool { return strings.HasPrefix(n, "fault") })
}

// Answer checks one answer.
func (r *Recorder) Answer(a Answer) {
	a.Path = slashes.ReplaceAllString(a.Path, "/")
	a.Method = strings.ToUpper(a.Method)
	if a.Method == http.MethodOptions || a.Method == http.MethodHead {
		return
	}
	name, wrong := r.ours.Check(a)
	r.mu.Lock()
	r.seen[name] = true
	r.mu.Unlock()
	r.report("our description: "+name, wrong)
	if r.vendor == nil || r.ours.find(a.Method, a.Path) == nil {
		return
	}
	if r.vendor.find(a.Method, a.Path) == nil {
		wrong = []string{"there is no such operation"}
	} else {
		name, wrong = r.vendor.Check(a)
	}
	var unknown []string
	for _, line := range wrong {
		if !r.expected(name, line) {
			unknown = append(unknown, line)
		}
	}
	r.report("the vendor's description: "+name, unknown)
}

var slashes = regexp.MustCompile(`/+`)

// expected notes which known difference it is.
func (r *Recorder) expected(name, line string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, d := range r.known {
		if matches(d.Answers, name) && matches(d.Says, line) {
			r.met[i] = true
			return true
		}
	}
	return false
}

// matches: a star stands for anything, and | for or.
func matches(pattern, s string) bool {
	return slices.ContainsFunc(strings.Split(pattern, "|"), func(one string) bool { return vnet.MatchPattern(one, s) })
}

func (r *Recorder) report(name string, wrong []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range wrong {
		if text := name + ": " + line; !slices.Contains(r.wrong, text) {
			r.wrong = append(r.wrong, text)
		}
	}
}

// Wrong returns all that was not as described and is not a known difference.
func (r *Recorder) Wrong() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.wrong)
	return slices.Clone(r.wrong)
}

// Answers says how many different answers were checked.
func (r *Recorder) Answers() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

// Unseen returns what our description knows and nobody has answered.
func (r *Recorder) Unseen() (names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range r.ours.Documented() {
		if !r.seen[name] {
			names = append(names, name)
		}
	}
	return names
}

// Unmet returns the known differences that did not show.
func (r *Recorder) Unmet() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, d := range r.known {
		if !r.met[i] {
			all = append(all, d.Answers+": "+d.Says)
		}
	}
	return all
}

// Handler records what a handler answers.
func (r *Recorder) Handler(w http.ResponseWriter, req *http.Request, answer func(http.ResponseWriter, *http.Request)) {
	path, method := req.URL.Path, req.Method
	tee := &tee{ResponseWriter: w, status: http.StatusOK}
	answer(tee, req)
	r.Answer(Answer{method, path, tee.status, w.Header(), tee.body})
}

type tee struct {
	http.ResponseWriter
	status int
	body   []byte
}

func (t *tee) WriteHeader(status int) {
	t.status = status
	t.ResponseWriter.WriteHeader(status)
}

func (t *tee) Write(b []byte) (int, error) {
	t.body = append(t.body, b...)
	return t.ResponseWriter.Write(b)
}
