package serve_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// browser starts Chromium with a proxy setting and trust in the simulator's certificate authority, and nothing else.
func browser(ctx context.Context, u *user, proxy string) context.Context {
	GinkgoHelper()
	home := GinkgoT().TempDir()
	db := filepath.Join(home, ".pki", "nssdb")
	Expect(os.MkdirAll(db, 0o700)).To(Succeed())
	for _, args := range [][]string{
		{"-N", "--empty-password", "-d", "sql:" + db},
		{"-A", "-t", "C,,", "-n", "phonechecksim", "-i", u.at.CA, "-d", "sql:" + db},
	} {
		out, err := exec.CommandContext(ctx, needs("certutil"), args...).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
	}
	ctx, cancel := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(needs("chromium")), chromedp.NoSandbox, chromedp.Env("HOME="+home), chromedp.UserDataDir(filepath.Join(home, "profile")),
		chromedp.ProxyServer(proxy), chromedp.Flag("proxy-bypass-list", "<-loopback>"), chromedp.WSURLReadTimeout(time.Minute),
		// The operator's hop has to stay in the clear; what happens when it does not is a scenario.
		chromedp.Flag("disable-features", "HttpsUpgrades,HttpsFirstBalancedModeAutoEnable"),
	)...)
	DeferCleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	DeferCleanup(cancel)
	return ctx
}

// A real browser needs a process of its own and seconds to start, so there is one for each path.
var _ = Describe("A real Chromium", func() {
	for path, want := range map[string]struct {
		width  int
		result map[string]any
		opened string
	}{
		"cellular": {1, map[string]any{"status": "COMPLETED", "match": true}, `"code":`},
		"wifi":     {0, map[string]any{"status": "ERROR", "error_code": "not_mobile_ip"}, `#not_mobile_ip"`},
	} {
		It("opens check URLs on alice's "+path+" port", func(ctx SpecContext) {
			needs("chromium")
			needs("certutil")
			u := start()
			b := u.backend(u.at.APITLS, u.at.Projects[0])
			tab := browser(ctx, u, u.at.Devices[0].Proxies[path])

			// v0.1: a hidden image, as the mobile web SDK has it.
			id, checkURL := b.create(number)
			_, err := chromedp.Run(tab, chromedp.Navigate("data:text/html,<p>checking</p>"))
			Expect(err).NotTo(HaveOccurred())
			width, err := chromedp.Run(tab, chromedp.Evaluate[int](`new Promise(done => {
				const i = new Image(); i.referrerPolicy = "no-referrer"
				i.onload = () => done(i.naturalWidth); i.onerror = () => done(0)
				i.src = `+quoted(checkURL)+`
			})`, chromedp.EvalAwaitPromise))
			Expect(err).NotTo(HaveOccurred())
			Expect(width).To(Equal(want.width))
			result := b.result(id)
			for k, v := range want.result {
				Expect(result).To(HaveKeyWithValue(k, v))
			}

			// v0.2: a navigation. TLS is trusted through the certificate authority, or there would be no text.
			made := send(b.c, "POST", b.base+"/phone_check/v0.2/checks", `{"phone_number":"`+number+`"}`, "Authorization", b.auth, "Content-Type", "application/json").object()
			_, err = chromedp.Run(tab, chromedp.Navigate(made["_links"].(map[string]any)["check_url"].(map[string]any)["href"].(string)))
			Expect(err).NotTo(HaveOccurred())
			text, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.body.innerText`))
			Expect(err).NotTo(HaveOccurred())
			Expect(text).To(ContainSubstring(want.opened))
			if path == "wifi" {
				return
			}
			var end struct {
				CheckID string `json:"check_id"`
				Code    string `json:"code"`
			}
			Expect(json.Unmarshal([]byte(text[strings.IndexByte(text, '{'):strings.LastIndexByte(text, '}')+1]), &end)).To(Succeed())
			redeemed := send(b.c, "PATCH", b.base+"/phone_check/v0.2/checks/"+end.CheckID, `[{"op":"add","path":"/code","value":"`+end.Code+`"}]`,
				"Authorization", b.auth, "Content-Type", "application/json-patch+json")
			Expect(redeemed.object()).To(HaveKeyWithValue("match", true))
		}, SpecTimeout(3*time.Minute))
	}
})

func quoted(s string) string {
	raw, err := json.Marshal(s)
	Expect(err).NotTo(HaveOccurred())
	return string(raw)
}
