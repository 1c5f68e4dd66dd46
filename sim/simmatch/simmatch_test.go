package simmatch_test

import (
	"context"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/simmatch"
)

func TestSimmatch(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Matchers")
}

const number = "447700900001"

// fails returns the message with which a matcher turns a value down.
func fails(m types.GomegaMatcher, actual any) string {
	GinkgoHelper()
	ok, err := m.Match(actual)
	Expect(err).NotTo(HaveOccurred())
	Expect(ok).To(BeFalse())
	return m.FailureMessage(actual)
}

var _ = Describe("matchers", func() {
	var w *sim.World
	var matched, mismatched, refused sim.Outcome

	BeforeEach(func(ctx context.Context) {
		w = sim.RunT(GinkgoT())
		alice := w.Phone(number)
		matched = alice.Verify(ctx, number)
		mismatched = alice.Verify(ctx, "447700900002")
		refused = w.Phone("447700900101").Verify(ctx, number)
	})

	It("tell outcomes apart", func() {
		Expect(matched).To(And(simmatch.HaveMatched(), Not(simmatch.HaveMismatched()), simmatch.HaveCheckStatus("COMPLETED")))
		Expect(mismatched).To(And(simmatch.HaveMismatched(), Not(simmatch.HaveMatched())))
		Expect(refused).To(And(Not(simmatch.HaveMatched()), Not(simmatch.HaveMismatched()),
			simmatch.HaveCheckStatus("ERROR"), simmatch.HaveCheckStatus("ERROR", "ip_msisdn_mismatch"),
			Not(simmatch.HaveCheckStatus("ERROR", "not_mobile_ip"))))
	})

	It("say what is, why, and show the sequence", func() {
		Expect(fails(simmatch.HaveMatched(), mismatched)).To(And(
			HavePrefix("Expected the server to answer match true\nbut the server answered match false\n"),
			ContainSubstring("the operator saw another SIM"), ContainSubstring("gateway stamps 447700900001")))
		Expect(fails(simmatch.HaveMismatched(), refused)).To(ContainSubstring("the server answered 200 without a match"))
		Expect(fails(simmatch.HaveCheckStatus("EXPIRED"), matched)).To(ContainSubstring("but it is COMPLETED"))
	})

	It("find exchanges and notes, or say what came nearest", func() {
		Expect(w).To(simmatch.HaveExchange("5 Device -> MNO GET http://* 200 over cellular"))
		Expect(w).To(simmatch.HaveNote("gateway stamps 447700900001"))
		Expect(fails(simmatch.HaveExchange("5 Device -> MNO GET https://* 200 over cellular"), w)).To(
			ContainSubstring("the nearest is 5 Device → MNO GET http://sna.o2-uk.example/start"))
		Expect(fails(simmatch.HaveNote("gateway stamps 447700900009"), w)).To(ContainSubstring("the notes are:"))
		Expect(fails(simmatch.HaveExchanges("2 Device -> Server POST *"), w)).To(ContainSubstring("there is one more: 3 Server → IDlayr POST"))
		Expect(fails(simmatch.HaveExchanges("2 *", "4 *"), w)).To(ContainSubstring("number 2 is 3 Server"))
	})

	It("refuse values of another kind", func() {
		_, err := simmatch.HaveMatched().Match("a text")
		Expect(err).To(MatchError(ContainSubstring("wants a sim.Outcome, this is a string")))
	})
})
