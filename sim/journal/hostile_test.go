package journal_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// crooked plays one exchange in which everything that others choose is s.
func crooked(s string, status int) []journal.Record {
	t := newTape(journal.Config{})
	t.Note(s, s, t.at, 1)
	x := t.open(vnet.Origin{Owner: s, Path: s, Kind: vnet.Kind(s)}, "Server", nil, s, "https://b.example/"+s)
	t.note(x, s)
	y := t.open(server, s, x, "GET", "http:"+s)
	t.wait(time.Millisecond)
	t.closeWith(y, vnet.Outcome{Status: status, Header: http.Header{"Location": {"https://" + s}}, Body: []byte(fmt.Sprintf(`{"status":%q}`, s))})
	t.closeWith(x, vnet.Outcome{Status: status, Err: s})
	return t.Records()
}

var mermaidLine = regexp.MustCompile(`^    (participant \w+ as .+|\w+(->>|-->>|--x)\w+: .+|Note over \w+(,\w+)?: .+)$`)

// check returns what is wrong with the drawings, or nothing.
func check(records []journal.Record, width int) string {
	out := text(records, journal.TextOptions{Width: width, MaskNumbers: true})
	for _, l := range lines(out) {
		if n := displayed(l); n > max(width, 60) {
			return fmt.Sprintf("%d columns: %q", n, l)
		}
		if bad := strings.IndexFunc(l, func(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 }); bad >= 0 {
			return fmt.Sprintf("control character: %q", l)
		}
	}
	if !utf8.ValidString(out) {
		return "not UTF-8"
	}
	return checkMermaid(journal.Mermaid(records, journal.MermaidOptions{}))
}

var (
	entity = regexp.MustCompile(`#\w+;`)
	arrows = regexp.MustCompile(`^(    \w+)(->>|-->>|--x)`)
)

func checkMermaid(m string) string {
	for i, l := range lines(m) {
		switch {
		case i == 0 && l == "sequenceDiagram":
		case i == 0 || !mermaidLine.MatchString(l):
			return fmt.Sprintf("Mermaid: %q", l)
		case strings.ContainsAny(entity.ReplaceAllString(arrows.ReplaceAllString(l, ""), ""), "#;<>{}%\\"):
			return fmt.Sprintf("Mermaid, not escaped: %q", l)
		}
	}
	return ""
}

// displayed counts columns the simple way: every test string is made of runes whose width is plain to see.
func displayed(s string) (n int) {
	for _, r := range s {
		n++
		if 0x2e80 <= r && r <= 0x9fff || 0xac00 <= r && r <= 0xd7a3 || 0xff01 <= r && r <= 0xff60 || 0x1f300 <= r && r <= 0x1f64f {
			n++
		}
	}
	return n
}

var _ = Describe("hostile text", func() {
	DescribeTable("stays inside the drawing", func(s string) {
		for _, width := range []int{0, 60, 61, 100, 237} {
			if width == 0 {
				width = 100
			}
			for _, status := range []int{0, 200, 302, 404, 1 << 30} {
				Expect(check(crooked(s, status), width)).To(BeEmpty())
			}
		}
	},
		Entry("escape sequences", "\x1b[2J\x1b]0;title\x07"),
		Entry("C1 controls", "\u009b31m"),
		Entry("line breaks", "a\r\nb\u2028c\x85d"),
		Entry("bidi", "\u202egnp.exe\u2066"),
		Entry("wide", strings.Repeat("電話番号", 40)),
		Entry("emoji", strings.Repeat("😀", 61)),
		Entry("combining", "e"+strings.Repeat("\u0301", 300)),
		Entry("Mermaid grammar", "end;%%{init: {}}%% #35; <script>\n    A->>B: x"),
		Entry("not UTF-8", "\xff\xfe"+strings.Repeat("\x80", 200)),
		Entry("empty", ""),
	)

	It("never draws wider than told, whatever the names and URLs", func() {
		rng := rand.New(rand.NewPCG(1, 2))
		alphabet := []rune("abcXYZ019/?&=%-_.~:;#é→電😀 \t\x1b")
		word := func() string {
			var b strings.Builder
			for range rng.IntN(120) {
				b.WriteRune(alphabet[rng.IntN(len(alphabet))])
			}
			return b.String()
		}
		owners := []string{"Device alice", "Device bob", "Server", "IDlayr", "MNO EE", "Other one", "More " + word(), "And more", "Last", "Very last"}
		for range 300 {
			t := newTape(journal.Config{})
			for range 1 + rng.IntN(6) {
				x := t.open(vnet.Origin{Owner: owners[rng.IntN(len(owners))], Path: word()}, owners[rng.IntN(len(owners))], nil, "GET", "http://b.example/"+word())
				t.note(x, word())
				t.wait(time.Duration(rng.Int64N(1e15)))
				t.closeWith(x, vnet.Outcome{Status: rng.IntN(600), Err: word()[:0]})
				t.Note(owners[rng.IntN(len(owners))], word(), t.at, rng.IntN(9))
			}
			Expect(check(t.Records(), 60+rng.IntN(100))).To(BeEmpty())
		}
	})
})

func FuzzRender(f *testing.F) {
	f.Add("\x1b[31m", 200)
	f.Add("end;%%{init}%%\n", 302)
	f.Add("電話 +44 7700 900001 access_token=\"", 0)
	f.Fuzz(func(t *testing.T, s string, status int) {
		records := crooked(s, status)
		out := text(records, journal.TextOptions{})
		if strings.ContainsAny(out, "\x1b\r\x07\x00") || !utf8.ValidString(out) {
			t.Errorf("%q", out)
		}
		if wrong := checkMermaid(journal.Mermaid(records, journal.MermaidOptions{})); wrong != "" {
			t.Error(wrong)
		}
		for _, mask := range []bool{false, true} {
			journal.Redact(s, mask)
		}
	})
}

func BenchmarkText(b *testing.B) {
	r := verified(journal.Config{}).Records()
	for b.Loop() {
		text(r, journal.TextOptions{})
	}
}
