package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.uber.org/goleak"

	"github.com/phonechecksim/phonechecksim/scenarios"
)

func TestCommand(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(),
		// Ginkgo keeps its signal handler for the life of the process.
		goleak.IgnoreAnyFunction("github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func2"))
	RegisterFailHandler(Fail)
	RunSpecs(t, "Command")
}

// call runs the program in this process.
func call(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// file writes a scenario file.
func file(content string) string {
	GinkgoHelper()
	path := filepath.Join(GinkgoT().TempDir(), "mine.yaml")
	Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
	return path
}

const mine = `scenario: mine
title: A scenario of the user's own
cast: {devices: {alice: {msisdn: "447700900001"}}}
script: [verify: {number: "447700900001"}]
expect: {device: {match: true}}
`

var _ = Describe("phonechecksim", func() {
	It("shows the four headline scenarios, all eight steps of them", func() {
		code, out, errs := call("demo")
		Expect(code).To(Equal(exitOK), errs)
		at := 0
		for _, title := range []string{"match: ", "mismatch: ", "expired-ttl: ", "wifi-path: "} {
			i := strings.Index(out[at:], title)
			Expect(i).To(BeNumerically(">=", 0), title)
			at += i
		}
		first := out[:strings.Index(out, "mismatch: ")]
		for _, step := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
			Expect(first).To(ContainSubstring("\n  " + step + "  "))
		}
		Expect(out).To(ContainSubstring("gateway stamps 447700900001"))
		Expect(out).NotTo(ContainSubstring("\x1b"), "no colour but on a terminal")
		for line := range strings.Lines(out) {
			Expect(len([]rune(strings.TrimSuffix(line, "\n")))).To(BeNumerically("<=", 100), line)
		}
	})

	It("runs scenarios by name and by file", func() {
		code, out, _ := call("run", "match", file(mine))
		Expect(code).To(Equal(exitOK))
		Expect(out).To(And(HavePrefix("ok    match"), ContainSubstring("ok    mine"), HaveSuffix("2 passed, 0 failed\n")))
	})

	It("ends with 1 and shows why when an expectation does not hold", func() {
		code, out, _ := call("run", file(strings.Replace(mine, "match: true", "match: false", 1)))
		Expect(code).To(Equal(exitFailed))
		Expect(out).To(And(ContainSubstring("FAIL  mine"), ContainSubstring("gateway stamps 447700900001"),
			ContainSubstring("✕ at the end (line 5): device.match should be false, and is true"), HaveSuffix("0 passed, 1 failed\n")))
	})

	DescribeTable("ends with 2 when the call or the file makes no sense",
		func(want string, args ...string) {
			code, out, errs := call(args...)
			Expect(code).To(Equal(exitUsage))
			Expect(out).To(BeEmpty())
			Expect(errs).To(And(HavePrefix("phonechecksim: "), ContainSubstring(want)))
		},
		Entry("a name that is none", `there is no scenario "mach"; did you mean "match"?`, "run", "mach"),
		Entry("the same in demo", `there is no scenario "mach"`, "demo", "mach"),
		Entry("a file that is not there", "no such file", "run", "./nothere.yaml"),
		Entry("nothing to run", "say which scenarios to run", "run"),
		Entry("all and some", "leave out the names", "run", "--all", "match"),
		Entry("an unknown format", `--format "xml" is none of text, github, har, json, junit, markdown, mermaid, tap`, "run", "match", "--format", "xml"),
		Entry("a server that is none", `write it as a URL`, "run", "match", "--server", "localhost"),
		Entry("an unknown tag", `there is no tag "atack"`, "run", "--tags", "atack"),
		Entry("tags and names", "leave out the names", "run", "--tags", "attack", "match"),
		Entry("a report without a file", "write it as format=file", "run", "match", "--report", "junit"),
		Entry("a report of no format", "the format is one of", "run", "match", "--report", "pdf=x"),
		Entry("an unknown flag", "unknown flag", "run", "--al"),
		Entry("an unknown command", "unknown command", "rum"),
		Entry("an argument too many", "unknown command", "list", "x"),
	)

	It("says where a file is wrong", func() {
		code, _, errs := call("run", file(strings.Replace(mine, "verify", "verfy", 1)))
		Expect(code).To(Equal(exitUsage))
		Expect(errs).To(ContainSubstring(`mine.yaml:4:10: script has no "verfy"; did you mean "verify"?`))
	})

	It("prints JSON for programs", func() {
		code, out, _ := call("run", "match", "--seed", "3", "--format", "json")
		Expect(code).To(Equal(exitOK))
		var doc struct {
			Seed    uint64
			Results []struct {
				Scenario       string
				Passed         bool
				Failures       []any
				Device, Check  map[string]any
				VirtualSeconds float64 `json:"virtual_seconds"`
				Exchanges      []map[string]any
			}
		}
		Expect(json.Unmarshal([]byte(out), &doc)).To(Succeed())
		Expect(doc.Seed).To(BeEquivalentTo(3))
		r := doc.Results[0]
		Expect(r.Passed).To(BeTrue())
		Expect(r.Failures).To(And(BeEmpty(), Not(BeNil())))
		Expect(r.Device).To(HaveKeyWithValue("match", true))
		Expect(r.Check).To(And(HaveKeyWithValue("status", "COMPLETED"), HaveKeyWithValue("match", true), HaveKey("check_id")))
		Expect(r.VirtualSeconds).To(And(BeNumerically(">", 0), BeNumerically("<", 1)))
		Expect(r.Exchanges).To(HaveLen(8))
		Expect(r.Exchanges[0]).To(And(HaveKeyWithValue("step", 2.0), HaveKeyWithValue("from", "Device"), HaveKeyWithValue("to", "Server"),
			HaveKeyWithValue("path", "cellular"), HaveKeyWithValue("method", "POST"), HaveKeyWithValue("status", 200.0), HaveKey("notes")))
		Expect(out).NotTo(ContainSubstring("sim-secret"))
	})

	It("prints Mermaid for documents", func() {
		code, out, _ := call("run", "match", "--format", "mermaid")
		Expect(code).To(Equal(exitOK))
		Expect(out).To(HavePrefix("%% match\nsequenceDiagram\n"))
	})

	It("runs what has a tag, and writes reports beside", func() {
		dir := GinkgoT().TempDir()
		junit, har := filepath.Join(dir, "out.xml"), filepath.Join(dir, "out.har")
		code, out, errs := call("run", "--tags", "attack", "--report", "junit="+junit, "--report", "har="+har)
		Expect(code).To(Equal(exitOK), errs)
		Expect(out).To(And(ContainSubstring("forwarded-v01"), Not(ContainSubstring("ok    match "))))
		Expect(os.ReadFile(junit)).To(ContainSubstring(`<testsuites`))
		Expect(os.ReadFile(har)).To(ContainSubstring(`"version": "1.2"`))
	})

	It("says so when nobody serves where it is told to look", func() {
		dead := freeAddress()
		code, _, errs := call("run", "match", "--server", "http://"+dead, "--api-addr", "127.0.0.1:0")
		Expect(code).To(Equal(exitUsage))
		Expect(errs).To(ContainSubstring("--server: nothing listens on " + dead))
	})

	It("stops at the first failure when it is told to", func() {
		bad := file(strings.Replace(mine, "match: true", "match: false", 1))
		code, out, _ := call("run", "match", bad, "mismatch", "--fail-fast")
		Expect(code).To(Equal(exitFailed))
		Expect(out).To(And(ContainSubstring("ok    match"), ContainSubstring("FAIL  mine"), HaveSuffix("1 passed, 1 failed\n")))
	})

	It("tells what a scenario is about", func() {
		_, out, _ := call("explain", "wifi-path")
		Expect(out).To(And(HavePrefix("wifi-path: "), ContainSubstring("On the wire"), ContainSubstring("A good integration"), ContainSubstring("Tags")))
		_, out, _ = call("list", "--long")
		Expect(strings.Count(out, "On the wire")).To(Equal(len(scenarios.Catalog())))
	})

	It("prints the schemas of what it reads and writes", func() {
		for _, name := range []string{"scenario", "report", "contract-profile", "contract-report"} {
			code, out, _ := call("schema", name)
			Expect(code).To(Equal(exitOK))
			Expect(json.Valid([]byte(out))).To(BeTrue(), name)
		}
		_, standard, _ := call("schema")
		_, scenario, _ := call("schema", "scenario")
		Expect(standard).To(Equal(scenario))
		code, _, errs := call("schema", "x")
		Expect(code).To(Equal(exitUsage))
		Expect(errs).To(ContainSubstring("contract-profile"))
	})

	It("begins a scenario file that it can play", func() {
		GinkgoT().Chdir(GinkgoT().TempDir())
		code, out, errs := call("new", "mine")
		Expect(code).To(Equal(exitOK), errs)
		Expect(out).To(ContainSubstring("wrote mine.yaml"))
		code, out, _ = call("run", "./mine.yaml")
		Expect(code).To(Equal(exitOK), out)
		code, _, errs = call("new", "mine")
		Expect(code).To(Equal(exitUsage))
		Expect(errs).To(ContainSubstring("is there already"))
		code, _, _ = call("new", "No Name")
		Expect(code).To(Equal(exitUsage))
	})

	It("lists, completes and says its version", func() {
		_, out, _ := call("list")
		Expect(out).To(ContainSubstring("wifi-path "))
		_, out, _ = call("__complete", "run", "")
		Expect(out).To(ContainSubstring("match\tThe right SIM carries the hop"))
		_, out, _ = call("completion", "bash")
		Expect(out).To(ContainSubstring("phonechecksim"))
		code, out, _ := call("version")
		Expect(code).To(Equal(exitOK))
		Expect(out).To(HavePrefix("phonechecksim "))
	})
})

// TestSameBytes runs the whole catalog many times over: one seed gives the same bytes, on one processor and on two.
func TestSameBytes(t *testing.T) {
	runs := 100
	if testing.Short() {
		runs = 20
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first string
	for _, processors := range []int{1, 2} {
		runtime.GOMAXPROCS(processors)
		for i := range runs / 2 {
			code, out, errs := call("run", "--all", "--seed", "7", "--format", "json")
			if code != exitOK {
				t.Fatalf("exit code %d: %s", code, errs)
			}
			if first == "" {
				first = out
			}
			if out != first {
				t.Fatalf("run %d on %d processors gave other bytes", i, processors)
			}
		}
	}
}
