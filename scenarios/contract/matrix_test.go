package contract_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/scenarios/contract"
	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/appserver"
)

var update = flag.Bool("update", false, "write golden files anew")

func profile(name string, change ...func(*contract.Profile)) *contract.Profile {
	GinkgoHelper()
	if name == "" {
		name = "reference"
	}
	p, err := contract.Ready(name)
	Expect(err).NotTo(HaveOccurred())
	for _, c := range change {
		if c != nil {
			c(p)
		}
	}
	return p
}

func run(p *contract.Profile, backend func(*sim.World) http.Handler, only ...string) *contract.Report {
	GinkgoHelper()
	report, err := contract.Run(GinkgoT().Context(), contract.Config{Profile: p, New: backend, Only: only, Confirm: 300 * time.Millisecond})
	Expect(err).NotTo(HaveOccurred())
	return report
}

func fired(r *contract.Report) map[string]contract.Verdict {
	found := map[string]contract.Verdict{}
	for _, result := range r.Results {
		if result.Verdict == contract.Fail || result.Verdict == contract.Hint {
			found[result.ID] = result.Verdict
		}
	}
	return found
}

func shown(r *contract.Report) string {
	var b strings.Builder
	_ = r.WriteText(&b)
	return b.String()
}

var _ = Describe("the checks prove themselves", Ordered, ContinueOnFailure, func() {
	caught := map[string]map[string]contract.Verdict{}
	var checks []contract.Result

	It("finds nothing in the reference server", func() {
		r := run(profile("reference"), clean)
		Expect(fired(r)).To(BeEmpty(), "%s", shown(r))
		Expect(r.ExitCode()).To(Equal(0))
		caught["clean"], checks = fired(r), r.Results
	})

	It("finds in the first version nothing but that it is the first version", func() {
		r := run(profile("reference-v0.1"), clean)
		Expect(fired(r)).To(Equal(map[string]contract.Verdict{"C29": contract.Hint}), "%s", shown(r))
		Expect(r.ExitCode()).To(Equal(0))
	})

	It("finds nothing where the code comes with the browser to the server", func() {
		const landing = "https://backend.test/v0.2/phone-check/exchange-code"
		r := run(profile("reference", func(p *contract.Profile) { p.Finish.Landing = true }), func(w *sim.World) http.Handler {
			return reference(w, nil, func(c *appserver.Config) { c.RedirectURL = landing })
		})
		Expect(fired(r)).To(BeEmpty(), "%s", shown(r))
		Expect(r.Summary.NotRun).To(Equal(1), "%s", shown(r))
	})

	It("passes every check, with a limiter in front of the reference server", func() {
		r := run(profile("reference", func(p *contract.Profile) { p.Limit = new(20) }), limited)
		Expect(r.Summary.Pass).To(Equal(len(contract.IDs())), "%s", shown(r))
	})

	It("takes less than five seconds", func() {
		at := time.Now()
		run(profile("reference"), clean)
		Expect(time.Since(at)).To(BeNumerically("<", 5*time.Second))
	})

	for _, m := range mutants {
		It(fmt.Sprintf("%s catches a server that %s", m.check, m.name), func() {
			var only []string
			if testing.Short() && m.check != "B2" { // which looks at the requests of all checks
				only = []string{m.check}
			}
			r := run(profile(m.profile, m.change), m.make, only...)
			Expect(r.Problem).To(BeNil(), "%s", shown(r))
			Expect(fired(r)).To(HaveKey(m.check), "%s", shown(r))
			caught[m.check+m.name] = fired(r)
		})
	}

	It("is what docs/contract-matrix.md says", func() {
		if testing.Short() {
			Skip("only the own check of each mutant was run")
		}
		const file = "../../docs/contract-matrix.md"
		if *update {
			Expect(os.MkdirAll("../../docs", 0o755)).To(Succeed())
			Expect(os.WriteFile(file, []byte(matrix(checks, caught)), 0o644)).To(Succeed())
		}
		golden, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(golden)).To(Equal(matrix(checks, caught)))
	})
})

// matrix is mutants × checks as a table.
func matrix(checks []contract.Result, caught map[string]map[string]contract.Verdict) string {
	ids := contract.IDs()
	var b strings.Builder
	b.WriteString("# Contract checks and mutants\n\nEach row is the reference server with one wrong behaviour, each column a check. ✗: the check proves a defect; ?: it hints at\n" +
		"one. In bold: the check that is there for that defect. The first row is the reference server itself.\n\n| Mutant |")
	for _, id := range ids {
		b.WriteString(" " + id + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat(":-:|", len(ids)) + "\n")
	row := func(name, own string, found map[string]contract.Verdict) {
		b.WriteString("| " + name + " |")
		for _, id := range ids {
			cell := map[contract.Verdict]string{contract.Fail: "✗", contract.Hint: "?"}[found[id]]
			if cell != "" && id == own {
				cell = "**" + cell + "**"
			}
			if cell == "" {
				cell = " "
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	row("(none)", "", caught["clean"])
	for _, id := range ids {
		for _, m := range mutants {
			if m.check == id {
				row(m.name, id, caught[m.check+m.name])
			}
		}
	}
	b.WriteString("\n## The checks\n\n| Check | What | Severity | Decided thus |\n|---|---|---|---|\n")
	for _, c := range checks {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.ID, c.Title, c.Severity, c.How)
	}
	return b.String()
}
