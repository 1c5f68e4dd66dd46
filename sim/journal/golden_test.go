package journal_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(name string, got []byte) {
	GinkgoHelper()
	path := "testdata/" + name
	if *update {
		Expect(os.MkdirAll("testdata", 0o755)).To(Succeed())
		Expect(os.WriteFile(path, got, 0o644)).To(Succeed())
	}
	want, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	Expect(string(got)).To(Equal(string(want)))
}

func text(records []journal.Record, o journal.TextOptions) string {
	var b bytes.Buffer
	if err := journal.Text(&b, records, o); err != nil {
		panic(err)
	}
	return b.String()
}

// troubled plays what goes wrong: two phones, WiFi, a reset, a refusal, a request that is still open.
func troubled() *tape {
	t := newTape(journal.Config{})
	t.Note("Device", "bob types (0)7700 900002", t.at, 1)
	bob := vnet.Origin{Owner: "Device bob", Path: "wifi", Kind: vnet.WiFi}
	x := t.open(bob, "Server", nil, "POST", "https://backend.example/phone-check")
	t.wait(time.Second)
	t.close(x, 503, `{"error_message":"try another way","code":"unavailable"}`)
	x = t.open(wifi, "IDlayr", nil, "GET", checkURL)
	t.wait(time.Second)
	t.close(x, 412, `{"type":"https://developer.idlayr.com/docs/reference/api-errors#not_mobile_ip","status":412}`)
	x = t.open(cellular, "MNO EE", nil, "GET", "http://sna.ee.example/start?session=q")
	t.wait(2 * time.Second)
	t.closeWith(x, vnet.Outcome{Status: 200, Err: "connection reset after 20 bytes"})
	x = t.open(platform, "Server", nil, "POST", "http://backend.example/callback")
	t.wait(100 * time.Second)
	t.close(x, 204, "")
	t.open(server, "IDlayr", nil, "GET", checks+"/"+checkID)
	return t
}

var _ = Describe("renderings", func() {
	It("draws the guide's flow", func() {
		golden("flow.txt", []byte(text(verified(journal.Config{}).Records(), journal.TextOptions{})))
	})
	It("draws it narrow, in colour, with masked numbers", func() {
		golden("flow-narrow.txt", []byte(text(verified(journal.Config{}).Records(),
			journal.TextOptions{Width: 72, Color: true, MaskNumbers: true})))
	})
	It("draws trouble", func() {
		golden("trouble.txt", []byte(text(troubled().Records(), journal.TextOptions{})))
	})
	It("writes Mermaid", func() {
		golden("flow.mmd", []byte(journal.Mermaid(verified(journal.Config{}).Records(), journal.MermaidOptions{})))
		golden("trouble.mmd", []byte(journal.Mermaid(troubled().Records(), journal.MermaidOptions{MaskNumbers: true})))
	})
	It("writes JSON", func() {
		b, err := json.MarshalIndent(journal.View(verified(journal.Config{}).Records(), journal.ViewOptions{}), "", " ")
		Expect(err).NotTo(HaveOccurred())
		golden("flow.json", append(b, '\n'))
	})
	It("says so when there is nothing", func() {
		Expect(text(nil, journal.TextOptions{})).To(Equal("nothing has crossed the network yet\n"))
		Expect(journal.Mermaid(nil, journal.MermaidOptions{})).To(Equal("sequenceDiagram\n"))
		Expect(json.Marshal(journal.View(nil, journal.ViewOptions{}))).To(BeEquivalentTo("[]"))
	})
	It("writes JSON notes as an array, also when there are none", func() {
		t := newTape(journal.Config{})
		t.close(t.open(wifi, "Server", nil, "GET", "https://b.example/"), 200, "")
		b, err := json.Marshal(journal.View(t.Records(), journal.ViewOptions{}))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(b)).To(Equal(`[{"seq":1,"step":6,"from":"Device","to":"Server","path":"wifi","method":"GET","url":"https://b.example/","status":200,"notes":[],"at":0}]`))
	})
	It("lets no secret through, in any of them", func() {
		t := newTape(journal.Config{})
		x := t.open(server, "IDlayr", nil, "POST", "https://eu.api.idlayr.com/oauth2/v1/token?client_secret=s3cret-canary&access_token=t0ken-canary&code=c0de-canary")
		t.note(x, "sent Bearer t0ken-canary and code=c0de-canary")
		t.Note("Server", `got {"id_token":"t0ken-canary"}`, t.at, 3)
		t.closeWith(x, vnet.Outcome{Status: 302, Header: http.Header{"Location": {"https://x.example/?code=c0de-canary"}}, Err: "cut at access_token=t0ken-canary"})
		b, err := json.Marshal(journal.View(t.Records(), journal.ViewOptions{}))
		Expect(err).NotTo(HaveOccurred())
		for _, out := range []string{string(b), text(t.Records(), journal.TextOptions{Width: 400}), journal.Mermaid(t.Records(), journal.MermaidOptions{})} {
			Expect(out).To(ContainSubstring("…"))
			Expect(out).NotTo(ContainSubstring("canary"))
		}
	})
})

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}

func lines(s string) []string { return strings.Split(strings.TrimSuffix(s, "\n"), "\n") }
