package scenarios_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/sim/journal"
)

var update = flag.Bool("update", false, "write the golden journals and docs/scenarios.md anew")

// fresh compares a file with what it should hold, or writes it.
func fresh(path string, want []byte) {
	GinkgoHelper()
	if *update {
		Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
		Expect(os.WriteFile(path, want, 0o644)).To(Succeed())
		return
	}
	got, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred(), "go test ./scenarios -update writes it")
	Expect(string(want)).To(Equal(string(got)), "%s is not what the scenario does now; go test ./scenarios -update writes it anew, if that is meant", path)
}

var _ = Describe("What is in the repository", func() {
	for _, s := range scenarios.Catalog() {
		It("shows what crosses the network in "+s.Name, func(ctx context.Context) {
			r := play(ctx, s)
			var b bytes.Buffer
			Expect(journal.Text(&b, r.Records, journal.TextOptions{Width: 120})).To(Succeed())
			fmt.Fprintf(&b, "\n%s\n", r.Explanation)
			fresh(filepath.Join("testdata", "journal", s.Name+".txt"), b.Bytes())
		})
	}

	It("holds no journal of a scenario that is gone", func() {
		files, err := filepath.Glob(filepath.Join("testdata", "journal", "*.txt"))
		Expect(err).NotTo(HaveOccurred())
		for _, f := range files {
			_, err := scenarios.Named(strings.TrimSuffix(filepath.Base(f), ".txt"))
			if err != nil && *update {
				Expect(os.Remove(f)).To(Succeed())
				continue
			}
			Expect(err).NotTo(HaveOccurred())
		}
	})

	It("has the catalog as a page", func() { fresh(filepath.Join("..", "docs", "scenarios.md"), catalogPage()) })
})

// catalogPage is the catalog for reading.
func catalogPage() []byte {
	var b bytes.Buffer
	b.WriteString("# The catalog\n\nEvery scenario that comes with the simulator. `phonechecksim demo NAME` shows one step by step, `phonechecksim run --all`\nplays them all. This page is made from their files: `go test ./scenarios -update`.\n\n")
	b.WriteString("| Scenario | What it shows | Tags | Source |\n|---|---|---|---|\n")
	for _, s := range scenarios.Catalog() {
		var tags []string
		for _, t := range s.Tags {
			tags = append(tags, string(t))
		}
		fmt.Fprintf(&b, "| [%s](#%[1]s) | %s | %s | %s |\n", s.Name, s.Title, strings.Join(tags, ", "), s.Source)
	}
	for _, s := range scenarios.Catalog() {
		fmt.Fprintf(&b, "\n## %s\n\n**%s.** %s\n\n", s.Name, s.Title, strings.TrimSpace(s.Story))
		for _, part := range [][2]string{{"On the wire", s.Wire}, {"The server sees", s.Server}, {"The device sees", s.Device}, {"A good integration", s.Integration}} {
			fmt.Fprintf(&b, "- %s: %s\n", part[0], strings.Join(strings.Fields(part[1]), " "))
		}
		fmt.Fprintf(&b, "- [File](../scenarios/catalog/%s.yaml), [what crosses the network](../scenarios/testdata/journal/%[1]s.txt)\n", s.Name)
	}
	return b.Bytes()
}

var _ = Describe("docs/coverage.md", func() {
	It("has every row, and names scenarios that there are", func() {
		page, err := os.ReadFile(filepath.Join("..", "docs", "coverage.md"))
		Expect(err).NotTo(HaveOccurred())
		rows := map[string]string{}
		named := map[string]bool{}
		for line := range strings.Lines(string(page)) {
			cells := strings.Split(line, "|")
			if len(cells) < 4 {
				continue
			}
			row := strings.TrimSpace(cells[1])
			rows[row] = cells[3]
			for i, word := range strings.Split(cells[3], "`") {
				if i%2 == 1 && word != "serve" {
					_, err := scenarios.Named(word)
					Expect(err).NotTo(HaveOccurred(), row)
					named[word] = true
				}
			}
		}
		for family, count := range map[string]int{"A": 19, "B": 15, "C": 11, "D": 15, "E": 7, "F": 12, "G": 5} {
			for n := range count {
				row := fmt.Sprintf("%s%d", family, n+1)
				Expect(rows).To(HaveKey(row))
				Expect(rows[row]).To(Or(ContainSubstring("`"), ContainSubstring("Out of reach")), row)
			}
		}
		Expect(len(named)).To(BeNumerically(">", 75))
	})
})
