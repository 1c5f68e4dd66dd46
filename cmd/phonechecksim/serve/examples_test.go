package serve_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/cmd/phonechecksim/serve"
)

// process runs a backend of examples/ and returns where it listens.
func process(env []string, name string, args ...string) (base string) {
	GinkgoHelper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), append(env, "PORT=0", "NO_PROXY=", "no_proxy=")...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(cmd.Start()).To(Succeed())
	DeferCleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	Expect(lines.Scan()).To(BeTrue(), "%s did not start: %s", name, &errs)
	port, ok := strings.CutPrefix(lines.Text(), "listening on ")
	Expect(ok).To(BeTrue(), lines.Text())
	return "http://127.0.0.1:" + port
}

// curl is the phone: its browser, more or less.
func curl(u *user, proxy string, args ...string) (status string, body []byte) {
	GinkgoHelper()
	file := filepath.Join(GinkgoT().TempDir(), "body")
	cmd := exec.Command("curl", append([]string{"-s", "--noproxy", "", "--max-time", "20", "--cacert", u.at.CA, "-o", file, "-w", "%{http_code}", "-x", proxy}, args...)...)
	out, err := cmd.Output()
	Expect(err).NotTo(HaveOccurred())
	body, err = os.ReadFile(file)
	if !errors.Is(err, os.ErrNotExist) {
		Expect(err).NotTo(HaveOccurred())
	}
	return string(out), body
}

func needs(program string) string {
	GinkgoHelper()
	path, err := exec.LookPath(program)
	if err != nil {
		Skip("no " + program + " on this machine")
	}
	return path
}

var examples = "../../../examples"

var _ = Describe("A backend that knows nothing of the simulator", func() {
	backends := map[string]func(env []string) string{
		"Node": func(env []string) string {
			node := needs("node")
			if _, err := os.Stat(filepath.Join(examples, "node", "node_modules")); err != nil {
				Skip("no node_modules: run npm ci in examples/node")
			}
			return process(env, node, filepath.Join(examples, "node", "server.mjs"))
		},
		"Python": func(env []string) string {
			return process(env, needs("python3"), filepath.Join(examples, "python", "server.py"))
		},
		"Go": func(env []string) string {
			binary := filepath.Join(GinkgoT().TempDir(), "backend")
			out, err := exec.Command(needs("go"), "build", "-o", binary, examples+"/go").CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), string(out))
			return process(env, binary)
		},
	}
	ways := map[string]func(u *user) []string{
		"by its base URL": func(u *user) []string { return []string{"API_BASE_URL=" + u.at.API} },
		"by HTTPS_PROXY and the CA": func(u *user) []string {
			proxy := strings.Replace(u.at.Proxy, "://", "://server:x@", 1)
			return []string{"HTTPS_PROXY=" + proxy, "https_proxy=" + proxy, "NODE_EXTRA_CA_CERTS=" + u.at.CA, "SSL_CERT_FILE=" + u.at.CA}
		},
	}
	for language, run := range backends {
		for how, env := range ways {
			It("in "+language+" takes part "+how+", the phone being curl", func(SpecContext) {
				needs("curl")
				u := start()
				p := u.at.Projects[0]
				base := run(append(env(u), "TRU_ID_CLIENT_ID="+p.ClientID, "TRU_ID_CLIENT_SECRET="+p.ClientSecret))
				for _, c := range []struct {
					device serve.Device
					path   string
					opened string
					match  any
					forge  []string
				}{
					{u.at.Devices[0], "cellular", "200", true, nil},
					{u.at.Devices[1], "cellular", "200", false, nil},
					{u.at.Devices[0], "wifi", "412", nil, nil},
					{u.at.Devices[1], "cellular", "200", false, []string{"-H", "X-MSISDN: " + number, "-H", "x-up-calling-line-id: " + number}},
				} {
					jar := filepath.Join(GinkgoT().TempDir(), "jar")
					own := func(args ...string) map[string]any {
						status, body := curl(u, c.device.ProxyURLs["default"], append(args, "-b", jar, "-c", jar)...)
						Expect(status).To(Equal("200"), string(body))
						var m map[string]any
						Expect(json.Unmarshal(body, &m)).To(Succeed())
						return m
					}
					begun := own("-H", "Content-Type: application/json", "-d", `{"phone_number":"+44 7700 900001"}`, base+"/phone-check")
					status, body := curl(u, c.device.ProxyURLs[c.path], append(c.forge, "-L", begun["check_url"].(string))...)
					Expect(status).To(Equal(c.opened), string(body))
					done := own(base + "/phone-check?check_id=" + begun["check_id"].(string))
					if c.match == nil {
						Expect(done).NotTo(HaveKey("match"))
					} else {
						Expect(done).To(HaveKeyWithValue("match", c.match))
					}
				}
			}, SpecTimeout(2*time.Minute))
		}
	}
})
