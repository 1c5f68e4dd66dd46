package vnet_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var _ = Describe("Faults", func() {
	var n *network
	var dev *vnet.Interface
	var served int
	add := func(f vnet.Fault) func() {
		GinkgoHelper()
		remove, err := n.AddFault(f)
		Expect(err).NotTo(HaveOccurred())
		return remove
	}
	BeforeEach(func() {
		n = moving()
		dev = n.device()
		served = 0
		n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			served++
			if r.URL.Path == "/big" {
				w.Header().Set("Content-Length", "20000")
				_, _ = w.Write(make([]byte, 20000))
				return
			}
			_, _ = io.WriteString(w, "hello")
		}))
	})
	// ask makes a request with a deadline on the virtual clock, 0 being none.
	ask := func(method, path string, deadline time.Duration) (*http.Response, string, error) {
		ctx, cancel := context.Background(), context.CancelFunc(func() {})
		if deadline > 0 {
			ctx, cancel = clock.WithTimeout(ctx, n.clk, deadline)
		}
		defer cancel()
		return get(ctx, dev, method, "https://a.test"+path, nil)
	}
	passed := func() time.Duration { return n.clk.Now().Sub(start) }

	It("answer in the host's place", func() {
		header := http.Header{"X-Why": {"tea"}}
		add(vnet.Fault{Status: 503, Body: `{"title":"x"}`, Header: header})
		header["X-Why"][0] = "changed later"
		res, text, err := ask("GET", "/", 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(res.StatusCode).To(Equal(503))
		Expect(text).To(Equal(`{"title":"x"}`))
		Expect(res.Header.Get("Content-Type")).To(Equal("application/json"))
		Expect(res.Header.Get("X-Why")).To(Equal("tea"))
		Expect(served).To(BeZero())
		o := n.outcome()
		Expect(o.Status).To(Equal(503))
		Expect(string(o.Body)).To(Equal(`{"title":"x"}`))
		Expect(o.Err).To(BeEmpty())
		Expect(n.only().Notes()).To(Equal([]string{"fault: answer 503"}))
	})

	It("answer without a body where there cannot be one", func() {
		add(vnet.Fault{Status: 204, Body: "lost"})
		_, text, err := ask("GET", "/", 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(text).To(BeEmpty())
		Expect(n.outcome().Body).To(BeEmpty())
	})

	DescribeTable("end as they say, at the exact time", func(f vnet.Fault, method, path string, deadline time.Duration,
		check func(res *http.Response, text string, err error), took time.Duration, status int, why string, hostServed int) {
		add(f)
		res, text, err := ask(method, path, deadline)
		check(res, text, err)
		Expect(passed()).To(Equal(took))
		o := n.outcome()
		Expect(o.Duration).To(Equal(took))
		Expect(o.Status).To(Equal(status))
		Expect(o.Err).To(Equal(why))
		Expect(served).To(Equal(hostServed))
	},
		Entry("delay", vnet.Fault{Delay: 4 * time.Second}, "GET", "/", 5*time.Second, whole("hello"), 4*time.Second, 200, "", 1),
		Entry("delay of an answer of their own", vnet.Fault{Delay: time.Second, Status: 500}, "GET", "/", time.Duration(0), whole(""), time.Second, 500, "", 0),
		Entry("delay past the deadline", vnet.Fault{Delay: 30 * time.Second}, "GET", "/", 5*time.Second, fails(context.DeadlineExceeded),
			5*time.Second, 0, "no answer before the caller's deadline", 1),
		Entry("stall, with a deadline", vnet.Fault{Stall: true}, "GET", "/", 5*time.Second, fails(context.DeadlineExceeded),
			5*time.Second, 0, "no answer before the caller's deadline", 0),
		Entry("stall, for ever", vnet.Fault{Stall: true}, "POST", "/", time.Duration(0), fails(syscall.ECONNRESET),
			vnet.StallLimit, 0, "no answer, connection reset after 5m0s", 0),
		Entry("reset at once", vnet.Fault{Reset: vnet.After(0)}, "GET", "/", time.Duration(0), fails(syscall.ECONNRESET),
			time.Duration(0), 0, "connection reset after 0 bytes", 1),
		Entry("reset after a while", vnet.Fault{Reset: vnet.After(9), Delay: time.Second}, "GET", "/", time.Duration(0), breaks,
			time.Second, 200, "connection reset after 9 bytes", 1),
		Entry("reset in the body", vnet.Fault{Reset: vnet.After(9000)}, "GET", "/big", time.Duration(0), fails(syscall.ECONNRESET),
			time.Duration(0), 200, "connection reset after 9000 bytes", 1),
		Entry("truncate at once", vnet.Fault{Truncate: vnet.After(0)}, "GET", "/", time.Duration(0), fails(io.EOF),
			time.Duration(0), 0, "connection closed after 0 bytes", 1),
		Entry("truncate in the header", vnet.Fault{Truncate: vnet.After(20)}, "GET", "/", time.Duration(0), breaks,
			time.Duration(0), 200, "connection closed after 20 bytes", 1),
		Entry("reset in a short body", vnet.Fault{Reset: vnet.After(118)}, "GET", "/", time.Duration(0), fails(syscall.ECONNRESET),
			time.Duration(0), 200, "connection reset after 118 bytes", 1),
		Entry("truncate in the body", vnet.Fault{Truncate: vnet.After(118)}, "GET", "/", time.Duration(0), fails(io.ErrUnexpectedEOF),
			time.Duration(0), 200, "connection closed after 118 bytes", 1),
		Entry("cut an answer that is shorter", vnet.Fault{Truncate: vnet.After(5000)}, "GET", "/", time.Duration(0), whole("hello"),
			time.Duration(0), 200, "", 1),
		Entry("split and delay", vnet.Fault{Split: vnet.After(20), Delay: time.Second}, "GET", "/", time.Duration(0), whole("hello"),
			time.Second, 200, "", 1),
	)

	It("stall a large request after it is all there", func() {
		add(vnet.Fault{Stall: true})
		_, _, err := get(context.Background(), dev, "POST", "http://a.test/", strings.NewReader(strings.Repeat("x", 1<<20)))
		Expect(err).To(MatchError(syscall.ECONNRESET))
		Expect(passed()).To(Equal(vnet.StallLimit))
	})

	It("end at a deadline with its error itself, on record when the caller has it", func() {
		add(vnet.Fault{Stall: true})
		for k := range 300 {
			ctx, cancel := clock.WithTimeout(context.Background(), n.clk, time.Second)
			req, _ := http.NewRequestWithContext(ctx, "GET", "https://a.test/", nil)
			_, err := dev.RoundTrip(req)
			cancel()
			Expect(err).To(BeIdenticalTo(context.DeadlineExceeded))
			Expect(n.Settle(context.Background())).To(Succeed())
			Expect(n.tap.closings()).To(Equal(k + 1))
		}
		Expect(passed()).To(Equal(300 * time.Second))
	})

	It("make the transport try again what it may: a GET on a connection that was in use", func() {
		_, _, err := ask("GET", "/", 0)
		Expect(err).NotTo(HaveOccurred())
		add(vnet.Fault{Reset: vnet.After(0), Times: 1})
		_, text, err := ask("GET", "/", 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(text).To(Equal("hello"))
		var ends []string
		for _, x := range n.tap.all() {
			ends = append(ends, x.Outcome().Err)
		}
		Expect(ends).To(Equal([]string{"", "connection reset after 0 bytes", ""}))
	})

	It("leave no trace on the next answer of the connection", func() {
		add(vnet.Fault{Delay: time.Second, Split: vnet.After(5000), Times: 1})
		for range 2 {
			_, _, err := ask("POST", "/", 0)
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(passed()).To(Equal(time.Second))
	})

	Describe("selection", func() {
		// pattern answers n requests and says which were struck.
		pattern := func(count int) string {
			var s strings.Builder
			for range count {
				res, _, err := ask("GET", "/x", 0)
				Expect(err).NotTo(HaveOccurred())
				s.WriteByte(map[int]byte{200: '.', 500: 'X', 501: 'Y'}[res.StatusCode])
			}
			return s.String()
		}

		DescribeTable("strikes in turn", func(want string, faults ...vnet.Fault) {
			for _, f := range faults {
				add(f)
			}
			Expect(pattern(len(want))).To(Equal(want))
		},
			Entry("always", "XXXX", vnet.Fault{Status: 500}),
			Entry("so many times", "XX..", vnet.Fault{Status: 500, Times: 2}),
			Entry("after some", "..XX", vnet.Fault{Status: 500, Skip: 2}),
			Entry("both", ".XX.", vnet.Fault{Status: 500, Skip: 1, Times: 2}),
			Entry("the first that was added first", "XYY", vnet.Fault{Status: 500, Times: 1}, vnet.Fault{Status: 501}),
			Entry("the second while the first lets through", "YXX", vnet.Fault{Status: 500, Skip: 1}, vnet.Fault{Status: 501}),
			Entry("for sure", "XXXX", vnet.Fault{Status: 500, Probability: 1}),
		)

		It("decides probabilities by the seed", func() {
			add(vnet.Fault{Status: 500, Probability: 0.5})
			first := pattern(64)
			Expect(strings.Count(first, "X")).To(And(BeNumerically(">", 10), BeNumerically("<", 54)))
			n2 := n
			n = moving()
			n.Handle("a.test", "Server", answers("hello"))
			dev = n.device()
			add(vnet.Fault{Status: 500, Probability: 0.5})
			Expect(pattern(64)).To(Equal(first))
			Expect(n).NotTo(BeIdenticalTo(n2))
		})

		DescribeTable("selects by", func(f vnet.Fault, struck bool) {
			f.Status = 500
			add(f)
			res, _, err := ask("GET", "/phone_check/v0.1/checks?q=1", 0)
			Expect(err).NotTo(HaveOccurred())
			Expect(res.StatusCode == 500).To(Equal(struck))
		},
			Entry("host", vnet.Fault{Host: "a.test"}, true),
			Entry("host in capitals", vnet.Fault{Host: "A.TEST"}, true),
			Entry("host pattern", vnet.Fault{Host: "*.test"}, true),
			Entry("another host", vnet.Fault{Host: "b.test"}, false),
			Entry("method", vnet.Fault{Method: "get"}, true),
			Entry("another method", vnet.Fault{Method: "POST"}, false),
			Entry("path", vnet.Fault{Path: "/phone_check/v0.1/checks"}, true),
			Entry("path pattern", vnet.Fault{Path: "/phone_check/*/checks"}, true),
			Entry("path without its end", vnet.Fault{Path: "/phone_check"}, false),
			Entry("owner", vnet.Fault{From: "Device alice"}, true),
			Entry("owner pattern", vnet.Fault{From: "Device *"}, true),
			Entry("another owner", vnet.Fault{From: "Server"}, false),
			Entry("all of them", vnet.Fault{Host: "a.*", Method: "GET", Path: "*checks", From: "*alice"}, true),
			Entry("all but one", vnet.Fault{Host: "a.*", Method: "GET", Path: "*checks", From: "*bob"}, false),
		)

		It("ends when the fault is taken away", func() {
			remove := add(vnet.Fault{Status: 500})
			add(vnet.Fault{Status: 501})
			Expect(pattern(1)).To(Equal("X"))
			remove()
			remove()
			Expect(pattern(1)).To(Equal("Y"))
			n.ClearFaults()
			Expect(pattern(1)).To(Equal("."))
		})
	})

	DescribeTable("that make no sense are refused", func(f vnet.Fault, why string) {
		_, err := n.AddFault(f)
		Expect(err).To(MatchError(ContainSubstring(why)))
		_, _, err = ask("GET", "/", 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(n.only().Notes()).To(BeEmpty())
	},
		Entry("nothing to do", vnet.Fault{Host: "a.test"}, "does nothing"),
		Entry("two ends", vnet.Fault{Status: 500, Stall: true}, "more than one"),
		Entry("two cuts", vnet.Fault{Reset: vnet.After(1), Truncate: vnet.After(1)}, "more than one"),
		Entry("an interim status", vnet.Fault{Status: 100}, "not a final HTTP status"),
		Entry("no status at all", vnet.Fault{Status: 600}, "not a final HTTP status"),
		Entry("a negative chance", vnet.Fault{Status: 500, Probability: -0.1}, "between 0 and 1"),
		Entry("a chance over 1", vnet.Fault{Status: 500, Probability: 1.1}, "between 0 and 1"),
		Entry("no number", vnet.Fault{Status: 500, Probability: math.NaN()}, "between 0 and 1"),
		Entry("a negative delay", vnet.Fault{Status: 500, Delay: -1}, "negative"),
		Entry("negative times", vnet.Fault{Status: 500, Times: -1}, "negative"),
		Entry("negative skip", vnet.Fault{Status: 500, Skip: -1}, "negative"),
		Entry("negative reset", vnet.Fault{Reset: vnet.After(-1)}, "negative"),
		Entry("negative truncate", vnet.Fault{Truncate: vnet.After(-1)}, "negative"),
		Entry("negative split", vnet.Fault{Split: vnet.After(-1)}, "negative"),
	)

	DescribeTable("say what they do", func(f vnet.Fault, want string) { Expect(fmt.Sprint(f)).To(Equal(want)) },
		Entry("status", vnet.Fault{Status: 500, Delay: time.Second}, "answer 500, delay 1s"),
		Entry("stall", vnet.Fault{Stall: true}, "stall"),
		Entry("reset", vnet.Fault{Reset: vnet.After(3)}, "reset after 3 bytes"),
		Entry("truncate", vnet.Fault{Truncate: vnet.After(3), Split: vnet.After(2)}, "end after 3 bytes, split after 2 bytes"),
	)
})

func whole(want string) func(*http.Response, string, error) {
	return func(_ *http.Response, text string, err error) {
		GinkgoHelper()
		Expect(err).NotTo(HaveOccurred())
		Expect(text).To(Equal(want))
	}
}

// breaks is for a header that breaks off: net/http tells of the words it did not understand.
func breaks(_ *http.Response, _ string, err error) {
	GinkgoHelper()
	Expect(err).To(MatchError(ContainSubstring("transport connection broken")))
}

func fails(want error) func(*http.Response, string, error) {
	return func(_ *http.Response, _ string, err error) {
		GinkgoHelper()
		Expect(err).To(MatchError(want))
	}
}
