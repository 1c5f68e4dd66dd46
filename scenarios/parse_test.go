package scenarios_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/scenarios"
)

// good is a scenario without a mistake; the table below breaks it.
const good = `scenario: mine
tags: [path]
cast:
  devices:
    alice: {msisdn: "447700900001", wifi: true}
script:
  - verify: {number: "447700900001"}
  - advance: 61s
  - set: {wifi: false}
  - fault: {host: "sna.*", delay: 1s}
expect:
  check: {status: COMPLETED}
`

var _ = Describe("A scenario file", func() {
	It("without a mistake is read", func() {
		s, err := scenarios.Parse("mine.yaml", []byte(good))
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Name).To(Equal("mine"))
	})

	DescribeTable("with a mistake says where, what, and what was probably meant",
		func(old, new string, want ...string) {
			broken := strings.Replace(good, old, new, 1)
			Expect(broken).NotTo(Equal(good))
			_, err := scenarios.Parse("mine.yaml", []byte(broken))
			for _, w := range want {
				Expect(err).To(MatchError(ContainSubstring(w)))
			}
			var mistakes scenarios.Mistakes
			Expect(errors.As(err, &mistakes)).To(BeTrue())
			if first := mistakes[0]; first.Line > 0 {
				Expect(strings.Split(broken, "\n")[first.Line-1]).To(Equal(first.Source))
			}
		},
		Entry("unknown key", "wifi: true", "wfi: true", `mine.yaml:5:37: alice has no "wfi"; did you mean "wifi"?`, "    5 | "),
		Entry("unknown key at the top", "tags:", "tag:", `mine.yaml:2:1: a scenario has no "tag"; did you mean "tags"?`),
		Entry("an alias", "tags:", "story: *a\ntags:", `mine.yaml:2:8: this is to be plain YAML`),
		Entry("a tag", "tags:", "story: !x y\ntags:", `mine.yaml:2:8: this is to be plain YAML`),
		Entry("deep nesting", "tags:", "story: "+strings.Repeat("[", 9999)+"\ntags:", `mine.yaml:2:24: lists and mappings stand too deep`),
		Entry("too much of it", "tags:", strings.Repeat("#\n", 40000)+"tags:", `mine.yaml: the file has more than 65536 bytes`),
		Entry("unknown verb", "- verify:", "- verfy:", `mine.yaml:7:5: script has no "verfy"; did you mean "verify"?`),
		Entry("unknown device", `verify: {number`, `verify: {device: alcie, number`, `mine.yaml:7:22: the cast has no device "alcie"; did you mean "alice"?`),
		Entry("bad status", "COMPLETED", "COMPLETE", `mine.yaml:12:19: "COMPLETE" is not a known status; did you mean "COMPLETED"?`),
		Entry("bad tag", "[path]", "[pth]", `mine.yaml:2:8: "pth" is not a known tag; did you mean "path"?`),
		Entry("bad SDK", "wifi: true", "sdk: andorid", `"andorid" is not a known sdk; did you mean "android"?`),
		Entry("bad duration", "61s", "61x", `mine.yaml:8:14: "61x" is not a time span; write it like 61s, 1m30s or 250ms`),
		Entry("wrong type", "wifi: true", "wifi: maybe", "mine.yaml:5:43: true or false is wanted here, this is a text"),
		Entry("bad number", `{msisdn: "447700900001"`, `{msisdn: "07700900001"`, `mine.yaml:5:21: "07700900001" is not a number in E.164 without plus`),
		Entry("no such slot", "wifi: true", "data_sim: 2", "there is no slot 2; the device has 1 SIM(s)"),
		Entry("bad relay", "wifi: true", "private_relay: al", `"al" is not a known private_relay; did you mean "all"?`),
		Entry("bad relay in a set", "wifi: false", "private_relay: htp", `mine.yaml:9:26: "htp" is not a known private_relay; did you mean "http"?`),
		Entry("misspelt path", "wifi: true", "signl: true", `alice has no "signl"; did you mean "signal"?`),
		Entry("nobody's hotspot", "wifi: true", "hotspot_of: bob", `the cast has no device "bob"`),
		Entry("a hotspot's guest is its owner", "wifi: true", "hotspot_of: alice", "a device is no guest of its own hotspot"),
		Entry("the same in a set", "wifi: false", "hotspot_of: alice", "a device is no guest of its own hotspot"),
		Entry("HTTPS-only without a browser", "wifi: true", "https_only: true", "it needs sdk: browser"),
		Entry("hops before now", "wifi: false", "after_answers: -1", "after_answers counts answers and cannot be negative"),
		Entry("two verbs", "- advance: 61s", "- advance: 61s\n    clear_faults: {}", "a step has one verb, this one has 2 [advance clear_faults]"),
		Entry("no number", `{number: "447700900001"}`, "{device: alice}", "verify needs the number that the user types"),
		Entry("twice", "tags: [path]", "tags: [path]\ntags: [path]", "mine.yaml:3:1: "),
		Entry("no name", "scenario: mine", "scenario: My First", `this is "My First"`),
		Entry("a fault that does nothing", "delay: 1s", "times: 1", "the fault does nothing"),
		Entry("a fault nowhere", `host: "sna.*", `, "", "a fault needs the host"),
		Entry("an operator that there is not", "  devices:", "  operators: {\"2341\": {}}\n  devices:", `mine.yaml:4:15: there is no operator "2341"; did you mean "23410"?`),
		Entry("a habit that operators do not have", "  devices:", "  operators: {\"23410\": {redirect_hop: 1}}\n  devices:", `mine.yaml:4:25: 23410 has no "redirect_hop"; did you mean "redirect_hops"?`),
		Entry("no status of a redirect", "  devices:", "  operators: {\"23410\": {redirect_status: 200}}\n  devices:", `mine.yaml:4:42: 200 is not the status of a redirect; it may be one of [301 302 303 307 308]`),
		Entry("no failure", "  devices:", "  operators: {\"23410\": {result_failure: 404}}\n  devices:", `mine.yaml:4:41: result_failure is a status from 500 to 599, not 404`),
		Entry("too many hops", "  devices:", "  operators: {\"23410\": {redirect_hops: -1}}\n  devices:", `an operator has from 0 to 50 redirect_hops, not -1`),
		Entry("a Location of no known form", "  devices:", "  operators: {\"23410\": {location: absolut}}\n  devices:", `"absolut" is not a known location; did you mean "absolute"?`),
		Entry("numbers of no known form", "  devices:", "  operators: {23410: {number_format: nat}}\n  devices:", `"nat" is not a known number_format`),
		Entry("an unknown mode", "  devices:", "  platform: {mode: sandbx}\n  devices:", `mine.yaml:4:20: "sandbx" is not a known mode; did you mean "sandbox"?`),
		Entry("an unknown scope", "  devices:", "  platform: {scopes: [phone-check]}\n  devices:", `"phone-check" is not a known scope; did you mean "phone_check"?`),
		Entry("a negative limit", "  devices:", "  platform: {rate_limit: -1}\n  devices:", `mine.yaml:4:26: rate_limit cannot be negative`),
		Entry("a range of nobody's", "  devices:", "  platform: {number_ranges: {\"4477\": \"23411\"}}\n  devices:", `mine.yaml:4:30: there is no operator "23411"; did you mean "23410"?`),
		Entry("a SIM of nobody's", "wifi: true", "operator: \"23411\"", `"23411" is not a known operator; did you mean "23410"?`),
		Entry("operators that change what the platform knows", "- advance: 61s", "- set_operators: {\"23410\": {unsupported: true}}", `no_redirect and unsupported stand in the cast`),
		Entry("operators that there are not, later", "- advance: 61s", "- set_operators: {\"23401\": {}}", `mine.yaml:8:21: there is no operator "23401"`),
		Entry("a call to nowhere", "- advance: 61s", "- call: {method: GET}", `mine.yaml:8:12: call needs to, a path of the device's server such as /me, or a URL`),
		Entry("a method that there is not", "- advance: 61s", "- call: {method: GETT, to: /me}", `"GETT" is not a known method; did you mean "GET"?`),
		Entry("a forgery of no known kind", "- advance: 61s", "- forge_callback: {how: unsignd}", `"unsignd" is not a known how; did you mean "unsigned"?`),
		Entry("a forgery of no kind", "- advance: 61s", "- forge_callback: {device: alice}", `forge_callback needs to know how: unsigned, other_key`),
		Entry("a replay of nothing", "- advance: 61s", "- forge_callback: {how: replay}", `there is no callback to take: the cast has no callbacks: true`),
		Entry("a call about nobody's check", "- advance: 61s", "- call: {to: /me, check_of: bob}", `the cast has no device "bob"`),
		Entry("syntax", "cast:\n", "cast: [\n", "mine.yaml:"),
		Entry("several documents", "cast:", "---\ncast:", "a scenario file holds one scenario, this one holds 2"),
	)

	DescribeTable("that is no scenario at all",
		func(content, want string) {
			_, err := scenarios.Parse("mine.yaml", []byte(content))
			Expect(err).To(MatchError(ContainSubstring(want)))
		},
		Entry("empty", "", "this one holds 0"),
		Entry("a list", "- a\n- b\n", "mine.yaml"),
		Entry("a text", "hello", "mine.yaml"),
		Entry("nothing in it", "scenario: x\n", "the cast needs at least one device"),
		Entry("huge", strings.Repeat("#\n", 1<<20), "more than"),
	)

	It("reports all unknown words at once, in the order of the file", func() {
		_, err := scenarios.Parse("f", []byte(strings.NewReplacer("tags:", "tgas:", "advance:", "advence:").Replace(good)))
		var mistakes scenarios.Mistakes
		Expect(errors.As(err, &mistakes)).To(BeTrue())
		Expect(mistakes).To(HaveLen(2))
		Expect(mistakes[0].Line).To(BeNumerically("<", mistakes[1].Line))
	})

	It("that asks for an operator which is not there cannot be played", func(ctx context.Context) {
		for _, broken := range []string{
			strings.Replace(good, "wifi: true", `roaming: breakout, visited: "99999"`, 1),
			strings.Replace(good, "wifi: false", `roaming: breakout, visited: "99999"`, 1),
		} {
			s, err := scenarios.Parse("mine.yaml", []byte(broken))
			Expect(err).NotTo(HaveOccurred())
			_, err = scenarios.Run(ctx, s, scenarios.Options{})
			Expect(err).To(MatchError(ContainSubstring(`no operator "99999"`)))
		}
	})

	It("is loaded from disk", func(ctx context.Context) {
		path := filepath.Join(GinkgoT().TempDir(), "mine.yaml")
		Expect(os.WriteFile(path, []byte(good), 0o600)).To(Succeed())
		s, err := scenarios.Load(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(play(ctx, s).Passed).To(BeTrue())
		_, err = scenarios.Load(path + ".nothere")
		Expect(err).To(MatchError(os.ErrNotExist))
	})
})

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("a: &x [*x]")
	f.Add("scenario: A\nscript: !0000000 00")
	f.Add(strings.Repeat("- ", 99) + strings.Repeat("[", 99))
	f.Add("scenario: x\ncast: {operators: {a: null, 1: {}, \"'\": {}}, platform: {number_ranges: {'': \"''\"}}}\nscript: [set_operators: {'.': {}}, call: {to: null}, forge_callback: null, revoke_tokens: {}]")
	f.Add("scenario: [1, {2: 3}]\ncast: {devices: {a: null}}\nscript: [null, {verify: null}]")
	f.Add("expect: {check: {match: [true]}}\n? {a: b}\n: c")
	f.Fuzz(func(t *testing.T, content string) {
		s, err := scenarios.Parse("f", []byte(content))
		if (s == nil) == (err == nil) {
			t.Fatal("neither a scenario nor a mistake")
		}
		if err != nil && !strings.HasPrefix(err.Error(), "f:") {
			t.Fatalf("a mistake without a place: %v", err)
		}
	})
}

func ExampleRun() {
	s, err := scenarios.Named("mismatch")
	if err != nil {
		panic(err)
	}
	r, err := scenarios.Run(context.Background(), s, scenarios.Options{Seed: 1})
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Passed, r.Check.Status, *r.Check.Match)
	// Output: true COMPLETED false
}
