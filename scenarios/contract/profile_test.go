package contract_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/phonechecksim/phonechecksim/scenarios/contract"
)

const smallProfile = `profile: mine
start: {path: /start, body: '{"n": "{number}"}'}
finish: {path: "/finish?id={check_id}"}
`

var _ = Describe("a profile", func() {
	It("comes ready for the guide, the vendor's sample server and the reference server", func() {
		Expect(contract.ReadyProfiles()).To(ConsistOf("dev-server", "dev-server-v0.1", "guide", "reference", "reference-v0.1"))
		_, err := contract.Ready("template")
		Expect(err).To(MatchError(ContainSubstring("there are dev-server")))
	})

	It("fits its schema, ready or as a template", func() {
		schema := compiled(contract.ProfileSchema())
		files, err := filepath.Glob("profiles/*.yaml")
		Expect(err).NotTo(HaveOccurred())
		Expect(files).To(HaveLen(6))
		for _, file := range files {
			content, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			var any any
			Expect(yaml.Unmarshal(content, &any)).To(Succeed())
			text, err := json.Marshal(any)
			Expect(err).NotTo(HaveOccurred())
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
			Expect(err).NotTo(HaveOccurred())
			Expect(schema.Validate(doc)).To(Succeed(), file)
			p, err := contract.LoadProfile(file)
			Expect(err).NotTo(HaveOccurred(), file)
			Expect(p.Name).NotTo(BeEmpty())
		}
	})

	It("explains itself in the template, all of which is valid", func() {
		var all []string
		for line := range strings.SplitSeq(string(contract.ProfileTemplate()), "\n") {
			if t := strings.TrimLeft(line, " "); strings.HasPrefix(t, "#") && (!strings.HasPrefix(t, "# ") || strings.HasPrefix(t, "#  ")) {
				line = strings.Replace(line, "#", "", 1)
			}
			all = append(all, line)
		}
		p, err := contract.ParseProfile("template.yaml", []byte(strings.Join(all, "\n")))
		Expect(err).NotTo(HaveOccurred(), strings.Join(all, "\n"))
		Expect(p.Session.Login).NotTo(BeNil())
		Expect(p.Fallback).To(HaveLen(2))
		Expect(*p.Limit).To(Equal(10))
	})

	It("has defaults", func() {
		p, err := contract.ParseProfile("mine.yaml", []byte(smallProfile))
		Expect(err).NotTo(HaveOccurred())
		Expect(p).To(HaveField("Version", "v0.1"))
		Expect(p.Start.Method + p.Finish.Method + p.Session.By + p.Region).To(Equal("POSTGETcookieeu"))
		Expect(p.Oracle.Verified).To(Equal(contract.Sign{Member: "match", Equals: true}))
	})

	DescribeTable("says where it is wrong",
		func(content string, wanted ...string) {
			_, err := contract.ParseProfile("p.yaml", []byte(content))
			Expect(err).To(HaveOccurred())
			for _, w := range wanted {
				Expect(err.Error()).To(ContainSubstring(w))
			}
		},
		Entry("an unknown key", smallProfile+"oracel: {}\n", `p.yaml:4:1: a profile has no "oracel"`, "    4 | oracel: {}\n        ^"),
		Entry("an unknown key further in", smallProfile+"session:\n  kind: cookie\n", `p.yaml:5:3: session has no "kind"; it may be one of by, token, login`),
		Entry("a key twice", smallProfile+"profile: other\n", "p.yaml:4:1", "already defined"),
		Entry("a version", smallProfile+"version: v3\n", `p.yaml:4:10: "v3" is not one of v0.1, v0.2`),
		Entry("no code in v0.2", smallProfile+"version: v0.2\n", "p.yaml:3:", "has {code}, which v0.2 needs"),
		Entry("a list for a mapping", "profile: x\nstart: [1]\n", "a mapping is wanted here"),
		Entry("no number", "profile: x\nstart: {path: /s}\nfinish: {path: /f}\n", "p.yaml:2:", "neither path nor body has {number}"),
		Entry("a path that is a URL", "profile: x\nstart: {path: 'https://a/{number}'}\nfinish: {path: /f}\n", "is not a path that begins with a slash"),
		Entry("a body that is no JSON", "profile: x\nstart: {path: /s, body: 'n={number}'}\nfinish: {path: /f}\n", "type: form"),
		Entry("a probe without a sign", smallProfile+"oracle: {path: /me}\n", "p.yaml:4:10", "say how its answer looks"),
		Entry("a bearer from nowhere", smallProfile+"session: {by: bearer}\n", "say where the token stands"),
		Entry("an anchor", "a: &x 1\n", "without anchors"),
		Entry("an alias bomb", "a: *x\n", "without anchors"),
		Entry("a tag", "profile: !!binary aGk=\n", "without anchors, aliases, tags"),
		Entry("depth", strings.Repeat("[", 4000), "too deep"),
		Entry("size", strings.Repeat("#", 70_000), "more than 65536 bytes"),
		Entry("nothing", "", "one profile"),
		Entry("two", smallProfile+"---\n"+smallProfile, "one profile"),
		Entry("no YAML", "profile: [\n", "p.yaml"),
	)
})

func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(smallProfile))
	f.Add(contract.ProfileTemplate())
	f.Add([]byte("start: {path: /, body: '{}'}\nfallback: [{status: 1}]\n? a\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := contract.ParseProfile("p", content)
		if (p == nil) == (err == nil) {
			t.Fatal("neither or both")
		}
	})
}
