package report_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/scenarios/report"
)

const wrongFile = "testdata/wrong.yaml"

// play runs scenarios.
func play(ctx context.Context, seed uint64, chosen ...*scenarios.Scenario) report.Run {
	GinkgoHelper()
	r := report.Run{Seed: seed, Scenarios: chosen}
	for _, s := range chosen {
		res, err := scenarios.Run(ctx, s, scenarios.Options{Seed: seed})
		Expect(err).NotTo(HaveOccurred())
		r.Results = append(r.Results, res)
	}
	return r
}

func named(name string) *scenarios.Scenario {
	GinkgoHelper()
	s, err := scenarios.Named(name)
	Expect(err).NotTo(HaveOccurred())
	return s
}

func wrong() *scenarios.Scenario {
	GinkgoHelper()
	s, err := scenarios.Load(wrongFile)
	Expect(err).NotTo(HaveOccurred())
	return s
}

// sample is a run with one scenario that comes out as it says and one that does not.
func sample(ctx context.Context) report.Run {
	GinkgoHelper()
	r := play(ctx, 1, named("match"), wrong())
	r.Files = []string{"", "scenarios/report/" + wrongFile}
	Expect(r.Results[0].Passed).To(BeTrue())
	Expect(r.Results[1].Failures).To(HaveLen(3))
	return r
}

func written(format string, r report.Run) string {
	GinkgoHelper()
	var b bytes.Buffer
	Expect(report.Write(&b, format, r)).To(Succeed())
	return b.String()
}

// hostile is a failed run in which everything that somebody else may choose is s.
func hostile(s string) report.Run {
	return report.Run{
		Scenarios: []*scenarios.Scenario{{Name: s, Title: s, Tags: []scenarios.Tag{scenarios.Tag(s)}}},
		Results: []*scenarios.Result{{
			Scenario: s, Explanation: s, VirtualSeconds: 1.5,
			Failures: []scenarios.Failure{{Where: s, Line: 7, What: s, Want: s, Got: s}},
		}},
		Files: []string{s},
	}
}

// texts are contents that some format takes as its own.
var texts = map[string]string{
	"line breaks":           "one\ntwo\r\nthree\rfour\u2028five\u2029six\u0085seven",
	"controls":              "bell\a null\x00 escape\x1b[31m delete\x7f csi\u009b",
	"not UTF-8":             "broken \xff\xc3( bytes",
	"no characters":         "not \ufffe or \uffff",
	"end of CDATA":          "]]> <![CDATA[ <!-- & \"quoted\" 'quoted'",
	"table":                 `a | b \| c \\| d`,
	"percents and colons":   "100%25 : , :: %0A ::error::gotcha",
	"fence":                 "```\n````\n~~~ end",
	"emoji":                 "😀 👩‍👩‍👧 ✅ é",
	"YAML":                  "...\n---\n: - # {a: [b]} 'c' \"d\" \\x41 & *e !f",
	"TAP":                   "\nok 1 - gotcha # SKIP\nBail out! \\# TODO",
	"HTML":                  "</details><script>alert(1)</script>",
	"only white space":      " \t\n ",
	"nothing":               "",
	"a directive at an end": "x # TODO",
}

var _ = Describe("Reports", func() {
	It("are these", func() {
		Expect(report.Formats()).To(Equal([]string{"github", "har", "json", "junit", "markdown", "mermaid", "tap"}))
	})

	for _, format := range report.Formats() {
		Describe("in the format "+format, func() {
			It("are as they were", func(ctx context.Context) {
				got := written(format, sample(ctx))
				path := "testdata/report." + format
				if *update {
					Expect(os.WriteFile(path, []byte(got), 0o644)).To(Succeed())
				}
				want, err := os.ReadFile(path)
				Expect(err).NotTo(HaveOccurred())
				Expect(got).To(Equal(string(want)))
			})

			It("are the same for the same seed, and others for another", func(ctx context.Context) {
				first := written(format, play(ctx, 7, named("match"), wrong()))
				Expect(written(format, play(ctx, 7, named("match"), wrong()))).To(Equal(first))
				Expect(written(format, play(ctx, 8, named("match"), wrong()))).NotTo(Equal(first))
			})

			It("leave the run as it is", func(ctx context.Context) {
				r := sample(ctx)
				before := fmt.Sprintf("%+v", *r.Results[1])
				written(format, r)
				Expect(fmt.Sprintf("%+v", *r.Results[1])).To(Equal(before))
			})

			It("hold no secret", func(ctx context.Context) {
				// Each by itself: the seed is the same, so one's token may be another's session id.
				for _, scenario := range append(slices.Clone(scenarios.Catalog()), wrong()) {
					r := play(ctx, 1, scenario)
					secrets := secretsOf(r)
					Expect(len(secrets)).To(BeNumerically(">=", 2))
					out := written(format, r)
					for _, s := range secrets {
						at := strings.Index(out, s)
						Expect(at).To(Equal(-1), "%s: %q: ...%s", scenario.Name, s, out[max(0, at-200):min(len(out), max(0, at)+200)])
					}
				}
			})

			It("hold no secret in what failed", func() {
				r := hostile("it sent Bearer abcd-canary with code=abcd-canary")
				r.Scenarios[0] = &scenarios.Scenario{Name: "leaks"}
				r.Results[0].Scenario, r.Results[0].Failures[0].Where, r.Results[0].Failures[0].What, r.Files[0] = "leaks", "at the end", "notes[0]", ""
				r.Results[0].Device = &scenarios.DeviceResult{ErrorDescription: "Bearer abcd-canary"}
				Expect(written(format, r)).NotTo(ContainSubstring("canary"))
			})

			It("can be made of nothing", func() {
				out := written(format, report.Run{})
				if format != "mermaid" {
					Expect(out).NotTo(BeEmpty())
				}
			})

			It("say that nobody reads them", func() {
				failure := errors.New("nobody")
				Expect(report.Write(brokenWriter{failure}, format, hostile("x"))).To(MatchError(failure))
			})

			It("are text, whatever is in them", func() {
				for name, text := range texts {
					out := written(format, hostile(text))
					Expect(strings.ToValidUTF8(out, "?")).To(Equal(out), name)
					Expect(out).NotTo(MatchRegexp(`[\x00-\x08\x0b\x0c\x0e-\x1f\r]`), name)
				}
			})
		})
	}

	It("of another format are refused", func() {
		var b bytes.Buffer
		Expect(report.Write(&b, "pdf", report.Run{})).To(MatchError(
			`there is no report format "pdf"; there are github, har, json, junit, markdown, mermaid, tap`))
		Expect(b.Len()).To(BeZero())
	})

	It("need a result for each scenario", func() {
		r := hostile("x")
		r.Results = nil
		Expect(report.Write(io.Discard, "json", r)).To(MatchError(ContainSubstring("1 scenarios, 0 results")))
	})
})

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// secretsOf returns what a run's exchanges hold that nobody may read.
func secretsOf(r report.Run) []string {
	const id, secret = "sim-client", "sim-secret-of-the-default-project"
	found := []string{secret, base64.StdEncoding.EncodeToString([]byte(id + ":" + secret))}
	inBody := regexp.MustCompile(`"(?:access_token|code)" ?: ?"([^"]{6,})"`)
	inURL := regexp.MustCompile(`[?&]code=([^&#]+)`)
	for _, res := range r.Results {
		for _, x := range res.Records {
			for _, text := range []string{string(x.RequestBody), string(x.ResponseBody)} {
				for _, m := range inBody.FindAllStringSubmatch(text, -1) {
					if (!strings.Contains(m[1], "_") || len(m[1]) > 30) && m[1] != "unavailable" { // else an error's code
						found = append(found, m[1])
					}
				}
			}
			for _, text := range []string{x.URL, x.ResponseHeader.Get("Location")} {
				for _, m := range inURL.FindAllStringSubmatch(text, -1) {
					found = append(found, m[1])
				}
			}
			if _, credentials, ok := strings.Cut(x.RequestHeader.Get("Authorization"), " "); ok {
				found = append(found, credentials)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// compiled returns a JSON schema, changed if asked for.
func compiled(source []byte, change func(map[string]any)) *jsonschema.Schema {
	GinkgoHelper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	Expect(err).NotTo(HaveOccurred())
	if change != nil {
		change(doc.(map[string]any))
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	Expect(c.AddResource("schema.json", doc)).To(Succeed())
	s, err := c.Compile("schema.json")
	Expect(err).NotTo(HaveOccurred())
	return s
}

// closed makes a schema refuse members that it does not name.
func closed(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if s["type"] == "object" {
			s["additionalProperties"] = false
		}
		for _, v := range s {
			closed(v)
		}
	case []any:
		for _, v := range s {
			closed(v)
		}
	}
}

func decoded(text string) any {
	GinkgoHelper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	Expect(err).NotTo(HaveOccurred())
	return v
}

var _ = Describe("The format json", func() {
	It("is as its schema says, with no member that the schema does not name", func(ctx context.Context) {
		s := compiled(report.JSONSchema(), func(doc map[string]any) { closed(doc) })
		r := play(ctx, 1<<64-1, append(slices.Clone(scenarios.Catalog()), wrong())...)
		Expect(s.Validate(decoded(written("json", r)))).To(Succeed())
		Expect(s.Validate(decoded(written("json", report.Run{})))).To(Succeed())
		for name, text := range texts {
			Expect(s.Validate(decoded(written("json", hostile(text))))).To(Succeed(), name)
		}
	})

	It("keeps the members that it had before titles and tags", func(ctx context.Context) {
		r := sample(ctx)
		var got, want map[string]any
		Expect(json.Unmarshal([]byte(written("json", r)), &got)).To(Succeed())
		old, err := json.Marshal(map[string]any{"seed": r.Seed, "results": r.Results})
		Expect(err).NotTo(HaveOccurred())
		Expect(json.Unmarshal(old, &want)).To(Succeed())
		for _, res := range got["results"].([]any) {
			res := res.(map[string]any)
			Expect(res).To(HaveKey("title"))
			Expect(res).To(HaveKeyWithValue("tags", ContainElement("v0.1")))
			delete(res, "title")
			delete(res, "tags")
		}
		Expect(got).To(Equal(want))
	})

	DescribeTable("has a schema that refuses",
		func(ctx context.Context, spoil func(result map[string]any)) {
			s := compiled(report.JSONSchema(), nil)
			doc := decoded(written("json", sample(ctx))).(map[string]any)
			Expect(s.Validate(doc)).To(Succeed())
			spoil(doc["results"].([]any)[1].(map[string]any))
			Expect(s.Validate(doc)).NotTo(Succeed())
		},
		Entry("a missing member", func(r map[string]any) { delete(r, "title") }),
		Entry("failures that are null", func(r map[string]any) { r["failures"] = nil }),
		Entry("a failure that passed", func(r map[string]any) { r["passed"] = true }),
		Entry("another status", func(r map[string]any) { r["check"].(map[string]any)["status"] = "DONE" }),
		Entry("a line that is a text", func(r map[string]any) { r["failures"].([]any)[0].(map[string]any)["line"] = "7" }),
		Entry("an exchange without a URL", func(r map[string]any) { delete(r["exchanges"].([]any)[0].(map[string]any), "url") }),
		Entry("another path", func(r map[string]any) { r["exchanges"].([]any)[0].(map[string]any)["path"] = "pigeon" }),
	)

	It("has a schema that nobody can change", func() {
		report.JSONSchema()[0] = 'x'
		Expect(json.Valid(report.JSONSchema())).To(BeTrue())
	})

	DescribeTable("keeps any text", func(name string) {
		var doc struct{ Results []struct{ Title string } }
		Expect(json.Unmarshal([]byte(written("json", hostile(texts[name]))), &doc)).To(Succeed())
		Expect(doc.Results[0].Title).To(Equal(string([]rune(texts[name]))))
	}, eachText())
})

var _ = Describe("The format har", func() {
	It("is HAR 1.2", func(ctx context.Context) {
		source, err := os.ReadFile("../../sim/journal/testdata/har.schema.json")
		Expect(err).NotTo(HaveOccurred())
		s := compiled(source, nil)
		r := play(ctx, 1, append(slices.Clone(scenarios.Catalog()), wrong())...)
		out := written("har", r)
		Expect(s.Validate(decoded(out))).To(Succeed())
		Expect(s.Validate(decoded(written("har", report.Run{})))).To(Succeed())
		for name, text := range texts {
			Expect(s.Validate(decoded(written("har", hostile(text))))).To(Succeed(), name)
		}

		var doc struct {
			Log struct {
				Pages   []struct{ ID, Title string }
				Entries []struct{ Pageref string }
			}
		}
		Expect(json.Unmarshal([]byte(out), &doc)).To(Succeed())
		exchanges := 0
		for i, res := range r.Results {
			exchanges += len(res.Exchanges)
			Expect(doc.Log.Pages[i].Title).To(Equal(res.Scenario))
		}
		Expect(doc.Log.Pages).To(HaveLen(len(r.Results)))
		Expect(doc.Log.Entries).To(HaveLen(exchanges))
	})
})

// What a reader of JUnit reports looks for.
type suites struct {
	XMLName xml.Name `xml:"testsuites"`
	totals
	Suites []struct {
		totals
		Properties []struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
		} `xml:"properties>property"`
		Cases []struct {
			Name      *string  `xml:"name,attr"`
			Classname *string  `xml:"classname,attr"`
			Time      *float64 `xml:"time,attr"`
			File      string   `xml:"file,attr"`
			Failures  []struct {
				Message *string `xml:"message,attr"`
				Type    *string `xml:"type,attr"`
				Text    string  `xml:",chardata"`
			} `xml:"failure"`
			Out string `xml:"system-out"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

type totals struct {
	Name     *string  `xml:"name,attr"`
	Tests    *int     `xml:"tests,attr"`
	Failures *int     `xml:"failures,attr"`
	Errors   *int     `xml:"errors,attr"`
	Skipped  *int     `xml:"skipped,attr"`
	Time     *float64 `xml:"time,attr"`
}

func (t totals) check(tests, failures int, seconds float64) {
	GinkgoHelper()
	Expect(t.Name).To(HaveValue(Not(BeEmpty())))
	Expect(t.Tests).To(HaveValue(Equal(tests)))
	Expect(t.Failures).To(HaveValue(Equal(failures)))
	Expect(t.Errors).To(HaveValue(BeZero()))
	Expect(t.Skipped).To(HaveValue(BeZero()))
	Expect(t.Time).To(HaveValue(BeNumerically("~", seconds, 0.001)))
}

func readJUnit(text string) (s suites) {
	GinkgoHelper()
	Expect(xml.Unmarshal([]byte(text), &s)).To(Succeed())
	Expect(s.Suites).To(HaveLen(1))
	return s
}

var _ = Describe("The format junit", func() {
	It("has what its readers need", func(ctx context.Context) {
		r := sample(ctx)
		s := readJUnit(written("junit", r))
		seconds := r.Results[0].VirtualSeconds + r.Results[1].VirtualSeconds
		s.check(2, 1, seconds)
		suite := s.Suites[0]
		suite.check(2, 1, seconds)
		Expect(suite.Properties).To(HaveLen(1))
		Expect(suite.Properties[0].Value).To(Equal("1"))
		Expect(suite.Cases).To(HaveLen(2))
		for i, c := range suite.Cases {
			Expect(c.Name).To(HaveValue(Equal(r.Results[i].Scenario)))
			Expect(c.Classname).To(HaveValue(Not(BeEmpty())))
			Expect(c.Time).To(HaveValue(Equal(r.Results[i].VirtualSeconds)))
		}
		good, bad := suite.Cases[0], suite.Cases[1]
		Expect(good.File).To(Equal("scenarios/catalog/match.yaml"))
		Expect(good.Failures).To(BeEmpty())
		Expect(good.Out).To(BeEmpty())
		Expect(bad.File).To(HaveSuffix(wrongFile))
		Expect(bad.Failures).To(HaveLen(1))
		Expect(bad.Failures[0].Type).To(HaveValue(Not(BeEmpty())))
		Expect(bad.Failures[0].Message).To(HaveValue(Equal(r.Results[1].Failures[0].String() + " (and 2 more)")))
		for _, f := range r.Results[1].Failures {
			Expect(bad.Failures[0].Text).To(ContainSubstring(f.String()))
		}
		Expect(bad.Out).To(ContainSubstring("├─ POST /phone-check"))
	})

	It("keeps its counts when all pass, and when there is nothing", func(ctx context.Context) {
		readJUnit(written("junit", play(ctx, 1, named("match")))).check(1, 0, 0.28)
		readJUnit(written("junit", report.Run{})).check(0, 0, 0)
	})

	It("copes with a failure of which nothing is said", func() {
		r := hostile("x")
		r.Results[0].Failures = nil
		readJUnit(written("junit", r)).check(1, 1, 1.5)
	})

	DescribeTable("keeps any text that XML can hold", func(name string) {
		r := hostile(texts[name])
		c := readJUnit(written("junit", r)).Suites[0].Cases[0]
		want := strings.Map(func(r rune) rune {
			if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
				return '\ufffd'
			}
			return r
		}, texts[name])
		Expect(c.Name).To(HaveValue(Equal(want)))
		want = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(want) // as parsers do, attributes aside
		Expect(strings.Count(c.Failures[0].Text, want)).To(BeNumerically(">=", 4))
		Expect(c.Out).To(HaveSuffix("\n" + want + "\n"))
	}, eachText())
})

var (
	row      = regexp.MustCompile(`^\|(?:(?:\\.|[^|\\])*\|){4}$`)
	heading  = regexp.MustCompile(`^#{2,3} `)
	item     = regexp.MustCompile(`^- `)
	rawHTML  = regexp.MustCompile(`<(/?[a-z!][^>]*)>`)
	property = regexp.MustCompile(`^[^:,\r\n]*$`)
)

var _ = Describe("The format markdown", func() {
	DescribeTable("lets no text out of its place", func(name string) {
		inMermaid := false
		rows := 0
		for line := range strings.Lines(written("markdown", hostile(texts[name]))) {
			line = strings.TrimSuffix(line, "\n")
			switch {
			case line == "```mermaid":
				inMermaid = true
			case line == "```":
				Expect(inMermaid).To(BeTrue())
				inMermaid = false
			case inMermaid:
			case strings.HasPrefix(line, "|"):
				rows++
				Expect(line).To(MatchRegexp(row.String()))
			case line == "", line == "Seed 0.", line == "<details>", line == "</details>", line == "<summary>Sequence</summary>":
			default:
				Expect(heading.MatchString(line) || item.MatchString(line)).To(BeTrue(), line)
				for _, tag := range rawHTML.FindAllStringSubmatch(line, -1) {
					Expect(tag[1]).To(Equal("br"))
				}
			}
		}
		Expect(rows).To(Equal(3))
		Expect(inMermaid).To(BeFalse())
	}, eachText())

	DescribeTable("escapes", func(text, want string) {
		Expect(written("markdown", hostile(text))).To(ContainSubstring("| ❌ failed | " + want + " | " + want + " | 1.500 s |\n"))
	},
		Entry(nil, "a|b", `a\|b`),
		Entry(nil, `a\|b`, `a\\\|b`),
		Entry(nil, "a\r\n\r\nb\nc", "a<br>b<br>c"),
		Entry(nil, "<b>&amp;", "&lt;b&gt;&amp;amp;"),
		Entry(nil, "`x` *y* _z_ [l](m)", "\\`x\\` \\*y\\* \\_z\\_ \\[l\\](m)"),
		Entry(nil, "😀 100 % @all", "😀 100 % &#64;all"),
		Entry(nil, "a\x00\x1b[1mb", `a \[1mb`),
	)

	It("shows the sequence of what failed only", func(ctx context.Context) {
		out := written("markdown", sample(ctx))
		Expect(strings.Count(out, "```mermaid\nsequenceDiagram\n")).To(Equal(1))
		Expect(strings.Count(out, "\n### ")).To(Equal(1))
	})
})

var _ = Describe("The format github", func() {
	DescribeTable("keeps any text in its command", func(name string) {
		out := written("github", hostile(texts[name]))
		Expect(strings.Count(out, "\n")).To(Equal(2))
		Expect(out).NotTo(ContainSubstring("\r"))
		command, rest, _ := strings.Cut(out, "\n")
		Expect(rest).To(HavePrefix("::notice title=phonechecksim::0 passed, 1 failed"))
		properties, message, ok := strings.Cut(strings.TrimPrefix(command, "::error "), "::")
		Expect(ok).To(BeTrue())
		Expect(unescaped(message)).To(Equal(logged(hostile(texts[name]).Results[0].Failures[0].String())))
		for p := range strings.SplitSeq(properties, ",") {
			key, value, _ := strings.Cut(p, "=")
			Expect(value).To(MatchRegexp(property.String()))
			switch key {
			case "file", "title":
				Expect(unescaped(value)).To(Equal(logged(texts[name])))
			default:
				Expect(p).To(Equal("line=7"))
			}
		}
	}, eachText())

	DescribeTable("escapes", func(text, want string) {
		Expect(written("github", hostile(text))).To(HavePrefix(fmt.Sprintf("::error file=%s,line=7,title=%[1]s::", want)))
	},
		Entry(nil, "a:b,c", "a%3Ab%2Cc"),
		Entry(nil, "100%", "100%25"),
		Entry(nil, "%0A", "%250A"),
		Entry(nil, "a\r\nb", "a%0D%0Ab"),
		Entry(nil, "😀|]]>", "😀|]]>"),
		Entry(nil, "\x1b[31m", "\ufffd[31m"),
	)

	It("names a line only together with its file", func() {
		r := hostile("x")
		r.Files = nil
		Expect(written("github", r)).To(HavePrefix("::error title=x::x (line 7): "))
		r = hostile("x")
		r.Results[0].Failures[0].Line = 0
		Expect(written("github", r)).To(HavePrefix("::error file=x,title=x::x "))
	})

	It("knows the files of the catalog", func(ctx context.Context) {
		r := play(ctx, 1, named("match"))
		r.Results[0].Failures = append(r.Results[0].Failures, scenarios.Failure{Line: 3})
		Expect(written("github", r)).To(HavePrefix("::error file=scenarios/catalog/match.yaml,line=3,title=match::"))
		_, err := os.Stat("../../scenarios/catalog/match.yaml")
		Expect(err).NotTo(HaveOccurred())
	})
})

// unescaped is what a runner makes of an escaped text.
func unescaped(s string) string {
	return strings.NewReplacer("%25", "%", "%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",").Replace(s)
}

// logged is a text without what a terminal would take as its own.
func logged(s string) string {
	return strings.Map(func(r rune) rune {
		if (r < ' ' || 0x7f <= r && r < 0xa0) && !strings.ContainsRune("\t\r\n", r) {
			return '\ufffd'
		}
		return r
	}, s)
}

var _ = Describe("The format mermaid", func() {
	It("has one diagram per scenario, under its name", func(ctx context.Context) {
		out := written("mermaid", sample(ctx))
		Expect(out).To(HavePrefix("%% match\nsequenceDiagram\n"))
		Expect(out).To(ContainSubstring("\n\n%% wrong-on-purpose\nsequenceDiagram\n"))
	})

	DescribeTable("keeps any name in its line", func(name string) {
		Expect(written("mermaid", hostile(texts[name]))).To(MatchRegexp(`^%% [^\n]*\nsequenceDiagram\n$`))
	}, eachText())
})

var _ = Describe("The format tap", func() {
	DescribeTable("keeps any text", func(name string) {
		text := texts[name]
		lines := strings.Split(written("tap", hostile(text)), "\n")
		Expect(lines[:3]).To(Equal([]string{"TAP version 14", "1..1", "# seed 0"}))
		Expect(lines[3]).To(HavePrefix("not ok 1 - "))
		Expect(lines[3]).NotTo(MatchRegexp(`(^|[^\\])(\\\\)*#`), "a directive")
		Expect(lines[4]).To(Equal("  ---"))
		end := slices.Index(lines, "  ...")
		Expect(end).To(BeNumerically(">", 4))
		Expect(lines[end+1:]).To(Equal([]string{"# 0 passed, 1 failed", ""}))
		for _, line := range lines[5:end] {
			_, value, _ := strings.Cut(strings.TrimLeft(line, " -"), ": ")
			if !strings.HasPrefix(value, `"`) {
				Expect(line).To(MatchRegexp(`^ *(virtual_seconds: 1\.500|failures:|line: 7)$`))
				continue
			}
			got, err := strconv.Unquote(value)
			Expect(err).NotTo(HaveOccurred())
			Expect(got).To(Equal(text))
		}

		var diagnostics struct {
			File     string
			Failures []struct {
				Line int
				Want string
			}
		}
		Expect(yaml.Unmarshal([]byte(strings.Join(lines[5:end], "\n")), &diagnostics)).To(Succeed())
		Expect(diagnostics.Failures).To(HaveLen(1))
		Expect(diagnostics.Failures[0].Line).To(Equal(7))
		if utf8.ValidString(text) { // else bytes are read as characters
			Expect(diagnostics.File).To(Equal(text))
			Expect(diagnostics.Failures[0].Want).To(Equal(text))
		}
	}, eachText())

	DescribeTable("escapes", func(text, want string) {
		Expect(written("tap", hostile(text))).To(ContainSubstring("\nnot ok 1 - " + want + ": " + want + "\n"))
	},
		Entry(nil, "x # SKIP", `x \# SKIP`),
		Entry(nil, `x \# SKIP`, `x \\\# SKIP`),
		Entry(nil, "a\nBail out!", "a Bail out!"),
		Entry(nil, "😀 | 100% ]]>", "😀 | 100% ]]>"),
	)
})

// eachText makes an entry of each of the texts.
func eachText() (entries []TableEntry) {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		entries = append(entries, Entry(name, name))
	}
	return entries
}
