package idlayrfake_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/phonechecksim/phonechecksim/idlayrfake"
)

var _ = Describe("the states of a check", func() {
	const (
		accepted, pending           = StatusAccepted, StatusPending
		completed, expired, inError = StatusCompleted, StatusExpired, StatusError
	)
	opened := func(c Check, now time.Time) Check { return Open(c, now, "23410") }
	refused := func(c Check, now time.Time) Check { return Refuse(c, now, "not_mobile_ip", false) }
	forgiven := func(c Check, now time.Time) Check { return Refuse(c, now, "not_mobile_ip", true) }
	settled := func(v Verdict) func(Check, time.Time) Check {
		return func(c Check, now time.Time) Check { return Settle(c, now, v) }
	}
	const inTime, tooLate = 60*time.Second - 1, 60 * time.Second

	DescribeTable("transitions",
		func(from Status, event func(Check, time.Time) Check, after time.Duration, to Status) {
			before := Check{PhoneNumber: alice, Status: from, CreatedAt: start, UpdatedAt: start, TTL: time.Minute}
			got := event(before, start.Add(after))
			Expect(got.Status).To(Equal(to))
			switch {
			case from == to:
				Expect(got).To(Equal(before), "nothing else may change either")
			case to == expired:
				Expect(got.UpdatedAt).To(Equal(start.Add(time.Minute)))
			default:
				Expect(got.UpdatedAt).To(Equal(start.Add(after)))
			}
			Expect(got.Match != nil).To(Equal(to == completed && from != to))
			Expect(got.Charged).To(Equal(to == completed && from != to))
			Expect(got.ErrorCode != "").To(Equal(to == inError && from != to))
		},
		Entry("ACCEPTED, opened", accepted, opened, inTime, pending),
		Entry("ACCEPTED, opened too late", accepted, opened, tooLate, expired),
		Entry("ACCEPTED, refused", accepted, refused, inTime, inError),
		Entry("ACCEPTED, refused and forgiven", accepted, forgiven, inTime, accepted),
		Entry("ACCEPTED, refused too late", accepted, refused, tooLate, expired),
		Entry("ACCEPTED, operator answers", accepted, settled(Says(alice)), inTime, accepted),
		Entry("ACCEPTED, in time", accepted, Expire, inTime, accepted),
		Entry("ACCEPTED, too late", accepted, Expire, tooLate, expired),
		Entry("PENDING, opened again", pending, opened, inTime, pending),
		Entry("PENDING, refused", pending, refused, inTime, pending),
		Entry("PENDING, operator waits", pending, settled(Waiting()), inTime, pending),
		Entry("PENDING, operator waits too long", pending, settled(Waiting()), tooLate, expired),
		Entry("PENDING, operator says a number", pending, settled(Says(alice)), inTime, completed),
		Entry("PENDING, operator says it too late", pending, settled(Says(alice)), tooLate, expired),
		Entry("PENDING, operator fails", pending, settled(Failing("mno_timeout")), inTime, inError),
		Entry("PENDING, operator fails too late", pending, settled(Failing("mno_timeout")), tooLate, expired),
		Entry("PENDING, in time", pending, Expire, inTime, pending),
		Entry("PENDING, too late", pending, Expire, tooLate, expired),
		Entry("COMPLETED, opened", completed, opened, inTime, completed),
		Entry("COMPLETED, operator answers again", completed, settled(Says(bob)), inTime, completed),
		Entry("COMPLETED, too late", completed, Expire, tooLate, completed),
		Entry("EXPIRED, opened", expired, opened, inTime, expired),
		Entry("EXPIRED, operator answers", expired, settled(Says(alice)), inTime, expired),
		Entry("EXPIRED, refused", expired, refused, inTime, expired),
		Entry("ERROR, opened", inError, opened, inTime, inError),
		Entry("ERROR, refused", inError, refused, inTime, inError),
		Entry("ERROR, operator answers", inError, settled(Says(alice)), inTime, inError),
		Entry("ERROR, too late", inError, Expire, tooLate, inError),
	)

	It("matches only the number asked for", func() {
		c := Check{PhoneNumber: alice, Status: pending, CreatedAt: start, TTL: time.Minute}
		Expect(*Settle(c, start, Says(alice)).Match).To(BeTrue())
		Expect(*Settle(c, start, Says(bob)).Match).To(BeFalse())
	})
})

var _ = DescribeTable("numbers in E.164",
	func(in, want string) {
		got, ok := E164(in)
		Expect(got).To(Equal(want))
		Expect(ok).To(Equal(want != ""))
	},
	Entry("bare", "447700900001", "447700900001"),
	Entry("with a plus", "+447700900001", "447700900001"),
	Entry("two pluses", "++447700900001", ""),
	Entry("national", "07700900001", ""),
	Entry("7 digits", "1234567", "1234567"),
	Entry("6 digits", "123456", ""),
	Entry("15 digits", "123456789012345", "123456789012345"),
	Entry("16 digits", "1234567890123456", ""),
	Entry("spaces", "44 7700 900001", ""),
	Entry("letters", "44770090000x", ""),
	Entry("full-width digits", "４４７７００", ""),
	Entry("NUL", "447700900001\x00", ""),
	Entry("empty", "", ""),
)

var _ = DescribeTable("numbers as operators write them",
	func(in, dialing, want string) {
		got, _ := SubscriberNumber(in, dialing)
		Expect(got).To(Equal(want))
	},
	Entry("bare", "447700900001", "44", alice),
	Entry("plus", "+447700900001", "44", alice),
	Entry("00", "00447700900001", "44", alice),
	Entry("national", "07700900001", "44", alice),
	Entry("national, country unknown", "07700900001", "", ""),
	Entry("nonsense", "anonymous", "44", ""),
)

var _ = DescribeTable("the region of a host",
	func(host, want string) { Expect(RegionOf(host)).To(Equal(want)) },
	Entry(nil, "eu.api.idlayr.com", "eu"),
	Entry(nil, "IN.api.tru.id", "in"),
	Entry(nil, "us.api.idlayr.com:8443", "us"),
	Entry(nil, "127.0.0.1:8080", ""),
	Entry(nil, "[::1]:8080", ""),
	Entry(nil, "europe.example", ""),
	Entry(nil, "api.eu.example", ""),
	Entry(nil, "", ""),
)
