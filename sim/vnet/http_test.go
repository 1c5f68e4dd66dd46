package vnet_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var _ = Describe("Requests", func() {
	var n *network
	var dev *vnet.Interface
	BeforeEach(func() {
		n = moving()
		dev = n.device()
	})

	It("are recorded as they were sent and answered", func() {
		n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Answer", "yes")
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.Copy(w, r.Body)
			vnet.Note(r.Context(), "brewed")
		}))
		req, _ := http.NewRequest("POST", "https://a.test/x?q=1", strings.NewReader("leaves"))
		req.Header.Set("X-Ask", "please")
		res, err := dev.RoundTrip(req)
		Expect(err).NotTo(HaveOccurred())
		res.Body.Close()
		x, o := n.only(), n.outcome()
		Expect(x.Secure).To(BeTrue())
		Expect(x.Header).To(HaveKeyWithValue("X-Ask", []string{"please"}))
		Expect(x.Header).To(HaveKeyWithValue("Host", []string{"a.test"}))
		Expect(string(x.Body)).To(Equal("leaves"))
		Expect(x.Start).To(Equal(start))
		Expect(o.Status).To(Equal(418))
		Expect(o.Header).To(HaveKeyWithValue("X-Answer", []string{"yes"}))
		Expect(string(o.Body)).To(Equal("leaves"))
		Expect(o.Err).To(BeEmpty())
		Expect(x.Notes()).To(Equal([]string{"brewed"}))
		Expect(n.tap.noted).To(Equal([]string{"brewed"}))
	})

	It("pass a box on clear connections only, kept alive or not, and are recorded as they were before it", func() {
		var boxed []string
		dev := n.Interface(vnet.InterfaceConfig{Owner: "Device alice", Middlebox: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				boxed = append(boxed, r.URL.Path)
				r.Header.Set("X-MSISDN", "447700900001")
				next.ServeHTTP(w, r)
			})
		}})
		n.Handle("a.test", "MNO", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Header.Get("X-MSISDN"))
		}))
		Expect(mustGet(dev, "http://a.test/1")).To(Equal("447700900001"))
		Expect(mustGet(dev, "http://a.test/2")).To(Equal("447700900001"))
		Expect(mustGet(dev, "https://a.test/3")).To(BeEmpty())
		Expect(mustGet(dev, "https://a.test/4")).To(BeEmpty())
		Expect(boxed).To(Equal([]string{"/1", "/2"}))
		for _, x := range n.tap.all() {
			Expect(x.Header).NotTo(HaveKey("X-Msisdn"))
		}
	})

	It("share a connection that is kept alive", func() {
		n.Handle("a.test", "Server", answers("hello"))
		for k := range 5 {
			ctx, cancel := context.WithCancel(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
				GotConn: func(info httptrace.GotConnInfo) { Expect(info.Reused).To(Equal(k > 0)) },
			}))
			_, text, err := get(ctx, dev, "GET", "https://a.test/", nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(text).To(Equal("hello"))
			cancel()
		}
		dev.CloseIdleConnections()
	})

	It("wait for their own answer, not as the request before them on the connection did", func() {
		slow := n.Interface(vnet.InterfaceConfig{Owner: "Device bob", Latency: time.Second})
		n.Handle("a.test", "Server", answers("hello"))
		for range 20 {
			ctx, cancel := clock.WithTimeout(context.Background(), n.clk, 3*time.Second)
			_, _, err := get(ctx, slow, "POST", "https://a.test/", nil)
			Expect(err).NotTo(HaveOccurred())
			cancel()
		}
		Expect(n.clk.Now()).To(Equal(start.Add(20 * time.Second)))
		// The deadline of a request on a connection in use counts as well.
		ctx, cancel := clock.WithTimeout(context.Background(), n.clk, 300*time.Millisecond)
		defer cancel()
		_, _, err := get(ctx, slow, "GET", "https://a.test/", nil)
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(n.clk.Now()).To(Equal(start.Add(20*time.Second + 300*time.Millisecond)))
		Expect(n.tap.all()).To(HaveLen(21), "nothing is tried again for a caller who gave up")
	})

	It("follow redirects and keep cookies", func() {
		n.Handle("a.test", "IDlayr", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "id", Value: "1"})
			http.Redirect(w, r, "http://b.test/end", http.StatusFound)
		}))
		n.Handle("b.test", "MNO", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := r.Cookie("id"); err == nil {
				fmt.Fprint(w, "wrong host's cookie")
			}
			http.Redirect(w, r, "https://a.test/again", http.StatusSeeOther)
		}))
		hops := 0
		jar, _ := cookiejar.New(nil)
		client := &http.Client{Transport: dev, Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if hops++; hops >= 2 {
				return http.ErrUseLastResponse
			}
			return nil
		}}
		res, err := client.Get("https://a.test/start")
		Expect(err).NotTo(HaveOccurred())
		res.Body.Close()
		Expect(res.StatusCode).To(Equal(http.StatusSeeOther))
		Expect(n.tap.all()).To(HaveLen(2))
		res, err = client.Get("https://a.test/")
		Expect(err).NotTo(HaveOccurred())
		res.Body.Close()
		Expect(n.tap.all()[2].Header).To(HaveKeyWithValue("Cookie", []string{"id=1"}))
	})

	DescribeTable("reach the handler whole when their body is larger than what is recorded", func(length int64) {
		body := strings.Repeat("0123456789abcdef", 1<<13) // 128 KB
		var got string
		n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			Expect(r.ContentLength).To(Equal(length))
			all, err := io.ReadAll(r.Body)
			Expect(err).NotTo(HaveOccurred())
			got = string(all)
			_, _ = w.Write(all)
		}))
		req, _ := http.NewRequest("POST", "http://a.test/", struct{ io.Reader }{strings.NewReader(body)})
		req.ContentLength = length
		res, err := dev.RoundTrip(req)
		Expect(err).NotTo(HaveOccurred())
		back, err := io.ReadAll(res.Body)
		Expect(err).NotTo(HaveOccurred())
		res.Body.Close()
		Expect(got == body && string(back) == body).To(BeTrue())
		Expect(string(n.only().Body)).To(Equal(body[:1<<10]))
		Expect(string(n.outcome().Body)).To(Equal(body[:1<<10]))
	}, Entry("of known length", int64(128<<10)), Entry("chunked", int64(-1)))

	It("reach the handler with the error of a body that breaks off", func() {
		got := make(chan error, 1)
		n.Handle("a.test", "Server", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			got <- err
		}))
		raw, err := dev.DialContext(context.Background(), "tcp", "a.test:80")
		Expect(err).NotTo(HaveOccurred())
		_, _ = io.WriteString(raw, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf")
		raw.Close()
		Expect(<-got).To(HaveOccurred())
		Expect(string(n.only().Body)).To(Equal("half"))
	})

	It("may expect to be told to go on", func() {
		n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
		raw, err := dev.DialContext(context.Background(), "tcp", "a.test:80")
		Expect(err).NotTo(HaveOccurred())
		defer raw.Close()
		_, _ = io.WriteString(raw, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
		in := bufio.NewReader(raw)
		line, err := in.ReadString('\n')
		Expect(err).NotTo(HaveOccurred())
		Expect(line).To(HavePrefix("HTTP/1.1 100"))
		_, _ = in.ReadString('\n')
		_, _ = io.WriteString(raw, "ok")
		res, err := http.ReadResponse(in, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(res.StatusCode).To(Equal(200))
	})

	It("know the exchange during which they were made", func() {
		srv := n.Interface(vnet.InterfaceConfig{Owner: "Server", Addr: netip.MustParseAddr("203.0.113.9")})
		plain := srv.Transport()
		defer plain.CloseIdleConnections()
		n.Handle("b.test", "IDlayr", answers("b"))
		n.Handle("a.test", "Server", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			Expect(vnet.ExchangeFrom(r.Context())).NotTo(BeNil())
			switch r.URL.Path {
			case "/context":
				_, _, err := get(r.Context(), srv, "GET", "https://b.test/", nil)
				Expect(err).NotTo(HaveOccurred())
			case "/guess":
				_, _, err := get(context.Background(), plain, "GET", "https://b.test/", nil)
				Expect(err).NotTo(HaveOccurred())
			case "/failing":
				_, _, err := get(r.Context(), srv, "GET", "https://nowhere.test/", nil)
				Expect(err).To(HaveOccurred())
			}
		}))
		for _, path := range []string{"/context", "/guess", "/failing"} {
			mustGet(dev, "https://a.test"+path)
		}
		_, _, _ = get(context.Background(), srv, "GET", "https://b.test/own", nil)
		var parents []uint64
		for _, x := range n.tap.all() {
			parents = append(parents, x.Parent)
		}
		Expect(parents).To(Equal([]uint64{0, 1, 0, 3, 0, 5, 0}))
	})

	DescribeTable("survive a handler that panics", func(handler http.HandlerFunc, status int, why string) {
		n.Handle("good.test", "Server", answers("good"))
		n.Handle("bad.test", "Server", handler)
		Expect(mustGet(dev, "https://good.test/")).To(Equal("good"))
		_, _, err := get(context.Background(), dev, "POST", "https://bad.test/", nil)
		Expect(errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)).To(BeTrue(), err.Error())
		x := n.tap.all()[1]
		Eventually(func() bool { return x.Outcome().Closed }).Should(BeTrue())
		Expect(x.Outcome().Err).To(Equal(why))
		Expect(x.Outcome().Status).To(Equal(status))
		Expect(mustGet(httpTraced(dev, func(info httptrace.GotConnInfo) { Expect(info.Reused).To(BeTrue()) }), "https://good.test/")).To(Equal("good"))
	},
		Entry("before it answers", func(http.ResponseWriter, *http.Request) { panic("no subscriber") }, 0,
			"the host's handler panicked: no subscriber"),
		Entry("on purpose", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0,
			"the host broke off its answer"),
		Entry("with an answer that never went out", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			panic(http.ErrAbortHandler)
		}, 0, "the host broke off its answer"),
		Entry("in the middle of its answer", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(errors.New("out of tea"))
		}, 201, "the host's handler panicked: out of tea"),
	)

	It("may be hijacked", func() {
		n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, rw, err := http.NewResponseController(w).Hijack()
			Expect(err).NotTo(HaveOccurred())
			defer c.Close()
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
			line, _ := rw.ReadString('\n')
			_, _ = io.WriteString(c, strings.ToUpper(line))
		}))
		req, _ := http.NewRequest("GET", "http://a.test/", nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "echo")
		res, err := dev.RoundTrip(req)
		Expect(err).NotTo(HaveOccurred())
		both := res.Body.(io.ReadWriteCloser)
		defer both.Close()
		_, _ = io.WriteString(both, "hello\n")
		all, err := io.ReadAll(both)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(all)).To(Equal("HELLO\n"))
		Expect(n.outcome().Err).To(BeEmpty())
	})

	It("stream what is flushed, while the handler goes on", func() {
		next := make(chan string)
		n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for text := range next {
				fmt.Fprintf(w, "data: %s\n", text)
				w.(http.Flusher).Flush()
			}
		}))
		go func() { next <- "0" }()
		req, _ := http.NewRequest("GET", "https://a.test/", nil)
		answer, err := dev.RoundTrip(req)
		Expect(err).NotTo(HaveOccurred())
		defer answer.Body.Close()
		in := bufio.NewReader(answer.Body)
		for k := range 5 {
			line, err := in.ReadString('\n')
			Expect(err).NotTo(HaveOccurred())
			Expect(line).To(Equal(fmt.Sprintf("data: %d\n", k)))
			Expect(n.only().Outcome().Closed).To(BeFalse(), "a streamed answer ends when it is complete")
			if k < 4 {
				next <- fmt.Sprint(k + 1)
			}
		}
		close(next)
		_, err = in.ReadString('\n')
		Expect(err).To(Equal(io.EOF))
		Expect(string(n.outcome().Body)).To(HaveSuffix("data: 4\n"))
	})

	It("hold a large answer back until the handler is done", func() {
		written, goOn := make(chan struct{}), make(chan struct{})
		big := bytes.Repeat([]byte("x"), 64<<10)
		n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(big)))
			_, _ = w.Write(big)
			close(written)
			<-goOn
		}))
		done := make(chan *vnet.Exchange, 1)
		go func() {
			defer GinkgoRecover()
			Expect(mustGet(dev, "https://a.test/")).To(HaveLen(len(big)))
			x := n.only()
			Expect(x.Outcome().Closed).To(BeTrue(), "who has the answer finds it on record")
			done <- x
		}()
		<-written
		Expect(n.Active()).To(HaveLen(1))
		Consistently(done, "5ms").ShouldNot(Receive())
		Expect(n.only().Outcome().Closed).To(BeFalse())
		close(goOn)
		Eventually(done).Should(Receive())
	})

	It("let a huge answer through though the handler is not done: it would wait for its reader for ever", func() {
		big := bytes.Repeat([]byte("x"), 4*vnet.Window)
		n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(big)))
			for k := 0; k < len(big); k += 8 << 10 {
				_, err := w.Write(big[k : k+8<<10])
				Expect(err).NotTo(HaveOccurred())
			}
		}))
		Expect(mustGet(dev, "https://a.test/")).To(HaveLen(len(big)))
		Expect(n.Settle(context.Background())).To(Succeed())
		Expect(n.outcome().Err).To(BeEmpty())
	})

	It("free a handler that writes to nobody", func() {
		n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}))
		req, _ := http.NewRequest("GET", "https://a.test/", nil)
		res, err := dev.RoundTrip(req)
		Expect(err).NotTo(HaveOccurred())
		res.Body.Close()
		Expect(n.Settle(context.Background())).To(Succeed())
	})

	It("that are open can be waited for", func() {
		goOn, seen := make(chan struct{}), make(chan struct{})
		n.Handle("a.test", "Server", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(seen); <-goOn }))
		go func() { _, _, _ = get(context.Background(), dev, "GET", "https://a.test/", nil) }()
		<-seen
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		Expect(n.Settle(ctx)).To(MatchError(context.Canceled))
		settled := make(chan error, 1)
		go func() { settled <- n.Settle(context.Background()) }()
		Expect(settled).NotTo(Receive())
		close(goOn)
		Eventually(settled).Should(Receive(BeNil()))
		Expect(n.Active()).To(BeEmpty())
	})

	It("tell the tap with no lock held: it may close the very connections that it hears of", func() {
		n.Handle("a.test", "Server", answers("hello"))
		n.tap.onClosed = func(*vnet.Exchange) { dev.SetUp(false); dev.SetUp(true) }
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 10 {
				_, _, _ = get(context.Background(), dev, "GET", "https://a.test/", nil)
			}
		}()
		Eventually(done).Should(BeClosed())
	})
})

func httpTraced(rt http.RoundTripper, got func(httptrace.GotConnInfo)) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		return rt.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: got})))
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
