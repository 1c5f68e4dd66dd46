package vnet_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.uber.org/goleak"

	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var _ = Describe("The end of a network", func() {
	It("frees handlers that sleep on a clock that nobody moves, and their callers", func() {
		n := newNetwork(clock.NewManual(start))
		srv := n.Interface(vnet.InterfaceConfig{Owner: "Server", Latency: time.Hour})
		asleep := make(chan struct{}, 8)
		n.Handle("a.test", "Server", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			asleep <- struct{}{}
			if r.URL.Path == "/sleep" {
				_ = n.clk.Sleep(r.Context(), time.Hour)
				return
			}
			_, _, _ = get(context.Background(), srv, "GET", "https://b.test/", nil)
		}))
		n.Handle("b.test", "IDlayr", answers("late"))
		dev := n.device()
		freed := make(chan error, 8)
		for k := range 8 {
			go func() {
				_, _, err := get(context.Background(), dev, "POST", []string{"https://a.test/sleep", "http://a.test/ask"}[k%2], nil)
				freed <- err
			}()
		}
		for range 8 {
			<-asleep
		}
		Expect(n.Close()).To(Succeed())
		Expect(n.Active()).To(BeEmpty())
		for range 8 {
			Eventually(freed).Should(Receive()) // an error, or what a handler still said when it was freed
		}
		Expect(n.Close()).To(Succeed(), "a second time")
	})

	It("lets nobody in any more, and does not record that", func() {
		n := moving()
		n.Handle("a.test", "Server", answers("hello"))
		dev := n.device()
		mustGet(dev, "https://a.test/")
		Expect(n.Close()).To(Succeed())
		_, err := dev.DialContext(context.Background(), "tcp", "a.test:80")
		Expect(err).To(MatchError(ContainSubstring("the network is closed")))
		_, _, err = get(context.Background(), dev, "GET", "https://a.test/", nil)
		Expect(err).To(MatchError(ContainSubstring("the network is closed")))
		_, _, err = get(context.Background(), n.Interface(vnet.InterfaceConfig{}), "GET", "https://a.test/", nil)
		Expect(err).To(HaveOccurred())
		Expect(n.tap.all()).To(HaveLen(1))
	})

	It("may come while connections are being made", func() {
		for range 50 {
			n := moving()
			n.Handle("a.test", "Server", answers("hello"))
			dev := n.device()
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() { _, _, _ = get(context.Background(), dev, "GET", "https://a.test/", nil) })
			}
			Expect(n.Close()).To(Succeed())
			all.Wait()
		}
	})

	It("names the answers that were never closed, and only those", func() {
		n := vnet.New(vnet.Config{Clock: clock.NewMoving(start)})
		n.Handle("a.test", "Server", answers("hello"))
		dev := n.Interface(vnet.InterfaceConfig{Owner: "Device alice"})
		mustGet(dev, "https://a.test/closed")
		req, _ := http.NewRequest("GET", "https://a.test/open", nil)
		res, err := dev.RoundTrip(req)
		Expect(err).NotTo(HaveOccurred())
		defer res.Body.Close()
		Expect(n.Close()).To(MatchError("Device alice never closed the body of the answer to GET https://a.test/open"))
		Expect(n.Close()).To(Succeed())
	})

	It("may come before anything happened", func() { Expect(moving().Close()).To(Succeed()) })

	It("is independent of other networks, many at once", func() {
		var all sync.WaitGroup
		for k := range 200 {
			all.Go(func() {
				defer GinkgoRecover()
				n := vnet.New(vnet.Config{Clock: clock.NewMoving(start)})
				n.Handle("a.test", "Server", answers(fmt.Sprint(k)))
				_, text, err := get(context.Background(), n.Interface(vnet.InterfaceConfig{Latency: time.Second}), "GET", "https://a.test/", nil)
				Expect(err).NotTo(HaveOccurred())
				Expect(text).To(Equal(fmt.Sprint(k)))
				Expect(n.Close()).To(Succeed())
			})
		}
		all.Wait()
	})
})

func TestNoGoroutineBeforeTheFirstDial(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	before := runtime.NumGoroutine()
	n := vnet.New(vnet.Config{})
	n.Handle("a.test", "Server", answers("hello"))
	n.Interface(vnet.InterfaceConfig{}).SetUp(true)
	if _, err := n.AddFault(vnet.Fault{Status: 500}); err != nil {
		t.Fatal(err)
	}
	if after := runtime.NumGoroutine(); after != before {
		t.Fatalf("%d goroutines, %d before", after, before)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// In a bubble the machine's clock is the bubble's, and standard deadlines count on it.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := vnet.New(vnet.Config{Clock: clock.NewReal()})
		defer n.Close()
		n.Handle("a.test", "Server", answers("hello"))
		n.Handle("slow.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(2 * time.Second)
			_, _ = io.WriteString(w, "slow")
		}))
		dev := n.Interface(vnet.InterfaceConfig{Owner: "Device alice"})
		client := &http.Client{Transport: dev, Timeout: 5 * time.Second}
		ask := func(url, want string, took time.Duration) {
			t.Helper()
			began := time.Now()
			text := ""
			res, err := client.Get(url)
			if err == nil {
				b, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				text = string(b)
			} else if timeout, ok := err.(interface{ Timeout() bool }); !ok || !timeout.Timeout() {
				t.Errorf("%s: %v is not a timeout", url, err)
			}
			if text != want || time.Since(began) != took {
				t.Errorf("%s: %q after %v, want %q after %v", url, text, time.Since(began), want, took)
			}
		}
		ask("https://a.test/", "hello", 0)
		ask("https://slow.test/", "slow", 2*time.Second)
		remove, err := n.AddFault(vnet.Fault{Delay: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ask("https://a.test/", "", 5*time.Second)
		ask("https://slow.test/", "", 5*time.Second)
		remove()
		if _, err = n.AddFault(vnet.Fault{Stall: true, Host: "a.test"}); err != nil {
			t.Fatal(err)
		}
		ask("https://a.test/", "", 5*time.Second)
		ask("http://slow.test/", "slow", 2*time.Second)
		client.Timeout = 0
		began := time.Now()
		if _, err := client.Post("https://a.test/", "", nil); err == nil || time.Since(began) != vnet.StallLimit {
			t.Errorf("err %v after %v", err, time.Since(began))
		}
	})
}

var _ = Describe("closing a network", func() {
	It("names the answers whose bodies were never closed", func() {
		n := vnet.New(vnet.Config{})
		n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
		i := n.Interface(vnet.InterfaceConfig{Owner: "Device alice"})
		var open io.Closer
		for _, path := range []string{"/closed", "/open"} {
			req, err := http.NewRequest(http.MethodGet, "https://a.test"+path, nil)
			Expect(err).NotTo(HaveOccurred())
			res, err := i.RoundTrip(req)
			Expect(err).NotTo(HaveOccurred())
			if open = res.Body; path == "/closed" {
				Expect(res.Body.Close()).To(Succeed())
			}
		}
		Expect(n.Close()).To(MatchError("Device alice never closed the body of the answer to GET https://a.test/open"))
		_ = open.Close()
	})
})
