package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/cmd/phonechecksim/serve"
)

// asProgram makes the test binary the program itself, in a process of its own.
const asProgram = "PHONECHECKSIM_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program starts phonechecksim as a process.
func program(args ...string) (cmd *exec.Cmd, errs *strings.Builder) {
	GinkgoHelper()
	cmd = exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	errs = &strings.Builder{}
	cmd.Stderr = errs
	Expect(cmd.Start()).To(Succeed())
	DeferCleanup(func() { _ = cmd.Process.Kill() })
	return cmd, errs
}

// serving starts one on free ports and waits until it answers.
func serving(args ...string) (cmd *exec.Cmd, log *strings.Builder, at serve.Addresses) {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	addrs := filepath.Join(dir, "addr.json")
	args = append([]string{"serve", "--state-dir", dir, "--addr-file", addrs, "--log", "json"}, args...)
	for _, flag := range []string{"api", "api-tls", "proxy", "app", "control"} {
		args = append(args, "--"+flag+"-addr", "127.0.0.1:0")
	}
	cmd, log = program(args...)
	Eventually(func() error {
		raw, err := os.ReadFile(addrs)
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &at)
	}).WithTimeout(20*time.Second).Should(Succeed(), log.String)
	return cmd, log, at
}

var _ = Describe("phonechecksim serve", func() {
	It("answers a probe, and ends with 0 in the middle of load, breaking no request", func() {
		if runtime.GOOS == "windows" {
			Skip("there is no SIGTERM")
		}
		cmd, log, at := serving()
		code, out, _ := call("probe", "--wait", "--control", at.Control)
		Expect(code).To(Equal(exitOK))
		Expect(out).To(ContainSubstring("answers"))

		var answered atomic.Int64
		var wg sync.WaitGroup
		enough := make(chan struct{})
		for range 8 {
			wg.Go(func() {
				t := &http.Transport{}
				defer t.CloseIdleConnections()
				for {
					resp, err := (&http.Client{Transport: t}).Get(at.API + "/.well-known/jwks.json")
					if err != nil {
						return
					}
					body, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || resp.StatusCode != 200 || len(body) < 300 {
						return
					}
					if answered.Add(1) == 200 {
						close(enough)
					}
				}
			})
		}
		<-enough
		Expect(cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
		wg.Wait()
		Expect(cmd.Wait()).To(Succeed())
		// What the simulator has answered has reached whoever asked.
		Expect(strings.Count(log.String(), "jwks.json 200")).To(BeEquivalentTo(answered.Load()))

		code, _, errs := call("probe", "--control", at.Control)
		Expect(code).To(Equal(exitFailed))
		Expect(errs).To(ContainSubstring("refused"))
	})

	It("says what is wrong with its call", func() {
		dir := GinkgoT().TempDir()
		for want, args := range map[string][]string{
			`--log "xml" is none of text, json, none`: {"--log", "xml"},
			"no such file":             {"--config", filepath.Join(dir, "none.yaml")},
			`alice has no "wfi"`:       {"--config", file("devices: {alice: {msisdn: \"447700900001\", wfi: true}}")},
			"--expose":                 {"--api-addr", "0.0.0.0:0"},
			"missing port":             {"--api-addr", "127.0.0.1"},
			`there is no device "zoe"`: {"--api-addr", "127.0.0.1:0", "--api-tls-addr", "127.0.0.1:0", "--proxy-addr", "127.0.0.1:0", "--app-addr", "127.0.0.1:0", "--control-addr", "127.0.0.1:0", "--direct-as", "zoe/wifi"},
		} {
			code, _, errs := call(append([]string{"serve", "--state-dir", dir}, args...)...)
			Expect(code).To(Equal(exitUsage), want)
			Expect(errs).To(ContainSubstring(want))
		}
	})

	It("writes files to begin with, and overwrites none", func() {
		dir := filepath.Join(GinkgoT().TempDir(), "new")
		code, out, errs := call("init", dir)
		Expect(code).To(Equal(exitOK), errs)
		Expect(out).To(ContainSubstring("tru.json"))
		var credentials struct {
			Credentials []struct {
				ClientID string `json:"client_id"`
			}
		}
		raw, err := os.ReadFile(filepath.Join(dir, "tru.json"))
		Expect(err).NotTo(HaveOccurred())
		Expect(json.Unmarshal(raw, &credentials)).To(Succeed())
		Expect(credentials.Credentials[0].ClientID).To(Equal("sim-client"))
		env := filepath.Join(dir, ".env")
		Expect(os.WriteFile(env, []byte("mine"), 0o600)).To(Succeed())
		_, out, _ = call("init", dir)
		Expect(out).To(ContainSubstring(env + " is there already"))
		Expect(os.ReadFile(env)).To(BeEquivalentTo("mine"))
	})
})
