package appserver_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Coverage", func() {
	var b *bench
	BeforeEach(func() { b = guarded() })

	It("gives devices a token that is good for it and nothing else", func() {
		b.start(nil, "447700900001")
		for range 2 {
			Expect(b.do(nil, "GET", "/coverage-access-token", "", "").Raw).To(Equal(`{"token":"for-coverage-2","url":"https://eu.api.idlayr.com/coverage/v0.1/device_ip"}` + "\n"))
		}
		Expect(b.last("token").Body).To(Equal("grant_type=client_credentials&scope=coverage"))
		Expect(b.count("token")).To(Equal(2))
		b.clk.Advance(59 * time.Minute)
		Expect(b.do(nil, "GET", "/coverage-access-token", "", "").Body).To(HaveKeyWithValue("token", "for-coverage-3"))
	})

	DescribeTable("gives no token that can do more", func(scope string, status int) {
		b.next("token", reply(200, `{"access_token":"good-for-too-much","expires_in":3600,"token_type":"bearer","scope":"`+scope+`"}`))
		g := b.do(nil, "GET", "/coverage-access-token", "", "")
		Expect(g.Status).To(Equal(status))
		Expect(strings.Contains(g.Raw, "good-for-too-much")).To(Equal(status == 200))
	},
		Entry(nil, "coverage phone_check", 503), Entry(nil, "phone_check", 503), Entry(nil, "coverage", 200), Entry(nil, "", 200),
	)

	It("has no token when the platform gives none", func() {
		b.next("token", problem(429, "too_many_requests"))
		Expect(b.do(nil, "GET", "/coverage-access-token", "", "")).To(refused(429, "too_many_requests"))
	})

	It("says what is covered in a country, but for money", func() {
		b.next("cover", reply(200, `{"country_code":"GB","dialing_code":44,"canary":1,"products":[{"product_id":"PCK","product_name":"Phone Check","coverage":"FULL",
			"prices_starting_from":[{"currency":"canary","amount":1}],"networks":[{"network_id":"23410","network_name":"O2 UK","network_aliases":["23402"],"prices":[{"currency":"canary"}]}],"_links":{}}],"_links":{}}`))
		Expect(b.do(nil, "GET", "/country?country_code=GB", "", "").Raw).To(MatchJSON(`{"country_code":"GB","dialing_code":44,"products":[
			{"product_id":"PCK","product_name":"Phone Check","coverage":"FULL","networks":[{"network_id":"23410","network_name":"O2 UK","network_aliases":["23402"]}]}]}`))
		Expect(b.last("cover")).To(And(HaveField("URL", api+"/coverage/v0.1/countries/GB"), HaveField("Auth", "Bearer for-coverage-1")))
	})

	DescribeTable("takes a country as letters or digits", func(code string, status int, problem string) {
		g := b.do(nil, "GET", "/country?country_code="+code, "", "")
		Expect(g).To(refused(status, problem))
		Expect(b.count("cover") == 1).To(Equal(status == 404))
	},
		Entry(nil, "gb", 404, "not_covered"), Entry(nil, "44", 404, "not_covered"), Entry(nil, "1868", 404, "not_covered"),
		Entry(nil, "", 400, "country_code_required"), Entry(nil, "GBR", 400, "country_code_invalid"), Entry(nil, "G1", 400, "country_code_invalid"),
		Entry(nil, "%2e%2e", 400, "country_code_invalid"), Entry(nil, "4%2f", 400, "country_code_invalid"), Entry(nil, "12345", 400, "country_code_invalid"),
		Entry(nil, "%5b%5d", 400, "country_code_invalid"), Entry(nil, "%c3%a9", 400, "country_code_invalid"),
	)

	It("says which network a device is on", func() {
		b.next("cover", reply(200, `{"country_code":"GB","dialing_code":"44","network_id":"23410","network_name":"O2 UK","network_aliases":["23402"],
			"products":[{"product_id":"PCK","product_name":"Phone Check"}],"mobile_data_ip":"192.0.2.7","_links":{"self":{"href":"canary"}}}`))
		Expect(b.do(nil, "GET", "/device?id_address=192.0.2.7", "", "").Raw).To(MatchJSON(`{"country_code":"GB","dialing_code":"44","network_id":"23410","network_name":"O2 UK",
			"network_aliases":["23402"],"products":[{"product_id":"PCK","product_name":"Phone Check"}],"mobile_data_ip":"192.0.2.7"}`))
	})

	DescribeTable("asks for the address", func(query, remote, want string) {
		r := httptest.NewRequest("GET", "/device"+query, nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "203.0.113.99")
		r.Header.Set("Forwarded", "for=203.0.113.99")
		g := b.send(nil, r)
		if want == "" {
			Expect(g).To(refused(400, "ip_address_invalid"))
			Expect(b.calls).To(BeEmpty())
			return
		}
		Expect(b.last("cover").URL).To(Equal(api + "/coverage/v0.1/device_ips/" + want))
	},
		Entry("of the connection, whatever the headers say", "", "192.0.2.1:1234", "192.0.2.1"),
		Entry(nil, "", "[::ffff:192.0.2.1]:1234", "192.0.2.1"),
		Entry(nil, "", "[2001:db8::1%25eth0]:1234", "2001:db8::1"),
		Entry(nil, "?id_address=192.0.2.7", "192.0.2.1:1234", "192.0.2.7"),
		Entry(nil, "?ip_address=2001:db8::7", "192.0.2.1:1234", "2001:db8::7"),
		Entry(nil, "?ip_address=../checks", "192.0.2.1:1234", ""),
		Entry(nil, "?ip_address=192.0.2.7,192.0.2.8", "192.0.2.1:1234", ""),
		Entry(nil, "", "pipe", ""),
	)

	DescribeTable("refuses in its own words", func(f func(*http.Request) (*http.Response, error), status int, code string) {
		b.next("cover", f)
		Expect(b.do(nil, "GET", "/device", "", "")).To(refused(status, code))
	},
		Entry(nil, problem(412, "not_mobile_ip"), 412, "not_mobile_ip"),
		Entry(nil, problem(400, "mno_not_supported"), 422, "mno_not_supported"),
		Entry(nil, problem(404, "not_found"), 404, "not_covered"),
		Entry(nil, problem(429, "too_many_requests"), 429, "too_many_requests"),
		Entry(nil, reply(500, "canary"), 503, "unavailable"),
		Entry(nil, reply(200, `[]`), 503, "unavailable"),
	)

	It("renews its token when the platform refuses that", func() {
		b.next("cover", problem(401, "access_token_error"))
		b.do(nil, "GET", "/device", "", "")
		Expect(b.last("cover").Auth).To(Equal("Bearer for-coverage-2"))
		Expect(b.do(nil, "GET", "/coverage-access-token", "", "").Body).To(HaveKeyWithValue("token", "for-coverage-2"))
	})
})
