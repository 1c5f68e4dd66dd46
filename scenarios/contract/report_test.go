package contract_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/phonechecksim/phonechecksim/scenarios/contract"
	"github.com/phonechecksim/phonechecksim/sim"
)

func compiled(schema []byte) *jsonschema.Schema {
	GinkgoHelper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	Expect(err).NotTo(HaveOccurred())
	c := jsonschema.NewCompiler()
	Expect(c.AddResource("schema.json", doc)).To(Succeed())
	s, err := c.Compile("schema.json")
	Expect(err).NotTo(HaveOccurred())
	return s
}

func written(r *contract.Report, format string) string {
	GinkgoHelper()
	var b bytes.Buffer
	Expect(r.Write(&b, format)).To(Succeed())
	return b.String()
}

func mutantOf(check string) mutant {
	for _, m := range mutants {
		if m.check == check {
			return m
		}
	}
	panic("no mutant of " + check)
}

var _ = Describe("a report", Ordered, func() {
	var found, good, problem *contract.Report

	BeforeAll(func() {
		found = run(profile("reference"), mutantOf("C7").make)
		good = run(profile("reference"), clean)
		problem = run(profile("reference"), func(*sim.World) http.Handler { return http.NotFoundHandler() })
	})

	It("is 0, 1 or 2 to a shell", func() {
		Expect(good.ExitCode()).To(Equal(0))
		Expect(found.ExitCode()).To(Equal(1))
		Expect(problem.ExitCode()).To(Equal(2))
	})

	It("never calls a backend secure, nor counts what was not run as passed", func() {
		text := written(good, "text")
		Expect(text).To(ContainSubstring("no defect found by these checks"))
		Expect(strings.ToLower(text)).NotTo(ContainSubstring("secure"))
		Expect(good.Summary.Pass + good.Summary.NotRun).To(Equal(len(contract.IDs())))
		Expect(good.Summary.NotRun).To(Equal(1))
	})

	It("shows no secret, not even of those that the backend gave away", func() {
		for _, format := range contract.Formats() {
			text := written(found, format)
			Expect(text).NotTo(ContainSubstring("cNrY7secret9of4the2contract"), format)
			Expect(text).NotTo(MatchRegexp(`Bearer [A-Za-z0-9_-]{22}`), format)
		}
	})

	It("is the same in the same circumstances", func() {
		again := run(profile("reference"), mutantOf("C7").make)
		for _, format := range contract.Formats() {
			Expect(written(again, format)).To(Equal(written(found, format)), format)
		}
	})

	It("fits its schema in JSON, and can be read again", func() {
		schema := compiled(contract.ReportSchema())
		for _, r := range []*contract.Report{found, good, problem} {
			text := written(r, "json")
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			Expect(err).NotTo(HaveOccurred())
			Expect(schema.Validate(doc)).To(Succeed())
			read, err := contract.ReadReport(strings.NewReader(text))
			Expect(err).NotTo(HaveOccurred())
			Expect(read).To(Equal(r))
		}
		_, err := contract.ReadReport(strings.NewReader("{"))
		Expect(err).To(MatchError(ContainSubstring("not a report")))
	})

	It("is JUnit", func() {
		var s struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Skipped  int `xml:"skipped,attr"`
			Cases    []struct {
				Name    string  `xml:"name,attr"`
				Failure *string `xml:"failure"`
			} `xml:"testcase"`
		}
		Expect(xml.Unmarshal([]byte(written(found, "junit")), &s)).To(Succeed())
		Expect(s.Tests).To(Equal(len(contract.IDs())))
		Expect(s.Failures).To(Equal(found.Summary.Fail))
		Expect(s.Skipped).To(Equal(1))
		Expect(written(problem, "junit")).To(ContainSubstring("<error"))
	})

	It("is Markdown", func() {
		text := written(found, "markdown")
		Expect(text).To(And(HavePrefix("# Contract of reference (v0.2)\n"), ContainSubstring("## C7 No secret gets to a device"), ContainSubstring("```text")))
		Expect(written(problem, "markdown")).To(ContainSubstring("could not run"))
	})

	It("is SARIF", func() {
		var log struct {
			Version string `json:"version"`
			Runs    []struct {
				Tool struct {
					Driver struct {
						Rules []struct{ ID string } `json:"rules"`
					} `json:"driver"`
				} `json:"tool"`
				Results []struct {
					RuleID    string `json:"ruleId"`
					RuleIndex int    `json:"ruleIndex"`
					Message   struct{ Text string }
					Locations []any
				} `json:"results"`
			} `json:"runs"`
		}
		Expect(json.Unmarshal([]byte(written(found, "sarif")), &log)).To(Succeed())
		Expect(log.Version).To(Equal("2.1.0"))
		Expect(log.Runs).To(HaveLen(1))
		Expect(log.Runs[0].Results).NotTo(BeEmpty())
		for _, r := range log.Runs[0].Results {
			Expect(log.Runs[0].Tool.Driver.Rules[r.RuleIndex].ID).To(Equal(r.RuleID))
			Expect(r.Message.Text).NotTo(BeEmpty())
			Expect(r.Locations).To(HaveLen(1))
		}
		Expect(written(good, "sarif")).To(ContainSubstring(`"results": []`))
		Expect(written(problem, "sarif")).To(ContainSubstring(`"executionSuccessful": false`))
	})

	It("is annotations for GitHub", func() {
		for line := range strings.SplitSeq(strings.TrimSpace(written(found, "github")), "\n") {
			Expect(line).To(MatchRegexp(`^::(error|warning|notice) file=reference,line=1,title=[^:]+::.+`))
		}
		Expect(written(found, "github")).To(ContainSubstring("::error file=reference,line=1,title=C7 No secret"))
	})

	It("knows its formats", func() {
		Expect(found.Write(new(bytes.Buffer), "pdf")).To(MatchError(ContainSubstring("there are text, json")))
	})

	It("does not count what is in the baseline", func() {
		r, err := contract.Run(GinkgoT().Context(), contract.Config{Profile: profile("reference"), New: mutantOf("C7").make, Baseline: found})
		Expect(err).NotTo(HaveOccurred())
		Expect(fired(r)).To(HaveKey("C7"))
		Expect(r.ExitCode()).To(Equal(0))
		Expect(written(r, "text")).To(And(ContainSubstring("fail, known"), ContainSubstring("no new defect found by these checks")))
		r, err = contract.Run(GinkgoT().Context(), contract.Config{Profile: profile("reference"), New: mutantOf("C1").make, Baseline: found})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.ExitCode()).To(Equal(1))
	})
})

var _ = Describe("the choice of checks", func() {
	verdicts := func(r *contract.Report) map[string]int {
		n := map[string]int{}
		for _, result := range r.Results {
			if result.Verdict != contract.NotRun {
				n[result.ID]++
			}
		}
		return n
	}

	It("takes ids, severities, and refuses what it does not know", func() {
		cfg := contract.Config{Profile: profile("reference"), New: clean, Only: []string{"c1", "C3", "C28"}, Skip: []string{"C3"}, Severity: contract.Medium}
		r, err := contract.Run(GinkgoT().Context(), cfg)
		Expect(err).NotTo(HaveOccurred())
		Expect(verdicts(r)).To(Equal(map[string]int{"C1": 1}))
		Expect(r.Summary.NotRun).To(Equal(len(contract.IDs()) - 1))

		cfg.Only, cfg.Skip = []string{"C99"}, nil
		_, err = contract.Run(GinkgoT().Context(), cfg)
		Expect(err).To(MatchError(ContainSubstring(`no check "C99"`)))
		cfg.Only, cfg.Severity = nil, "grave"
		_, err = contract.Run(GinkgoT().Context(), cfg)
		Expect(err).To(MatchError(ContainSubstring(`no severity "grave"`)))
		_, err = contract.Run(GinkgoT().Context(), contract.Config{New: clean})
		Expect(err).To(MatchError(ContainSubstring("no profile")))
		_, err = contract.Run(GinkgoT().Context(), contract.Config{Profile: profile("reference")})
		Expect(err).To(MatchError(ContainSubstring("one of New and Start")))
	})

	It("has not passed when nothing was run", func() {
		r := run(profile("reference"), clean, "C24")
		Expect(r.ExitCode()).To(Equal(2))
		Expect(r.Summary.Text).To(ContainSubstring("no check was run"))
	})
})
