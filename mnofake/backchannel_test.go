package mnofake_test

import (
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/mnofake"
)

var _ = Describe("back channel", func() {
	const subscriberPath = "/sna/v1/subscribers/"
	var (
		o       *mnofake.Operator
		aliceAt netip.Addr
	)
	BeforeEach(func() { o, aliceAt, _ = operator(config()) })

	DescribeTable("wants the platform's credential", func(cfg func(*mnofake.Config), id, secret string, send bool, code int) {
		c := config()
		if cfg != nil {
			cfg(&c)
		}
		o, _, _ := operator(c)
		for _, path := range []string{subscriberPath + alice, resultPath + "nobody"} {
			r := request("GET", path, netip.MustParseAddr("198.51.100.1"))
			if send {
				r.SetBasicAuth(id, secret)
			}
			w := serve(o, r)
			if code == 401 {
				Expect(w.Code).To(Equal(401))
				Expect(w.Body.String()).To(Equal(`{"error":"unauthorized"}`))
				Expect(w.Header().Get("WWW-Authenticate")).To(Equal(`Basic realm="sna"`))
			} else {
				Expect(w.Code).NotTo(Equal(401))
			}
		}
	},
		Entry("right", nil, "platform", "s3cret", true, 200),
		Entry("none", nil, "", "", false, 401),
		Entry("empty", nil, "", "", true, 401),
		Entry("wrong id", nil, "platforn", "s3cret", true, 401),
		Entry("wrong secret", nil, "platform", "s3creT", true, 401),
		Entry("prefix of the secret", nil, "platform", "s3cre", true, 401),
		Entry("halves exchanged", nil, "s3cret", "platform", true, 401),
		Entry("none configured", func(c *mnofake.Config) { c.PlatformID, c.PlatformSecret = "", "" }, "", "", true, 401),
		Entry("a secret alone configured", func(c *mnofake.Config) { c.PlatformID = "" }, "", "s3cret", true, 200),
	)

	It("does not mind a bearer token", func() {
		r := request("GET", resultPath+"s1", aliceAt)
		r.Header.Set("Authorization", "Bearer platform:s3cret")
		Expect(serve(o, r).Code).To(Equal(401))
	})

	DescribeTable("describes a subscriber", func(s mnofake.Subscriber, format func(string) string, code int, body string) {
		cfg := config()
		cfg.NumberFormat = format
		o, at, _ := operator(cfg)
		s.MSISDN = alice
		Expect(o.UpdateSubscriber(s)).To(Succeed())
		open(o, at, "/start?session=s1")
		byNumber, bySession := ask(o, subscriberPath+alice), ask(o, resultPath+"s1")
		Expect(byNumber.Code).To(Equal(code))
		Expect(bySession.Code).To(Equal(code))
		if code == 200 {
			Expect(byNumber.Body.String()).To(Equal("{" + body))
			Expect(bySession.Body.String()).To(Equal(`{"session_id":"s1",` + body))
		} else {
			Expect(byNumber.Body.String()).To(Equal(body))
			Expect(bySession.Body.String()).To(Equal(body))
		}
	},
		Entry("plain", mnofake.Subscriber{IMSI: "234100000000001"}, nil, 200, `"msisdn":"447700900001","network_id":"23410"}`),
		Entry("SIM change, in UTC", mnofake.Subscriber{SIMChangedAt: time.Date(2020, 1, 1, 1, 0, 0, 0, time.FixedZone("", 3600))}, nil, 200,
			`"msisdn":"447700900001","network_id":"23410","sim_changed_at":"2020-01-01T00:00:00Z"}`),
		Entry("own spelling", mnofake.Subscriber{}, func(m string) string { return "0" + m[2:] }, 200, `"msisdn":"07700900001","network_id":"23410"}`),
		Entry("may not share", mnofake.Subscriber{NoData: true}, nil, 403, `{"error":"no_data_available"}`),
	)

	It("does not know a subscriber who left", func() {
		open(o, aliceAt, "/start?session=s1")
		o.RemoveSubscriber(alice)
		for _, path := range []string{subscriberPath + alice, resultPath + "s1", subscriberPath + "x"} {
			w := ask(o, path)
			Expect(w.Code).To(Equal(404))
			Expect(w.Body.String()).To(Equal(`{"error":"subscriber_not_found"}`))
		}
	})

	DescribeTable("knows no other route", func(method, path string, code int) {
		r := request(method, path, aliceAt)
		r.SetBasicAuth("platform", "s3cret")
		w := serve(o, r)
		Expect(w.Code).To(Equal(code))
		Expect(w.Header().Get("Content-Type")).To(Equal("application/json"))
		if code == 405 {
			Expect(w.Header().Get("Allow")).To(Equal("GET"))
			Expect(w.Body.String()).To(Equal(`{"error":"method_not_allowed"}`))
		} else {
			Expect(w.Body.String()).To(Equal(`{"error":"not_found"}`))
		}
	},
		Entry(nil, "GET", "/", 404),
		Entry(nil, "GET", "//start", 404),
		Entry(nil, "GET", "/start/", 404),
		Entry(nil, "GET", resultPath, 404),
		Entry(nil, "GET", resultPath+"a/b", 404),
		Entry(nil, "GET", resultPath+"a%2Fb", 404),
		Entry(nil, "POST", "/start?session=s1", 405),
		Entry(nil, "HEAD", "/start?session=s1", 405),
		Entry(nil, "DELETE", resultPath+"s1", 405),
		Entry(nil, "PUT", subscriberPath+alice, 405),
	)

	It("is not asked by HEAD to bind", func() {
		serve(o.Gateway(o), request("HEAD", "/start?session=s1", aliceAt))
		Expect(ask(o, resultPath+"s1").Code).To(Equal(404))
	})
})
