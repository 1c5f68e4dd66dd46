package scenarios_test

import (
	"context"
	"encoding/json"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/sim/journal"
)

var _ = Describe("A forged callback", func() {
	It("is what it says: each differs from a genuine one in one thing", func(ctx context.Context) {
		s, err := scenarios.Named("callback-chaos")
		Expect(err).NotTo(HaveOccurred())
		var forged []journal.Record
		var genuine journal.Record
		var published struct {
			Keys []struct {
				ID string `json:"kid"`
			}
		}
		for _, r := range play(ctx, s).Records {
			switch {
			case strings.HasSuffix(r.URL, "/jwks.json"):
				Expect(json.Unmarshal(r.ResponseBody, &published)).To(Succeed())
			case !strings.HasSuffix(r.URL, "/callback"):
			case r.From == journal.Device:
				forged = append(forged, r)
			case genuine.URL == "":
				genuine = r
			}
		}
		Expect(published.Keys).NotTo(BeEmpty())
		Expect(forged).To(HaveLen(6))
		signature := func(r journal.Record) string { return r.RequestHeader.Get("Authorization") }
		Expect(signature(forged[0])).To(BeEmpty())
		Expect(signature(forged[1])).To(ContainSubstring(`keyId="` + published.Keys[0].ID + `"`))
		Expect(signature(forged[2])).NotTo(ContainSubstring(published.Keys[0].ID))
		Expect(signature(forged[2])).To(HavePrefix(`Signature keyId="somebody-else",algorithm="rsa-sha256",headers="(request-target) host date x-tru-callback digest"`))
		Expect(signature(forged[3])).To(Equal(signature(genuine)))
		Expect(forged[3].RequestBody).NotTo(Equal(genuine.RequestBody))
		Expect(signature(forged[4])).To(Equal(signature(genuine)))
		Expect(forged[4].RequestBody).To(Equal(genuine.RequestBody))
		Expect(forged[4].RequestHeader.Get("Date")).To(Equal(genuine.RequestHeader.Get("Date")))
	})

	It("cannot be taken from one that there is not yet", func(ctx context.Context) {
		s, err := scenarios.Parse("early.yaml", []byte(`scenario: early
cast: {callbacks: true, devices: {mallory: {msisdn: "447700900003"}}}
script: [forge_callback: {how: replay}]
`))
		Expect(err).NotTo(HaveOccurred())
		Expect(play(ctx, s).Failures).To(ConsistOf(HaveField("What", "forge_callback")))
	})
})
