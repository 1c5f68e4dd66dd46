package idlayrfake_test

import (
	"net/http/httptest"
	"net/netip"
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

var _ = Describe("coverage", func() {
	coverageWorld := func() (*world, string) {
		w := newWorld(func(c *idlayrfake.Config) {
			o2 := &c.Networks[0]
			o2.Name, o2.Aliases, o2.SubscriberURL = "O2 UK", []string{"23402", "23411"}, "https://api.23410.example/subscribers"
			o2.Prefixes = append(o2.Prefixes, netip.MustParsePrefix("2001:db8:10::/48"))
			c.Networks = append(c.Networks,
				idlayrfake.Network{NetworkID: "20801", Country: "FR", DialingCode: "33", Unsupported: true},
				idlayrfake.Network{NetworkID: "310260", Country: "US", DialingCode: "1", RedirectURL: "http://sna.example/"})
		})
		DeferCleanup(w.Close)
		return w, "Bearer " + w.token("one", "s3cret", "coverage", "")
	}
	get := func(w *world, token, path, from string) *httptest.ResponseRecorder {
		return w.do(req{method: "GET", path: path, from: from, header: headers("Authorization", token, "Content-Type", "application/json")})
	}
	const products = `[{"product_id":"PCK","product_name":"Phone Check"},{"product_id":"SCK","product_name":"Sim Check"},{"product_id":"SUK","product_name":"Subscriber Check"}]`
	reach := func(ip, path string) string {
		return `{"country_code":"GB","dialing_code":"44","network_id":"23410","network_name":"O2 UK","network_aliases":["23402","23411"],` +
			`"products":` + products + `,"mobile_data_ip":"` + ip + `","_links":{"self":{"href":"http://eu.api.idlayr.com` + path + `"}}}`
	}

	It("tells a device what its network can do (C17, C18, C19)", func() {
		w, token := coverageWorld()
		rec := get(w, token, "/coverage/v0.1/device_ip", onO2)
		Expect(rec.Code).To(Equal(200))
		Expect(rec.Header().Get("Content-Type")).To(Equal("application/hal+json"))
		Expect(rec.Header().Get("Access-Control-Allow-Origin")).To(Equal("*"))
		Expect(rec.Body.String()).To(Equal(reach("10.10.0.5", "/coverage/v0.1/device_ip")))
	})

	It("tells anybody, for the web SDK", func() {
		w, _ := coverageWorld()
		rec := get(w, "", "/public/coverage/v0.1/device_ip", "[::ffff:10.10.0.5]:40000")
		Expect(rec.Body.String()).To(Equal(reach("10.10.0.5", "/public/coverage/v0.1/device_ip")))
		Expect(get(w, "", "/public/coverage/v0.1/device_ip", onWiFi)).To(beNotMobile)
		Expect(get(w, "", "/public/coverage/v0.1/device_ip", "10.20.0.5:1")).To(beNotSupported)
		Expect(get(w, "", "/public/coverage/v0.1/countries/GB", onO2)).To(beRouteNotFound)
	})

	It("believes the connection, not a header", func() {
		w, token := coverageWorld()
		rec := w.do(req{method: "GET", path: "/coverage/v0.1/device_ip", from: onWiFi, header: headers("Authorization", token, "X-Forwarded-For", "10.10.0.5")})
		Expect(rec).To(beNotMobile)
	})

	DescribeTable("tells a server what a device's network can do",
		func(segment, ip string) {
			w, token := coverageWorld()
			rec := get(w, token, "/coverage/v0.1/device_ips/"+segment, onWiFi)
			Expect(rec.Body.String()).To(Equal(reach(ip, "/coverage/v0.1/device_ips/"+ip)))
		},
		Entry("IPv4", "10.10.0.9", "10.10.0.9"),
		Entry("IPv6", "2001:DB8:10::9", "2001:db8:10::9"),
		Entry("mapped, as Express hands over", "::ffff:10.10.0.9", "10.10.0.9"),
		Entry("a whole X-Forwarded-For", "10.10.0.9, 192.0.2.7, 198.51.100.1", "10.10.0.9"),
		Entry("the same without spaces", "10.10.0.9,192.0.2.7", "10.10.0.9"),
		Entry("encoded twice", "%3A%3Affff%3A10.10.0.9%2C%20192.0.2.7", "10.10.0.9"),
		Entry("with a port", "10.10.0.9:4711", "10.10.0.9"),
		Entry("IPv6 with a port", "[2001:db8:10::9]:4711", "2001:db8:10::9"),
		Entry("with a zone", "2001:db8:10::9%eth0", "2001:db8:10::9"),
	)

	DescribeTable("has no reach",
		func(path string, be OmegaMatcher) {
			w, token := coverageWorld()
			Expect(get(w, token, "/coverage/v0.1/"+path, onWiFi)).To(be)
		},
		Entry("WiFi", "device_ip", beNotMobile),
		Entry("fixed address", "device_ips/192.0.2.9", beNotMobile),
		Entry("fixed proxy in front of a mobile one", "device_ips/192.0.2.9,10.10.0.9", beNotMobile),
		Entry("unsupported operator", "device_ips/10.20.0.9", beNotSupported),
		Entry("no address", "device_ips/localhost", beProblem(400, "bad_request", "Bad Request", "device_ips: not an IP address")),
		Entry("nothing before the comma", "device_ips/,10.10.0.9", beProblem(400, "bad_request", "Bad Request", "device_ips: not an IP address")),
		Entry("nothing at all", "device_ips/", beRouteNotFound),
		Entry("country without operators", "countries/DE", beProblem(404, "not_found", "Not Found", "No Reach")),
		Entry("country without supported ones", "countries/FR", beProblem(404, "not_found", "Not Found", "No Reach")),
		Entry("no country", "countries/\x00\"é", beProblem(404, "not_found", "Not Found", "No Reach")),
	)

	It("knows what an operator cannot do", func() {
		w, token := coverageWorld()
		ids := func(ip string) (ids []string) {
			for _, p := range object(get(w, token, "/coverage/v0.1/device_ips/"+ip, ""))["products"].([]any) {
				ids = append(ids, p.(map[string]any)["product_id"].(string))
			}
			return ids
		}
		Expect(ids("10.30.0.1")).To(Equal([]string{"PCK", "SUK"}), "no subscriber queries")
		Expect(ids("10.10.15.1")).To(BeEmpty(), "no redirects either")
	})

	It("describes a country", func() {
		w, token := coverageWorld()
		rec := get(w, token, "/coverage/v0.1/countries/GB", "")
		Expect(rec.Code).To(Equal(200))
		Expect(rec.Header().Get("Content-Type")).To(Equal("application/hal+json"))
		o2 := `{"network_id":"23410","network_name":"O2 UK","network_aliases":["23402","23411"],"prices":[{"currency":"API","amount":1}]}`
		ee := `{"network_id":"23430","network_name":"","prices":[{"currency":"API","amount":1}]}`
		self := `"_links":{"self":{"href":"http://eu.api.idlayr.com/coverage/v0.1/countries/GB"}}`
		price := `"prices_starting_from":[{"currency":"API","amount":1}]`
		Expect(rec.Body.String()).To(Equal(`{"country_code":"GB","dialing_code":44,"products":[` +
			`{"product_id":"PCK","product_name":"Phone Check","coverage":"PARTIAL",` + price + `,"networks":[` + o2 + `,` + ee + `],` + self + `},` +
			`{"product_id":"SCK","product_name":"Sim Check","coverage":"PARTIAL",` + price + `,"networks":[` + o2 + `],` + self + `},` +
			`{"product_id":"SUK","product_name":"Subscriber Check","coverage":"PARTIAL",` + price + `,"networks":[` + o2 + `,` + ee + `],` + self + `}],` + self + `}`))
	})

	DescribeTable("knows countries by",
		func(code, country string, dialing float64, coverage string) {
			w, token := coverageWorld()
			m := object(get(w, token, "/coverage/v0.1/countries/"+code, ""))
			Expect([]any{m["country_code"], m["dialing_code"]}).To(Equal([]any{country, dialing}))
			Expect(m["products"].([]any)[0]).To(HaveKeyWithValue("coverage", coverage))
			Expect(m["_links"]).To(Equal(map[string]any{"self": map[string]any{"href": "http://eu.api.idlayr.com/coverage/v0.1/countries/" + url.PathEscape(code)}}))
		},
		Entry("alpha-2", "GB", "GB", 44.0, "PARTIAL"),
		Entry("lower case", "us", "US", 1.0, "FULL"),
		Entry("dialing code", "44", "GB", 44.0, "PARTIAL"),
		Entry("dialing code with a plus", "+1", "US", 1.0, "FULL"),
	)

	DescribeTable("needs a token with the scope coverage",
		func(path string) {
			w, token := coverageWorld()
			Expect(get(w, "", path, onO2).Code).To(Equal(401))
			Expect(get(w, w.bearer(), path, onO2).Code).To(Equal(403))
			Expect(get(w, token, path, onO2).Code).To(Equal(200))
		},
		Entry(nil, "/coverage/v0.1/device_ip"),
		Entry(nil, "/coverage/v0.1/device_ips/10.10.0.9"),
		Entry(nil, "/coverage/v0.1/countries/GB"),
	)

	It("answers the preflight of a browser page", func() {
		w, _ := coverageWorld()
		rec := w.do(req{method: "OPTIONS", path: "/coverage/v0.1/device_ip", from: onO2, header: headers(
			"Origin", "https://app.example", "Access-Control-Request-Method", "GET",
			"Access-Control-Request-Headers", "access-control-allow-origin,authorization,content-type")})
		Expect(rec.Code).To(Equal(204))
		Expect(rec.Body.Len()).To(BeZero())
		Expect(rec.Header().Get("Access-Control-Allow-Origin")).To(Equal("*"))
		Expect(rec.Header().Get("Access-Control-Allow-Methods")).To(Equal("GET, POST, PATCH, OPTIONS"))
		Expect(rec.Header().Get("Access-Control-Allow-Headers")).To(Equal("Authorization, Content-Type, Access-Control-Allow-Origin"))
		Expect(get(w, "", "/coverage/v0.1/device_ip", onO2).Header().Get("Access-Control-Allow-Origin")).To(Equal("*"), "a refusal must be readable, too")
	})
})
