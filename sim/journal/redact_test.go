package journal_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/journal"
)

var _ = Describe("Redact", func() {
	DescribeTable("secrets",
		func(in, want string) {
			Expect(journal.Redact(in, false)).To(Equal(want))
			Expect(journal.Redact(want, false)).To(Equal(want), "twice is once")
		},
		Entry(nil, "Authorization: Bearer 2YotnFZFEjr1zCsicMWpAA", "Authorization: Bearer 2Yot…"),
		Entry(nil, "authorization: Basic Y2xpZW50OnNlY3JldA==\r\nAccept: */*", "authorization: Basic Y2xp…\r\nAccept: */*"),
		Entry(nil, `{"Authorization":"Bearer abcdefgh","a":1}`, `{"Authorization":"Bearer abcd…","a":1}`),
		Entry(nil, "sends Bearer abcdefgh.ij to them", "sends Bearer abcd… to them"),
		Entry(nil, "over the cellular bearer of alice", "over the cellular bearer of alice"),
		Entry(nil, `{"access_token": "abcdefgh","id_token":"ey\"xx","n":1}`, `{"access_token": "abcd…","id_token":"ey\"…","n":1}`),
		Entry("cut off", `{"access_token":"abcdefgh`, `{"access_token":"abcd…`),
		Entry("JSON in JSON", `{\"access_token\":\"abcdefgh`, `{\"access_token\":\"abcd…`),
		Entry(nil, "grant_type=x&client_secret=abcdefgh&scope=y", "grant_type=x&client_secret=abcd…&scope=y"),
		Entry(nil, "https://b.example/cb?check_id=1&code=94dae426fg#x", "https://b.example/cb?check_id=1&code=94da…#x"),
		Entry(nil, `{"check_id":"1","code":"94dae426fg"}`, `{"check_id":"1","code":"94da…"}`),
		Entry(nil, `[{"op":"add","path":"/code","value":"94dae426fg"}]`, `[{"op":"add","path":"/code","value":"94da…"}]`),
		Entry(nil, `[{"value":"94dae426fg","path":"/code"}]`, `[{"value":"94da…","path":"/code"}]`),
		Entry("four or fewer tell too much", "code=1234&x=1", "code=…&x=1"),
		Entry("other codes", `{"error_code":"not_mobile_ip","country_code":"GB"}`, `{"error_code":"not_mobile_ip","country_code":"GB"}`),
		Entry(nil, "status code 200, code: 7", "status code 200, code: 7"),
		Entry(nil, "Cookie: session=abcdefgh; b=12345", "Cookie: session=abcd…; b=1234…"),
		Entry(nil, "Set-Cookie: session=abcdefgh; Path=/; HttpOnly; SameSite=Lax", "Set-Cookie: session=abcd…; Path=/; HttpOnly; SameSite=Lax"),
		Entry("numbers stay", "gateway stamps 447700900001", "gateway stamps 447700900001"),
		Entry(nil, "", ""),
	)

	DescribeTable("numbers",
		func(in, want string) {
			Expect(journal.Redact(in, true)).To(Equal(want))
			Expect(journal.Redact(want, true)).To(Equal(want), "twice is once")
		},
		Entry(nil, "gateway stamps 447700900001", "gateway stamps 44********01"),
		Entry(nil, "+447700900001.", "+44********01."),
		Entry(nil, "n=%2B447700900001&x", "n=%2B44********01&x"),
		Entry(nil, "14155550100", "1********00"),
		Entry(nil, "353851234567", "353*******67"),
		Entry(nil, "+44 7700 900001 typed", "+44 **** ****01 typed"),
		Entry(nil, "07700 900001", "0**** ****01"),
		Entry(nil, "07700900001", "0********01"),
		Entry(nil, "(0)7700-900-001", "(0)****-***-*01"),
		Entry(nil, "0044 7700 900001", "0044 **** ****01"),
		Entry(nil, `{"msisdn":"447700900001"}`, `{"msisdn":"44********01"}`),
		Entry("zeros", "000000000000", "00000*****00"),
		Entry("a UUID", "c69bc0e6-a429-11ea-1137-024213000200", "c69bc0e6-a429-11ea-1137-024213000200"),
		Entry("a date", "2020-06-01T16:43:30Z", "2020-06-01T16:43:30Z"),
		Entry("an id", "check_44770090000123", "check_44770090000123"),
	)

	It("redacts headers without touching the original", func() {
		h := http.Header{"Authorization": {"Signature abcdefgh"}, "Cookie": {"a=abcdefgh"}, "Set-Cookie": {"s=abcdefgh; Path=/"}, "X-Msisdn": {"447700900001"}}
		Expect(journal.RedactHeader(h, true)).To(Equal(http.Header{
			"Authorization": {"Signature abcd…"}, "Cookie": {"a=abcd…"}, "Set-Cookie": {"s=abcd…; Path=/"}, "X-Msisdn": {"44********01"},
		}))
		Expect(h.Get("Authorization")).To(Equal("Signature abcdefgh"))
	})
})
