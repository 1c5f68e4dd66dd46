package vnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var _ = Describe("Names and addresses", func() {
	var n *network
	var dev *vnet.Interface
	BeforeEach(func() {
		n = moving()
		dev = n.device()
		n.Handle("API.Test.", "Server", answers("api"))
		n.Handle("app.test:8443", "App", answers("app"))
	})

	DescribeTable("finds hosts", func(url, want string) {
		Expect(mustGet(dev, url)).To(Equal(want))
		Expect(n.outcome().Status).To(Equal(200))
		Expect(n.only().URL).To(Equal(url))
	},
		Entry("clear", "http://api.test/x", "api"),
		Entry("secure", "https://api.test/x?q=1", "api"),
		Entry("whatever the case", "https://aPi.tEst/", "api"),
		Entry("fully qualified", "https://api.test./", "api"),
		Entry("port 80 said", "http://api.test:80/", "api"),
		Entry("a port of its own", "http://app.test:8443/", "app"),
	)

	DescribeTable("refuses, and puts that on record once", func(method, url, host, owner string, prepare func(), check func(error)) {
		prepare()
		_, _, err := get(context.Background(), dev, method, url, nil)
		Expect(err).To(HaveOccurred())
		check(err)
		x, o := n.only(), n.outcome()
		Expect(x.Method).To(Equal(method))
		Expect(x.URL).To(Equal(url))
		Expect(x.Host).To(Equal(host))
		Expect(x.Owner).To(Equal(owner))
		Expect(x.From.Owner).To(Equal("Device alice"))
		Expect(o.Status).To(BeZero())
		Expect(o.Err).NotTo(BeEmpty())
		Expect(n.Active()).To(BeEmpty())
	},
		Entry("an unknown host", "GET", "https://nowhere.test/a?b=c", "nowhere.test", "", func() {}, func(err error) {
			var dns *net.DNSError
			Expect(errors.As(err, &dns)).To(BeTrue())
			Expect(dns.IsNotFound).To(BeTrue())
			Expect(dns.Name).To(Equal("nowhere.test"))
		}),
		Entry("a port where nobody listens", "POST", "http://api.test:81/", "api.test", "", func() {}, refused),
		Entry("the usual port of a host that has another", "GET", "http://app.test/", "app.test", "", func() {}, refused),
		Entry("a host that is down", "PUT", "https://api.test/", "api.test", "Server", func() {
			n.Handle("api.test", "Server", answers("")).SetUp(false)
		}, refused),
		Entry("an interface that is down", "GET", "http://api.test/", "api.test", "Server", func() { dev.SetUp(false) }, unreachable),
	)

	It("records a dial that is no request as what it is", func() {
		_, err := dev.DialContext(context.Background(), "tcp", "nowhere.test:80")
		Expect(err).To(BeAssignableToTypeOf(&net.OpError{}))
		Expect(n.only().Method).To(Equal("CONNECT"))
		Expect(n.only().URL).To(Equal("//nowhere.test:80"))
	})

	It("does not record a dial whose caller has gone", func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := dev.DialContext(ctx, "tcp", "nowhere.test:80")
		Expect(err).To(MatchError(context.Canceled))
		Expect(n.tap.all()).To(BeEmpty())
	})

	DescribeTable("goes down with the connections that are open", func(set func(host *vnet.Host, up bool), check func(error)) {
		host := n.Handle("api.test", "Server", answers("api"))
		Expect(mustGet(dev, "https://api.test/")).To(Equal("api"))
		raw, err := dev.DialContext(context.Background(), "tcp", "api.test:443")
		Expect(err).NotTo(HaveOccurred())
		defer raw.Close()
		set(host, false)
		_, err = raw.Read(make([]byte, 1))
		Expect(err).To(MatchError(syscall.ECONNRESET))
		_, _, err = get(context.Background(), dev, "POST", "https://api.test/", nil)
		check(err)
		set(host, true)
		Expect(mustGet(dev, "https://api.test/")).To(Equal("api"))
		Expect(n.tap.all()).To(HaveLen(3))
	},
		Entry("an interface", func(_ *vnet.Host, up bool) { dev.SetUp(up) }, unreachable),
		Entry("a host", func(h *vnet.Host, up bool) { h.SetUp(up) }, refused),
	)

	It("is down for the next request, whatever the pool knows by then", func() {
		for range 200 {
			mustGet(dev, "https://api.test/")
			dev.SetUp(false)
			req, _ := http.NewRequest("POST", "https://api.test/", io.NopCloser(strings.NewReader("x")))
			_, err := dev.RoundTrip(req)
			Expect(err).To(MatchError(syscall.ENETUNREACH))
			dev.SetUp(true)
		}
	})

	It("leaves the connections to other hosts alone when one goes down", func() {
		host := n.Handle("api.test", "Server", answers("api"))
		other, err := dev.DialContext(context.Background(), "tcp", "app.test:8443")
		Expect(err).NotTo(HaveOccurred())
		defer other.Close()
		host.SetUp(false)
		_, err = other.Write([]byte("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"))
		Expect(err).NotTo(HaveOccurred())
		_, err = other.Read(make([]byte, 1))
		Expect(err).NotTo(HaveOccurred())
	})

	It("ends a request that is being handled when the signal goes", func() {
		seen := make(chan context.Context, 1)
		n.Handle("slow.test", "Server", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen <- r.Context()
			<-r.Context().Done()
		}))
		done := make(chan error, 1)
		go func() {
			_, _, err := get(context.Background(), dev, "POST", "http://slow.test/", nil)
			done <- err
		}()
		ctx := <-seen
		dev.SetUp(false)
		Eventually(done).Should(Receive(MatchError(syscall.ECONNRESET)))
		Eventually(ctx.Done()).Should(BeClosed())
		Expect(n.outcome().Err).To(Equal("connection reset: no signal"))
		Expect(n.outcome().Status).To(BeZero())
	})

	It("lets a new handler take the name over, from the next request on", func() {
		Expect(mustGet(dev, "https://api.test/")).To(Equal("api"))
		n.Handle("api.test", "Other", answers("new"))
		Expect(mustGet(dev, "https://api.test/")).To(Equal("new"))
		owner, ok := n.Owner("API.test")
		Expect(ok).To(BeTrue())
		Expect(owner).To(Equal("Other"))
		_, ok = n.Owner("nowhere.test")
		Expect(ok).To(BeFalse())
	})

	DescribeTable("shows the source address", func(addr string) {
		var remote string
		var secure bool
		n.Handle("who.test", "Server", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			remote, secure = r.RemoteAddr, r.TLS != nil
			if secure {
				Expect(r.TLS.ServerName).To(Equal("who.test"))
				Expect(r.TLS.HandshakeComplete).To(BeTrue())
			}
		}))
		i := n.Interface(vnet.InterfaceConfig{Addr: netip.MustParseAddr(addr)})
		ports := map[uint16]bool{}
		for _, url := range []string{"http://who.test/", "https://who.test/"} {
			mustGet(i, url)
			at, err := netip.ParseAddrPort(remote)
			Expect(err).NotTo(HaveOccurred())
			Expect(at.Addr()).To(Equal(netip.MustParseAddr(addr)))
			Expect(at.Port()).To(BeNumerically(">=", 49152))
			ports[at.Port()] = true
			Expect(secure).To(Equal(url == "https://who.test/"))
		}
		Expect(ports).To(HaveLen(2))
		Expect(i.Addr().String()).To(Equal(addr))
		Expect(i.Kind()).To(Equal(vnet.Wired))
	}, Entry("v4", "10.1.2.3"), Entry("v6", "2001:db8::7"))

	It("stamps answers with the time of its clock, failures as well", func() {
		Expect(n.clk.Sleep(context.Background(), time.Hour)).To(Succeed())
		remove, err := n.AddFault(vnet.Fault{Status: 503, Skip: 1})
		Expect(err).NotTo(HaveOccurred())
		defer remove()
		for _, status := range []int{200, 503} {
			res, _, err := get(context.Background(), dev, "GET", "http://api.test/", nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(res.StatusCode).To(Equal(status))
			Expect(res.Header["Date"]).To(Equal([]string{"Mon, 01 Jun 2020 17:43:30 GMT"}))
		}
	})
})

func refused(err error) {
	GinkgoHelper()
	Expect(err).To(MatchError(syscall.ECONNREFUSED))
}

func unreachable(err error) {
	GinkgoHelper()
	Expect(err).To(MatchError(syscall.ENETUNREACH))
}
