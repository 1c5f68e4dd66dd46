package mnofake_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/mnofake"
)

// capture is the internet behind the gateway.
type capture struct{ got *http.Request }

func (c *capture) ServeHTTP(_ http.ResponseWriter, r *http.Request) { c.got = r }

var _ = Describe("packet gateway", func() {
	const forged = "447700900999"

	through := func(o *mnofake.Operator, r *http.Request) http.Header {
		GinkgoHelper()
		c := &capture{}
		o.Gateway(c).ServeHTTP(httptest.NewRecorder(), r)
		Expect(c.got).NotTo(BeNil())
		return c.got.Header
	}

	It("stamps the subscriber whose data session it is", func() {
		o, aliceAt, bobAt := operator(config())
		for msisdn, at := range map[string]netip.Addr{alice: aliceAt, bob: bobAt} {
			Expect(through(o, request("GET", "/", at))).To(Equal(http.Header{"X-Msisdn": {msisdn}}))
		}
	})

	It("finds an IPv6 session, and an IPv4 one written as IPv6", func() {
		o, aliceAt, _ := operator(config())
		v6, err := o.AttachIPv6(bob)
		Expect(err).NotTo(HaveOccurred())
		Expect(through(o, request("GET", "/", v6)).Get("X-MSISDN")).To(Equal(bob))
		Expect(through(o, request("GET", "/", netip.AddrFrom16(aliceAt.As16()))).Get("X-MSISDN")).To(Equal(alice))
	})

	DescribeTable("stamps nobody, but still strips",
		func(prepare func(o *mnofake.Operator, at netip.Addr) (remoteAddr string)) {
			o, at, _ := operator(config())
			r := request("GET", "/", at)
			r.RemoteAddr = prepare(o, at)
			r.Header.Set("X-MSISDN", forged)
			Expect(through(o, r)).To(BeEmpty())
		},
		Entry("an address nobody has", func(*mnofake.Operator, netip.Addr) string { return "100.64.0.77:1" }),
		Entry("a detached session", func(o *mnofake.Operator, at netip.Addr) string {
			Expect(o.Detach(at)).To(BeTrue())
			return at.String() + ":1"
		}),
		Entry("a removed subscriber", func(o *mnofake.Operator, at netip.Addr) string {
			Expect(o.RemoveSubscriber(alice)).To(BeTrue())
			return at.String() + ":1"
		}),
		Entry("no address at all", func(*mnofake.Operator, netip.Addr) string { return "@" }),
	)

	spellings := func(name string) []string {
		lower := strings.ToLower(name)
		mixed := []byte(lower)
		for i := 0; i < len(mixed); i += 2 {
			mixed[i] = strings.ToUpper(lower)[i]
		}
		return []string{name, lower, strings.ToUpper(name), string(mixed), http.CanonicalHeaderKey(name),
			strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(lower, "-", "_"), strings.Replace(name, "-", "_", 1)}
	}
	var entries []any
	entries = append(entries, func(name string) {
		o, aliceAt, _ := operator(config())
		for _, spelling := range spellings(name) {
			r := request("GET", "/", aliceAt)
			r.Header[spelling] = []string{forged, forged} // as it is: a caller in process need not be canonical
			r.Header["X-Kept"] = []string{"1", "2"}
			r.Trailer = http.Header{spelling: {forged}}
			got := through(o, r)
			Expect(got).To(Equal(http.Header{"X-Msisdn": {alice}, "X-Kept": {"1", "2"}}), spelling)
			Expect(r.Header).To(HaveKeyWithValue(spelling, []string{forged, forged}), "the caller's map stays as it was")
			Expect(r.Trailer).To(HaveKey(spelling))
		}
	})
	for _, name := range append(mnofake.SubscriberHeaders(), "X-Vendor-MSISDN-Hash", "x.msisdn", "MyMsisdn", "X-M-S-I-S-D-N") {
		entries = append(entries, Entry(name, name))
	}
	DescribeTable("removes what a client says about the subscriber, in every spelling", entries...)

	It("lists the headers that are known to carry a number", func() {
		Expect(mnofake.SubscriberHeaders()).To(ContainElements("X-MSISDN", "MSISDN", "X-UP-CALLING-LINE-ID", "X-UP-SUBNO",
			"X-WAP-MSISDN", "X-NOKIA-MSISDN", "X-H3G-MSISDN", "X-HTS-CLID", "X-FH-MSISDN", "X-WSB-IDENTITY", "X-Network-Info",
			"X-Orange-ID", "X-UP-BEAR-TYPE", "X-ACR", "X-IMSI", "X-IMEI", "X-Forwarded-For"))
		mnofake.SubscriberHeaders()[0] = "changed"
		Expect(mnofake.SubscriberHeaders()).NotTo(ContainElement("changed"))
	})

	It("leaves the SDK's own headers alone", func() {
		o, at, _ := operator(config())
		r := request("GET", "/", at)
		want := http.Header{"X-Tru-Ops": {"23410"}, "X-Tru-Sdk-Request": {"u"}, "Authorization": {"Bearer t"}, "Cookie": {"a=b"},
			"User-Agent": {"u"}, "Accept": {"*/*"}, "Connection": {"close"}}
		r.Header = want.Clone()
		want.Set("X-MSISDN", alice)
		Expect(through(o, r)).To(Equal(want))
	})

	DescribeTable("does not let Connection wash the stamp off behind it",
		func(name string, values, kept []string) {
			o, at, _ := operator(config())
			r := request("GET", "/", at)
			r.Header[name] = values
			want := http.Header{"X-Msisdn": {alice}}
			if kept != nil {
				want[name] = kept
			}
			Expect(through(o, r)).To(Equal(want))
		},
		Entry("alone", "Connection", []string{"X-MSISDN"}, nil),
		Entry("lower case, odd spaces", "connection", []string{" x-msisdn\t"}, nil),
		Entry("in a list", "Connection", []string{"close, X-Msisdn,keep-alive"}, []string{"close,keep-alive"}),
		Entry("in a second field", "Connection", []string{"close", "X_MSISDN"}, []string{"close"}),
		Entry("by the proxies' own field", "Proxy-Connection", []string{"X-MSISDN, close"}, []string{" close"}),
	)

	It("does all of it on the wire, trailers included", func() {
		cfg := config()
		cfg.Prefixes = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		o := mnofake.New(cfg)
		Expect(o.AddSubscriber(mnofake.Subscriber{MSISDN: alice})).To(Succeed())
		Expect(o.Attach(alice)).To(Equal(netip.MustParseAddr("127.0.0.1")))

		var header, trailer http.Header
		srv := httptest.NewServer(o.Gateway(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			header, trailer = r.Header, r.Trailer
		})))
		defer srv.Close()
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", srv.Listener.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: sna.o2.example\r\nx-msisdn: "+forged+"\r\nX_MSISDN: "+forged+
			"\r\nX-MSISDN: "+forged+"\r\nX-MSISDN:\r\nConnection: X-MSISDN, close\r\nTransfer-Encoding: chunked\r\nTrailer: X-MSISDN\r\n\r\n"+
			"1\r\nx\r\n0\r\nX-MSISDN: "+forged+"\r\n\r\n")
		Expect(err).NotTo(HaveOccurred())
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		Expect(err).NotTo(HaveOccurred())
		_ = resp.Body.Close()
		Expect(resp.StatusCode).To(Equal(200))
		Expect(header).To(Equal(http.Header{"X-Msisdn": {alice}, "Connection": {" close"}}))
		Expect(trailer).To(BeEmpty())
	})

	It("tells what it did", func() {
		cfg := config()
		var notes []string
		cfg.Observe = func(_ context.Context, text string) { notes = append(notes, text) }
		o, at, _ := operator(cfg)
		r := request("GET", "/", at)
		r.Header.Set("X-MSISDN", forged)
		through(o, r)
		through(o, request("GET", "/", netip.MustParseAddr("192.0.2.1")))
		Expect(notes).To(Equal([]string{
			"gateway removes 1 subscriber header(s) sent by the client",
			"gateway stamps " + alice,
			"gateway stamps nothing: no known subscriber at this source address",
		}))
	})
})
