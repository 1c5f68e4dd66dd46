package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// freeAddress is one that nobody listens on now.
func freeAddress() string {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer l.Close()
	return l.Addr().String()
}

// verdicts are those of a report, by check.
type verdicts map[string][]string

// examined runs the contract command against a backend that it starts.
func examined(args []string, backend ...string) (code int, v verdicts, out string) {
	GinkgoHelper()
	report := filepath.Join(GinkgoT().TempDir(), "report.json")
	args = append([]string{"contract", "--api-addr", "127.0.0.1:0", "--api-tls-addr", "127.0.0.1:0", "--report", "json=" + report}, args...)
	code, out, errs := call(append(append(args, "--"), backend...)...)
	raw, err := os.ReadFile(report)
	Expect(err).NotTo(HaveOccurred(), errs)
	var r struct {
		Results []struct{ ID, Verdict string }
	}
	Expect(json.Unmarshal(raw, &r)).To(Succeed())
	v = verdicts{}
	for _, one := range r.Results {
		v[one.Verdict] = append(v[one.Verdict], one.ID)
	}
	for _, ids := range v {
		slices.Sort(ids)
	}
	return code, v, out
}

var _ = Describe("phonechecksim contract", func() {
	It("finds in a hurried tutorial's backend what it deserves, and nothing in its corrected twin", func() {
		if testing.Short() {
			Skip("takes a minute of real time")
		}
		node, err := exec.LookPath("node")
		if err != nil {
			Skip("no node on this machine")
		}
		examples := filepath.Join("..", "..", "examples", "node")
		if _, err := os.Stat(filepath.Join(examples, "node_modules")); err != nil {
			Skip("no node_modules: run npm ci in examples/node")
		}
		var wg sync.WaitGroup
		for file, want := range map[string]struct {
			code  int
			fails []string
		}{
			"naive.mjs":  {exitFailed, []string{"B2", "C11", "C13", "C16", "C17", "C18", "C28", "C3", "C4", "C8"}},
			"server.mjs": {exitOK, nil},
		} {
			address := freeAddress()
			_, port, _ := net.SplitHostPort(address)
			wg.Go(func() {
				defer GinkgoRecover()
				code, v, out := examined([]string{"--profile", "guide", "--url", "http://" + address}, "env", "PORT="+port, node, filepath.Join(examples, file))
				Expect(v["fail"]).To(Equal(want.fails), "%s\n%s", file, out)
				Expect(code).To(Equal(want.code), file)
			})
		}
		wg.Wait()
	})

	It("names a command to repeat a check that starts the backend as well", func() {
		Expect(shellWords([]string{"node", "my server.mjs", "it's", ""})).To(Equal(`node 'my server.mjs' 'it'\''s' ''`))
	})

	It("says so when the backend cannot be examined", func() {
		dead := freeAddress()
		for want, args := range map[string][]string{
			"the backend has ended: exit status 3": {"--", "sh", "-c", "exit 3"},
			"cannot be started":                    {"--", "/nowhere/to/be/found"},
			"nothing listens on " + dead:           {"--start-timeout", "100ms"},
		} {
			code, out, errs := call(append([]string{"contract", "--profile", "guide", "--api-addr", "127.0.0.1:0", "--api-tls-addr", "127.0.0.1:0", "--url", "http://" + dead}, args...)...)
			Expect(code).To(Equal(exitUsage))
			Expect(out + errs).To(ContainSubstring(want))
		}
	})

	DescribeTable("says what is wrong with the call",
		func(want string, args ...string) {
			code, _, errs := call(append([]string{"contract"}, args...)...)
			Expect(code).To(Equal(exitUsage))
			Expect(errs).To(ContainSubstring(want))
		},
		Entry("no profile", "phonechecksim contract init writes one"),
		Entry("a profile that is none", "guide", "--profile", "guid"),
		Entry("a format that is none", "is none of text, json", "--profile", "guide", "--format", "pdf"),
		Entry("a report that is none", "write it as format=file", "--profile", "guide", "--report", "pdf=x"),
		Entry("a URL that is none", "say where the backend is", "--profile", "guide", "--url", "localhost:3000"),
		Entry("a check that is none", "C99", "--profile", "guide", "--only", "C99"),
		Entry("a baseline that is not there", "no such file", "--profile", "guide", "--baseline", "./none.json"),
	)

	It("writes a profile that it can read", func() {
		GinkgoT().Chdir(GinkgoT().TempDir())
		code, out, errs := call("contract", "init")
		Expect(code).To(Equal(exitOK), errs)
		Expect(out).To(ContainSubstring("contract.yaml"))
		_, err := readProfile("./contract.yaml")
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile("bad.yaml", []byte("profile: x\nstrat: {}\n"), 0o600)).To(Succeed())
		code, _, errs = call("contract", "--profile", "./bad.yaml")
		Expect(code).To(Equal(exitUsage))
		Expect(errs).To(And(ContainSubstring("bad.yaml:2:1"), ContainSubstring("strat")))
	})
})
