package mnofake_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.uber.org/goleak"

	"github.com/phonechecksim/phonechecksim/mnofake"
)

func TestMain(m *testing.M) {
	// Ginkgo keeps its signal handler for the life of the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(
		"github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func2"))
}

func TestMNOFake(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "mnofake")
}

const (
	alice = "447700900001"
	bob   = "447700900002"
)

// manual is a clock that moves when told.
type manual struct {
	mu  sync.Mutex
	now time.Time
}

func newManual() *manual { return &manual{now: time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC)} }

func (m *manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *manual) advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

func config() mnofake.Config {
	return mnofake.Config{
		NetworkID: "23410", Name: "O2 UK", Country: "GB", DialingCode: "44",
		Prefixes:   []netip.Prefix{netip.MustParsePrefix("100.64.0.0/24"), netip.MustParsePrefix("2001:db8:a::/64")},
		PlatformID: "platform", PlatformSecret: "s3cret",
		ReturnHosts: []string{"api.idlayr.com"},
	}
}

// operator has alice and bob attached, in this order.
func operator(cfg mnofake.Config) (o *mnofake.Operator, aliceAt, bobAt netip.Addr) {
	GinkgoHelper()
	o = mnofake.New(cfg)
	at := make([]netip.Addr, 2)
	for i, msisdn := range []string{alice, bob} {
		Expect(o.AddSubscriber(mnofake.Subscriber{MSISDN: msisdn})).To(Succeed())
		a, err := o.Attach(msisdn)
		Expect(err).NotTo(HaveOccurred())
		at[i] = a
	}
	return o, at[0], at[1]
}

func request(method, target string, from netip.Addr) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), method, target, nil)
	r.RemoteAddr = netip.AddrPortFrom(from, 40000).String()
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// open is the redirect hop in clear HTTP over a data session.
func open(o *mnofake.Operator, from netip.Addr, target string) *httptest.ResponseRecorder {
	return serve(o.Gateway(o), request(http.MethodGet, target, from))
}

// ask is the platform on the back channel.
func ask(o *mnofake.Operator, path string) *httptest.ResponseRecorder {
	r := request(http.MethodGet, path, netip.MustParseAddr("198.51.100.1"))
	r.SetBasicAuth("platform", "s3cret")
	return serve(o, r)
}
