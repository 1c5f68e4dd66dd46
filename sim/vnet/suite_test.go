package vnet_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.uber.org/goleak"

	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

func TestVnet(t *testing.T) {
	// Ginkgo keeps its signal handler for the life of the process.
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), goleak.IgnoreTopFunction(
		"github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func2"))
	RegisterFailHandler(Fail)
	SetDefaultEventuallyPollingInterval(time.Millisecond)
	RunSpecs(t, "Virtual internet")
}

var start = time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC)

// tap keeps what it sees, and takes the locks of the exchange in every method, as a journal does.
type tap struct {
	mu             sync.Mutex
	opened, closed []*vnet.Exchange
	noted          []string
	onOpened       func()
	onClosed       func(*vnet.Exchange)
}

func (t *tap) Opened(x *vnet.Exchange) {
	t.mu.Lock()
	t.opened = append(t.opened, x)
	then := t.onOpened
	t.mu.Unlock()
	if then != nil {
		then()
	}
}

func (t *tap) Noted(_ *vnet.Exchange, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.noted = append(t.noted, text)
}

func (t *tap) Closed(x *vnet.Exchange) {
	x.Outcome()
	t.mu.Lock()
	t.closed = append(t.closed, x)
	then := t.onClosed
	t.mu.Unlock()
	if then != nil {
		then(x)
	}
}

// all returns the closed exchanges in the order of arrival.
func (t *tap) all() []*vnet.Exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]*vnet.Exchange(nil), t.opened...)
}

func (t *tap) closings() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.closed)
}

// text is the whole record in words, for comparing one run with another.
func (t *tap) text() string {
	var b strings.Builder
	for _, x := range t.all() {
		o := x.Outcome()
		fmt.Fprintf(&b, "%d<%d %s %s %s from %s: closed %v after %v status %d %q err %q\n",
			x.ID, x.Parent, x.Start.Sub(start), x.Method, x.URL, x.From.Owner, o.Closed, o.Duration, o.Status, o.Body, o.Err)
	}
	return b.String()
}

// net is a network for one spec: closed, and found without open exchanges, at its end.
type network struct {
	*vnet.Network
	tap *tap
	clk clock.Clock
}

func newNetwork(clk clock.Clock) *network {
	t := &tap{}
	n := &network{vnet.New(vnet.Config{Clock: clk, Tap: t, Seed: 7, BodyLimit: 1 << 10}), t, clk}
	DeferCleanup(func() {
		Expect(n.Close()).To(Succeed())
		Expect(n.tap.closings()).To(Equal(len(n.tap.all())), "each exchange is closed once: %s", n.tap.text())
	})
	return n
}

func moving() *network { return newNetwork(clock.NewMoving(start)) }

func (n *network) device() *vnet.Interface {
	return n.Interface(vnet.InterfaceConfig{Owner: "Device alice", Kind: vnet.WiFi, Addr: netip.MustParseAddr("198.51.100.7")})
}

// only returns the one exchange of the spec.
func (n *network) only() *vnet.Exchange {
	GinkgoHelper()
	Expect(n.tap.all()).To(HaveLen(1), n.tap.text())
	return n.tap.all()[0]
}

func (n *network) outcome() vnet.Outcome {
	GinkgoHelper()
	x := n.only()
	Expect(n.Settle(context.Background())).To(Succeed())
	Expect(x.Outcome().Closed).To(BeTrue(), "whoever knows the end finds it on record")
	return x.Outcome()
}

func answers(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

// get makes a request and reads the whole answer.
func get(ctx context.Context, rt http.RoundTripper, method, url string, body io.Reader) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, "", err
	}
	res, err := (&http.Client{Transport: rt}).Do(req)
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	return res, string(text), err
}

func mustGet(rt http.RoundTripper, url string) string {
	GinkgoHelper()
	_, text, err := get(context.Background(), rt, http.MethodGet, url, nil)
	Expect(err).NotTo(HaveOccurred())
	return text
}
