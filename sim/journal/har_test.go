package journal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

func archived(pages ...journal.HARPage) []byte {
	GinkgoHelper()
	var b bytes.Buffer
	Expect(journal.HAR(&b, pages)).To(Succeed())
	return b.Bytes()
}

// archive is what the specs look at in an HTTP archive.
type archive struct {
	Log struct {
		Pages []struct {
			ID, Title, StartedDateTime string
			Notes                      []string `json:"_notes"`
		}
		Entries []archivedEntry
	}
}

type archivedEntry struct {
	Pageref, StartedDateTime string
	Time                     float64
	Request                  struct {
		URL                           string
		Cookies, Headers, QueryString []map[string]any
		PostData                      *struct{ MimeType, Text, Comment string }
		BodySize                      int
	}
	Response struct {
		Status                   int
		HTTPVersion, RedirectURL string
		Cookies, Headers         []map[string]any
		Content                  struct {
			Size                              int
			MimeType, Text, Encoding, Comment string
		}
		BodySize int
		Error    string `json:"_error"`
	}
	Timings map[string]float64
	Step    int      `json:"_step"`
	From    string   `json:"_from"`
	To      string   `json:"_to"`
	Path    string   `json:"_path"`
	Notes   []string `json:"_notes"`
	Open    bool     `json:"_open"`
}

func readHAR(b []byte) (a archive) {
	GinkgoHelper()
	Expect(json.Unmarshal(b, &a)).To(Succeed())
	return a
}

// only returns the one entry of one exchange.
func only(request func(*vnet.Exchange), o vnet.Outcome) archivedEntry {
	GinkgoHelper()
	t := newTape(journal.Config{})
	x := t.open(server, "IDlayr", nil, "POST", "https://b.example/")
	if request != nil {
		request(x)
	}
	t.wait(1500 * time.Microsecond)
	t.closeWith(x, o)
	a := readHAR(archived(journal.HARPage{Records: t.Records()}))
	Expect(a.Log.Entries).To(HaveLen(1))
	return a.Log.Entries[0]
}

func harSchema() *jsonschema.Schema {
	GinkgoHelper()
	source, err := os.ReadFile("testdata/har.schema.json")
	Expect(err).NotTo(HaveOccurred())
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	Expect(err).NotTo(HaveOccurred())
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	Expect(c.AddResource("har.schema.json", doc)).To(Succeed())
	s, err := c.Compile("har.schema.json")
	Expect(err).NotTo(HaveOccurred())
	return s
}

func valid(b []byte) {
	GinkgoHelper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	Expect(err).NotTo(HaveOccurred())
	Expect(harSchema().Validate(doc)).To(Succeed())
}

var _ = Describe("HAR", func() {
	It("writes the guide's flow, and trouble", func() {
		b := archived(
			journal.HARPage{Title: "flow", Records: verified(journal.Config{}).Records()},
			journal.HARPage{Title: "trouble", Records: troubled().Records()},
		)
		golden("flow.har", b)
		valid(b)
	})

	It("is valid when there is nothing", func() {
		valid(archived())
		valid(archived(journal.HARPage{}))
	})

	It("is valid whatever others choose", func() {
		for _, s := range []string{"", "\x00\x1b\xff", "\n", "a=b; c=d, e", "%zz?%&=%=&", "\u202e😀 \"<&>", "Bearer x", "code="} {
			b := archived(journal.HARPage{Title: s, Records: crooked(s, 302)})
			valid(b)
			Expect(strings.ToValidUTF8(string(b), "?")).To(Equal(string(b)))
		}
	})

	It("has a page per journal, with the notes that stand by themselves", func() {
		a := readHAR(archived(
			journal.HARPage{Title: "same", Records: verified(journal.Config{}).Records()},
			journal.HARPage{Title: "same", Records: troubled().Records()},
		))
		Expect(a.Log.Pages).To(HaveLen(2))
		Expect(a.Log.Pages[0].ID).NotTo(Equal(a.Log.Pages[1].ID))
		Expect(a.Log.Pages[0].Notes).To(Equal([]string{"user types 447700900001"}))
		Expect(a.Log.Pages[0].StartedDateTime).To(Equal("2020-06-01T16:43:30.000Z"))
		refs := map[string]int{}
		for _, e := range a.Log.Entries {
			refs[e.Pageref]++
		}
		Expect(refs).To(Equal(map[string]int{a.Log.Pages[0].ID: 8, a.Log.Pages[1].ID: 5}))
	})

	It("says when, for how long, who, by which path, in which step and what was noted", func() {
		a := readHAR(archived(journal.HARPage{Records: verified(journal.Config{}).Records()}))
		hop := a.Log.Entries[3]
		Expect(hop.StartedDateTime).To(Equal("2020-06-01T16:43:30.320Z"))
		Expect(hop.Time).To(Equal(20.0))
		Expect(hop.Timings).To(Equal(map[string]float64{
			"blocked": -1, "dns": -1, "connect": -1, "send": 0, "wait": 20, "receive": 0, "ssl": -1,
		}))
		Expect(hop.Response.RedirectURL).To(Equal("http://sna.o2.example/start?session=Zk3vQ8"))
		Expect([]any{hop.Step, hop.From, hop.To, hop.Path}).To(Equal([]any{5, "Device alice", "IDlayr", "cellular"}))
		Expect(hop.Notes).To(Equal([]string{"check moved ACCEPTED → PENDING"}))
	})

	It("keeps the fractions of a millisecond", func() {
		Expect(only(nil, vnet.Outcome{Status: 200}).Time).To(Equal(1.5))
	})

	It("sorts headers by name and keeps the order of those with one name", func() {
		e := only(func(x *vnet.Exchange) {
			x.Header = http.Header{"B": {"2", "1"}, "A": {"x"}, "C": {"y"}}
		}, vnet.Outcome{Status: 200})
		Expect(e.Request.Headers).To(Equal([]map[string]any{
			{"name": "A", "value": "x"}, {"name": "B", "value": "2"}, {"name": "B", "value": "1"}, {"name": "C", "value": "y"},
		}))
	})

	It("parses cookies", func() {
		e := only(func(x *vnet.Exchange) {
			x.Header = http.Header{"Cookie": {"a=secret-canary; path=secret-canary"}}
		}, vnet.Outcome{Status: 200, Header: http.Header{"Set-Cookie": {
			"s=secret-canary; Path=/x; Domain=b.example; Expires=Mon, 01 Jun 2020 17:00:00 GMT; HttpOnly; Secure", "no cookie",
		}}})
		Expect(e.Request.Cookies).To(Equal([]map[string]any{{"name": "a", "value": "secr…"}, {"name": "path", "value": "secr…"}}))
		Expect(e.Response.Cookies).To(Equal([]map[string]any{{
			"name": "s", "value": "secr…", "path": "/x", "domain": "b.example", "expires": "2020-06-01T17:00:00.000Z",
			"httpOnly": true, "secure": true,
		}}))
		Expect(e.Response.Headers).To(HaveLen(2))
	})

	It("takes the query apart", func() {
		e := only(func(x *vnet.Exchange) {
			x.URL = "https://b.example/?b=2&a=x%20y+z&&c&bad=%zz&code=secret-canary&to=https%3A%2F%2Fx%2F%3Fcode%3Dsecret-canary#?d=1"
		}, vnet.Outcome{Status: 200})
		Expect(e.Request.QueryString).To(Equal([]map[string]any{
			{"name": "b", "value": "2"}, {"name": "a", "value": "x y z"}, {"name": "c", "value": ""},
			{"name": "bad", "value": "%zz"}, {"name": "code", "value": "secr…"}, {"name": "to", "value": "https://x/?code=secr…"},
		}))
	})

	It("has bodies as they were recorded", func() {
		e := only(func(x *vnet.Exchange) {
			x.Header.Set("Content-Type", "text/plain")
			x.Body = []byte("in <&>")
		}, vnet.Outcome{Status: 200, Header: http.Header{"Content-Type": {"text/html"}, "Content-Length": {"70000"}}, Body: []byte("out\x00")})
		Expect(e.Request.PostData.MimeType).To(Equal("text/plain"))
		Expect(e.Request.PostData.Text).To(Equal("in <&>"))
		Expect(e.Request.BodySize).To(Equal(6))
		Expect(e.Response.Content.MimeType).To(Equal("text/html"))
		Expect(e.Response.Content.Text).To(Equal("out\x00"))
		Expect([]int{e.Response.Content.Size, e.Response.BodySize}).To(Equal([]int{70000, 70000}), "the journal kept the beginning")
	})

	It("has what is no text in base64", func() {
		raw := []byte("\xff\xfe")
		e := only(func(x *vnet.Exchange) { x.Body = raw }, vnet.Outcome{Status: 200, Body: raw})
		Expect(e.Response.Content.Encoding).To(Equal("base64"))
		Expect(base64.StdEncoding.DecodeString(e.Response.Content.Text)).To(Equal(raw))
		Expect(e.Request.PostData.Comment).To(Equal("base64"))
		Expect(base64.StdEncoding.DecodeString(e.Request.PostData.Text)).To(Equal(raw))
	})

	It("leaves out what is packed", func() {
		e := only(nil, vnet.Outcome{Status: 200, Header: http.Header{"Content-Encoding": {"gzip"}}, Body: []byte("\x1f\x8bxyz")})
		Expect(e.Response.Content.Text).To(BeEmpty())
		Expect(e.Response.Content.Comment).To(ContainSubstring("gzip"))
		Expect(e.Response.Content.Size).To(Equal(-1))
		Expect(e.Response.BodySize).To(Equal(5))
		e = only(nil, vnet.Outcome{Status: 200, Header: http.Header{"Content-Encoding": {"identity"}}, Body: []byte("xyz")})
		Expect(e.Response.Content.Text).To(Equal("xyz"))
	})

	It("tells what went wrong on the wire", func() {
		e := only(nil, vnet.Outcome{Err: "connection reset after 0 bytes"})
		Expect(e.Response.Status).To(BeZero())
		Expect(e.Response.HTTPVersion).To(BeEmpty())
		Expect(e.Response.Error).To(Equal("connection reset after 0 bytes"))
		Expect(e.Response.BodySize).To(Equal(-1))
		e = only(nil, vnet.Outcome{Status: 200, Err: "connection reset after 20 bytes", Body: []byte("x")})
		Expect(e.Response.Status).To(Equal(200), "it began")
		Expect(e.Response.BodySize).To(Equal(-1))
	})

	It("marks what has not ended", func() {
		a := readHAR(archived(journal.HARPage{Records: troubled().Records()}))
		last := a.Log.Entries[len(a.Log.Entries)-1]
		Expect(last.Open).To(BeTrue())
		Expect(last.Response.Status).To(BeZero())
		Expect(slices.IndexFunc(a.Log.Entries, func(e archivedEntry) bool { return e.Open })).To(Equal(len(a.Log.Entries) - 1))
	})

	It("lets no secret through, not even under another name", func() {
		const token = "t0ken-canary-of-some-length"
		t := newTape(journal.Config{})
		t.Note("Server", "code=c0de-canary", t.at, 3)
		x := t.open(server, "IDlayr", nil, "POST", "https://b.example/oauth2/v1/token?access_token="+token)
		x.Header = http.Header{"Authorization": {"Basic Y2FuYXJ5OmNhbmFyeQ=="}, "Cookie": {"s=c00kie-canary"}}
		x.Body = []byte("grant_type=client_credentials&client_secret=s3cret-canary-of-some-length")
		t.note(x, "sent Bearer "+token)
		t.closeWith(x, vnet.Outcome{
			Status: 302, Err: "cut at access_token=" + token, Body: []byte(`{"access_token":"` + token + `"}`),
			Header: http.Header{"Location": {"https://x.example/?code=c0de-canary"}, "Set-Cookie": {"s=c00kie-canary"}},
		})
		y := t.open(server, "IDlayr", nil, "POST", "https://b.example/?mine="+token)
		y.Header = http.Header{"X-Mine": {token}, "X-Credentials": {"Y2FuYXJ5OmNhbmFyeQ=="}}
		y.Body = []byte(`{"mine":"s3cret-canary-of-some-length"}`)
		t.note(y, "mine is "+token)
		t.close(y, 200, `{"token":"`+token+`"}`)
		b := archived(journal.HARPage{Title: "Bearer " + token, Records: t.Records()})
		valid(b)
		Expect(string(b)).NotTo(ContainSubstring("canary"))
		Expect(string(b)).NotTo(ContainSubstring("Y2FuYXJ5"))
	})

	It("keeps short words that somebody uses as a secret", func() {
		e := only(func(x *vnet.Exchange) { x.Header.Set("Authorization", "Bearer startedDateTime") },
			vnet.Outcome{Status: 200, Body: []byte("startedDateTime")})
		Expect(e.Response.Content.Text).To(Equal("startedDateTime"))
	})

	It("says that nobody reads it", func() {
		Expect(journal.HAR(noWriter{}, nil)).To(MatchError("nobody"))
	})
})

type noWriter struct{}

func (noWriter) Write([]byte) (int, error) { return 0, errors.New("nobody") }
