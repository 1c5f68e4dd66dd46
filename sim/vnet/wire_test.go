package vnet_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

const ask = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"

func dial(i *vnet.Interface, address string) net.Conn {
	GinkgoHelper()
	c, err := i.DialContext(context.Background(), "tcp", address)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.Close)
	return c
}

func send(c net.Conn, text string) {
	GinkgoHelper()
	_, err := io.WriteString(c, text)
	Expect(err).NotTo(HaveOccurred())
}

func readOnce(c net.Conn) string {
	GinkgoHelper()
	b := make([]byte, 64<<10)
	n, err := c.Read(b)
	Expect(err).NotTo(HaveOccurred())
	return string(b[:n])
}

var _ = Describe("Segments", func() {
	var n *network
	var dev *vnet.Interface
	BeforeEach(func() {
		n = moving()
		dev = n.device()
		n.Handle("a.test", "Server", answers("hello"))
	})

	It("carry a small answer in one", func() {
		c := dial(dev, "a.test:80")
		for range 3 {
			send(c, ask)
			Expect(readOnce(c)).To(And(HavePrefix("HTTP/1.1 200 OK\r\n"), HaveSuffix("\r\n\r\nhello")))
		}
		Expect(c.RemoteAddr().String()).To(HaveSuffix(":80"))
		Expect(c.LocalAddr().String()).To(HavePrefix("198.51.100.7:"))
	})

	It("carry it in two when it is split, for that answer only", func() {
		_, err := n.AddFault(vnet.Fault{Split: vnet.After(17), Times: 1})
		Expect(err).NotTo(HaveOccurred())
		c := dial(dev, "a.test:80")
		send(c, ask)
		Expect(readOnce(c)).To(Equal("HTTP/1.1 200 OK\r\n"))
		Expect(readOnce(c)).To(HaveSuffix("\r\n\r\nhello"))
		send(c, ask)
		Expect(readOnce(c)).To(And(HavePrefix("HTTP/1.1"), HaveSuffix("hello")))
	})

	It("can be read in pieces", func() {
		c := dial(dev, "a.test:80")
		send(c, ask)
		b := make([]byte, 5)
		zero, err := c.Read(nil)
		Expect(zero, err).To(BeZero())
		_, err = io.ReadFull(c, b)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(b)).To(Equal("HTTP/"))
		Expect(readOnce(c)).To(And(HavePrefix("1.1 200"), HaveSuffix("hello")))
	})
})

var _ = Describe("A connection", func() {
	var clk *clock.Manual
	var near, far net.Conn
	wire := func(split, stop int) {
		near, far = vnet.Wire(clk, split, stop)
		DeferCleanup(func() { near.Close(); far.Close() })
	}
	BeforeEach(func() {
		clk = clock.NewManual(start)
		wire(-1, -1)
	})

	// reading starts a read; its result comes on the channel.
	type result struct {
		text string
		err  error
	}
	reading := func(c net.Conn) <-chan result {
		done := make(chan result, 1)
		go func() {
			b := make([]byte, 100)
			n, err := c.Read(b)
			done <- result{string(b[:n]), err}
		}()
		return done
	}

	DescribeTable("wakes a reader that is blocked", func(wake func(), text string, want error) {
		for range 50 {
			wire(-1, -1)
			done := reading(near)
			wake()
			var r result
			Eventually(done).Should(Receive(&r))
			Expect(r.text).To(Equal(text))
			if want == nil {
				Expect(r.err).NotTo(HaveOccurred())
			} else {
				Expect(r.err).To(MatchError(want))
			}
		}
	},
		Entry("by data", func() { _, _ = far.Write([]byte("x")) }, "x", nil),
		Entry("by the end", func() { far.Close() }, "", io.EOF),
		Entry("by its own close", func() { near.Close() }, "", net.ErrClosed),
		Entry("by a deadline that has passed", func() { _ = near.SetReadDeadline(start.Add(-1)) }, "", os.ErrDeadlineExceeded),
		Entry("by net/http's way to say at once", func() { _ = near.SetDeadline(time.Unix(1, 0)) }, "", os.ErrDeadlineExceeded),
		Entry("by a deadline that passes", func() {
			_ = near.SetReadDeadline(clk.Now().Add(time.Second))
			clk.Advance(time.Second)
		}, "", os.ErrDeadlineExceeded),
		Entry("when the cork goes", func() {
			vnet.Cork(near)
			_, _ = far.Write([]byte("x"))
			vnet.Uncork(near)
		}, "x", nil),
		Entry("when a corked writer closes", func() {
			vnet.Cork(near)
			_, _ = far.Write([]byte("x"))
			far.Close()
		}, "x", nil),
	)

	It("ends a read at once on a clock that stands before net/http's distant past", func() {
		clk = clock.NewManual(time.Time{})
		wire(-1, -1)
		Expect(near.SetReadDeadline(time.Unix(1, 0))).To(Succeed())
		Eventually(reading(near)).Should(Receive(Equal(result{"", os.ErrDeadlineExceeded})))
	})

	It("delivers what was written before the end, and refuses after it", func() {
		_, _ = far.Write([]byte("last"))
		far.Close()
		_, err := far.Write([]byte("more"))
		Expect(err).To(MatchError(net.ErrClosed))
		Expect(<-reading(near)).To(Equal(result{"last", nil}))
		Expect(<-reading(near)).To(Equal(result{"", io.EOF}))
		_, err = near.Write([]byte("to nobody"))
		Expect(err).To(MatchError(syscall.EPIPE))
		Expect(far.Close()).To(Succeed(), "a second time")
	})

	It("does not share the writer's memory", func() {
		b := []byte("one")
		_, _ = far.Write(b)
		copy(b, "two")
		Expect(<-reading(near)).To(Equal(result{"one", nil}))
	})

	It("forgets a deadline that is moved or taken back", func() {
		for range 50 {
			wire(-1, -1)
			now := clk.Now()
			_ = near.SetReadDeadline(now.Add(time.Second))
			// The clock is at the old deadline while a new one is set: the old one must not strike after that.
			var both sync.WaitGroup
			both.Go(func() { clk.Advance(time.Second) })
			both.Go(func() { _ = near.SetReadDeadline(time.Time{}) })
			both.Wait()
			_, _ = far.Write([]byte("x"))
			Expect(<-reading(near)).To(Equal(result{"x", nil}))
		}
	})

	It("cannot be struck by a deadline whose timer was too late to be stopped", func() {
		late := &lateTimers{Manual: clk}
		c, peer := vnet.Wire(late, -1, -1)
		defer peer.Close()
		defer c.Close()
		_ = c.SetReadDeadline(start.Add(time.Second))
		_ = c.SetReadDeadline(time.Time{})
		late.fire()
		_, _ = peer.Write([]byte("x"))
		Expect(<-reading(c)).To(Equal(result{"x", nil}))
	})

	It("makes a writer wait for a reader that fell behind, and wakes it in the middle of a segment", func() {
		_, err := far.Write(make([]byte, 2*vnet.Window))
		Expect(err).NotTo(HaveOccurred())
		wrote := make(chan struct{})
		go func() { _, _ = far.Write([]byte("x")); close(wrote) }()
		_, err = io.ReadFull(near, make([]byte, vnet.Window-1))
		Expect(err).NotTo(HaveOccurred())
		Expect(wrote).NotTo(BeClosed())
		_, err = io.ReadFull(near, make([]byte, 2))
		Expect(err).NotTo(HaveOccurred())
		Eventually(wrote).Should(BeClosed())
	})

	DescribeTable("frees a writer that waits", func(free func(), want error) {
		_, err := far.Write(make([]byte, vnet.Window))
		Expect(err).NotTo(HaveOccurred())
		failed := make(chan error, 1)
		go func() { _, err := far.Write([]byte("x")); failed <- err }()
		free()
		Eventually(failed).Should(Receive(MatchError(want)))
	},
		Entry("when the reader leaves", func() { near.Close() }, syscall.EPIPE),
		Entry("when it is closed itself", func() { far.Close() }, net.ErrClosed),
	)

	It("does not hold a corked writer and its reader against each other", func() {
		vnet.Cork(near)
		total := 3 * vnet.Window
		go func() {
			for k := 0; k < total; k += 1000 {
				_, _ = far.Write(make([]byte, min(1000, total-k)))
			}
			vnet.Uncork(near)
		}()
		_, err := io.ReadFull(near, make([]byte, total))
		Expect(err).NotTo(HaveOccurred())
	})

	It("cuts off after so many bytes, with an error that stays", func() {
		wire(-1, 3)
		_, err := far.Write([]byte("ab"))
		Expect(err).NotTo(HaveOccurred())
		_, err = far.Write([]byte("cd"))
		Expect(err).NotTo(HaveOccurred(), "the writer cannot know yet")
		_, err = far.Write([]byte("ef"))
		Expect(err).To(MatchError(syscall.EPIPE))
		Expect(<-reading(near)).To(Equal(result{"ab", nil}))
		Expect(<-reading(near)).To(Equal(result{"c", nil}))
		for range 2 {
			Expect((<-reading(near)).err).To(MatchError(syscall.ECONNRESET))
		}
	})
})

// lateTimers runs what was stopped all the same: as a timer does that has left the queue when stop comes.
type lateTimers struct {
	*clock.Manual
	all []func()
}

func (l *lateTimers) AfterFunc(_ time.Duration, f func()) func() bool {
	l.all = append(l.all, f)
	return func() bool { return false }
}

func (l *lateTimers) fire() {
	for _, f := range l.all {
		f()
	}
}

var _ = Describe("A late answer on a raw connection", func() {
	var n *network
	var dev *vnet.Interface
	BeforeEach(func() {
		n = moving()
		dev = n.Interface(vnet.InterfaceConfig{Owner: "Device alice", Latency: 30 * time.Second})
		n.Handle("a.test", "Server", answers("hello"))
	})

	It("stays as late as it was when a read deadline comes first", func() {
		c := dial(dev, "a.test:80")
		_ = c.SetReadDeadline(start.Add(5 * time.Second))
		send(c, ask)
		_, err := c.Read(make([]byte, 1))
		Expect(err).To(MatchError(os.ErrDeadlineExceeded))
		Expect(n.clk.Now()).To(Equal(start.Add(5 * time.Second)))
		_ = c.SetReadDeadline(time.Time{})
		Expect(readOnce(c)).To(HaveSuffix("hello"))
		Expect(n.clk.Now()).To(Equal(start.Add(30 * time.Second)))
		Expect(n.outcome().Duration).To(Equal(30 * time.Second))
		Expect(n.outcome().Err).To(BeEmpty())
	})

	DescribeTable("frees all who wait for it", func(free func(net.Conn), want error) {
		for range 50 {
			n := newNetwork(clock.NewManual(start))
			n.Handle("a.test", "Server", answers("hello"))
			c := dial(n.Interface(vnet.InterfaceConfig{Latency: time.Minute}), "a.test:80")
			send(c, ask)
			Eventually(func() bool { return len(n.tap.all()) == 1 && len(n.Active()) == 0 }).Should(BeTrue())
			failed := make(chan error, 2)
			for range 2 {
				go func() { _, err := c.Read(make([]byte, 1)); failed <- err }()
			}
			runtime.Gosched()
			free(c)
			for range 2 {
				Eventually(failed).Should(Receive(MatchError(want)))
			}
		}
	},
		Entry("by a close", func(c net.Conn) { c.Close() }, net.ErrClosed),
		Entry("by a deadline", func(c net.Conn) { _ = c.SetReadDeadline(start) }, os.ErrDeadlineExceeded),
	)

	It("comes once to two who read at once, and a close frees both", func() {
		manual := clock.NewManual(start)
		n := newNetwork(manual)
		n.Handle("a.test", "Server", answers("hello"))
		c := dial(n.Interface(vnet.InterfaceConfig{Latency: time.Minute}), "a.test:80")
		send(c, ask)
		got := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := c.Read(make([]byte, 4096))
				got <- err
			}()
		}
		Eventually(func() <-chan error { manual.Advance(time.Minute); return got }).Should(Receive(BeNil()))
		c.Close()
		Eventually(got).Should(Receive(MatchError(net.ErrClosed)))
	})

	It("frees a reader that waits for it when the connection closes", func() {
		for range 20 {
			n := newNetwork(clock.NewManual(start))
			n.Handle("a.test", "Server", answers("hello"))
			c := dial(n.Interface(vnet.InterfaceConfig{Latency: time.Minute}), "a.test:80")
			send(c, ask)
			failed := make(chan error, 1)
			go func() { _, err := c.Read(make([]byte, 1)); failed <- err }()
			Eventually(n.tap.all).Should(HaveLen(1))
			c.Close()
			Eventually(failed).Should(Receive(MatchError(net.ErrClosed)))
			Expect(n.outcome().Err).To(Equal("the caller closed the connection before the answer"))
			Expect(n.outcome().Status).To(BeZero())
		}
	})
})

var _ = Describe("Several connections", func() {
	It("carry much at once without mixing it", func() {
		n := moving()
		n.Handle("echo.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			all, _ := io.ReadAll(r.Body) // the server drops what is unread of a request when the answer begins
			_, _ = w.Write(all)
		}))
		dev := n.device()
		var all sync.WaitGroup
		for k := range 8 {
			all.Go(func() {
				defer GinkgoRecover()
				for round := range 10 {
					want := strings.Repeat(fmt.Sprint(k, ".", round, " "), 1+round*700)
					_, got, err := get(context.Background(), dev, "POST", "http://echo.test/", bytes.NewReader([]byte(want)))
					Expect(err).NotTo(HaveOccurred())
					Expect(got == want).To(BeTrue())
				}
			})
		}
		all.Wait()
		Expect(n.tap.all()).To(HaveLen(80))
	})

	It("serve a pipelining client in order", func() {
		n := moving()
		n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }))
		c := dial(n.device(), "a.test:80")
		for k := range 5 {
			send(c, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: a.test\r\n\r\n", k))
		}
		in := bufio.NewReader(c)
		for k := range 5 {
			res, err := http.ReadResponse(in, nil)
			Expect(err).NotTo(HaveOccurred())
			text, _ := io.ReadAll(res.Body)
			Expect(string(text)).To(Equal(fmt.Sprintf("/%d", k)))
		}
	})
})
