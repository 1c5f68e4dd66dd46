package device_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/device"
)

// line is a bearer of raw connections in memory. It answers each request with segments of text, of which a Read returns one;
// with none the connection stays open and silent.
type line struct {
	answer func(address, request string) []string
	dial   func(ctx context.Context) error // nil: always gets through

	mu      sync.Mutex
	dialed  []string // addresses
	sent    []string // what each Write brought
	reads   []int    // the size of each Read's buffer
	waiting int      // reads that have begun and not ended
	open    int      // connections
}

func (*line) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("sockets only") }

func (l *line) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "tcp" {
		return nil, net.UnknownNetworkError(network)
	}
	l.mu.Lock()
	l.dialed = append(l.dialed, address)
	l.mu.Unlock()
	if l.dial != nil {
		if err := l.dial(ctx); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	l.open++
	l.mu.Unlock()
	return &lineConn{line: l, address: address, closed: make(chan struct{})}, nil
}

func (l *line) look(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// addresses and requests are what the line saw so far.
func (l *line) addresses() (all []string) {
	l.look(func() { all = slices.Clone(l.dialed) })
	return all
}
func (l *line) requests() (all []string) { l.look(func() { all = slices.Clone(l.sent) }); return all }
func (l *line) busy() (n int)            { l.look(func() { n = l.waiting }); return n }
func (l *line) left() (n int)            { l.look(func() { n = l.open }); return n }

type lineConn struct {
	net.Conn // nil: the SDKs set no deadlines of the machine's clock
	line     *line
	address  string
	request  string
	once     sync.Once
	closed   chan struct{}
}

func (c *lineConn) Write(b []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	c.request += string(b)
	c.line.look(func() { c.line.sent = append(c.line.sent, string(b)) })
	return len(b), nil
}

func (c *lineConn) Read(b []byte) (int, error) {
	c.line.look(func() { c.line.waiting++; c.line.reads = append(c.line.reads, len(b)) })
	defer c.line.look(func() { c.line.waiting-- })
	segments := c.line.answer(c.address, c.request)
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	switch {
	case segments == nil:
		<-c.closed
		return 0, net.ErrClosed
	case segments[0] == "":
		return 0, io.EOF
	}
	return copy(b, segments[0]), nil
}

func (c *lineConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.line.look(func() { c.line.open-- })
	})
	return nil
}

// says answers the requests in turn, and those that follow as the last one.
func says(answers ...string) func(string, string) []string {
	var mu sync.Mutex
	n := 0
	return func(string, string) []string {
		mu.Lock()
		defer mu.Unlock()
		a := answers[min(n, len(answers)-1)]
		n++
		return []string{a}
	}
}

// head writes a response; fields are whole lines.
func head(status int, fields ...string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\n", status, http.StatusText(status)) + strings.Join(append(fields, "", ""), "\r\n")
}

func hop(location string) string { return head(302, "Location: "+location) }

const (
	typeJSON = "Content-Type: application/json"
	okBody   = `{"status":"ok"}`
)

var (
	android, ios = device.Android{}, device.IOS{}

	good = device.Result{HTTPStatus: 200, ResponseBody: json.RawMessage(okBody)}
)

var _ = Describe("the vendor's SDKs", func() {
	var (
		ctx       context.Context
		cell, web *line
		clock     *manual
	)
	BeforeEach(func() {
		ctx = context.Background()
		clock = newManual()
		cell, web = &line{answer: says(head(200, typeJSON) + okBody)}, &line{answer: says(head(200, typeJSON) + okBody)}
	})
	AfterEach(func() {
		Expect(clock.pending()).To(BeZero(), "timers left behind")
		Expect(cell.left()+web.left()).To(BeZero(), "connections left open")
	})
	phone := func(sdk device.SDK, opts ...device.Option) *device.Phone {
		p := device.New("alice", append([]device.Option{
			device.WithSIM(device.SIM{MSISDN: aliceNumber, NetworkID: "23410", Bearer: cell}),
			device.WithSIM(device.SIM{MSISDN: bobNumber, NetworkID: "23415", Bearer: web}),
			device.WithWiFi(web), device.WithClock(clock), device.WithRandom(counting()), device.WithSDK(sdk)}, opts...)...)
		p.SetWiFi(true)
		return p
	}
	// opened answers the check URL and what it leads to, one by one.
	opened := func(sdk device.SDK, answers ...string) device.Result {
		cell.answer = says(answers...)
		return phone(sdk).OpenCheckURL(ctx, checkURL)
	}
	both := func(f func(sdk device.SDK), name string) {
		for _, sdk := range []device.SDK{android, ios} {
			It(name+": "+sdk.String(), func() { f(sdk) })
		}
	}

	It("have names, and can be compared", func() {
		Expect(android).To(HaveField("String()", "android"))
		Expect(ios).To(HaveField("String()", "ios"))
		Expect(device.SDK(android)).NotTo(Equal(device.SDK(device.Android{Emulator: true})))
		Expect(device.SDK(ios)).NotTo(Equal(device.SDK(device.IOS{Simulator: true})))
	})

	DescribeTable("send exactly this", func(sdk device.SDK, want ...string) {
		cell.answer = says(head(302, "Location: http://sna.o2.example:8080/start?session=s1", "Set-Cookie: a=1; Path=/"), head(200, typeJSON)+okBody)
		web.answer = cell.answer
		Expect(phone(sdk).OpenCheckURL(ctx, "https://eu.api.idlayr.com/r?x=y", device.WithAccessToken("tok"))).To(Equal(good))
		used := cell
		if sdk == (device.IOS{Simulator: true}) {
			used = web // the WiFi is on, and a simulator takes what there is
		}
		Expect(used.requests()).To(Equal(want))
		Expect(used.addresses()).To(Equal([]string{"eu.api.idlayr.com:443", "sna.o2.example:8080"}))
		Expect(used.reads).To(Equal([]int{64 << 10, 64 << 10}), "one read for each answer")
	},
		Entry("Android", android,
			"GET /r?x=y HTTP/1.1\r\nHost: eu.api.idlayr.com\r\nUser-Agent: tru-sdk-android/1.0.10/34 Android/14 Google/Pixel 8\r\n"+
				"Authorization: Bearer tok\r\nx-tru-sdk-request: "+firstUUID+"\r\nx-tru-ops: 23410\r\n"+
				"Accept: text/html,application/xhtml+xml,application/xml,*/*\r\nConnection: close\r\n\r\n",
			"GET /start?session=s1 HTTP/1.1\r\nHost: sna.o2.example:8080\r\nUser-Agent: tru-sdk-android/1.0.10/34 Android/14 Google/Pixel 8\r\n"+
				"x-tru-sdk-request: "+firstUUID+"\r\n"+
				"Accept: text/html,application/xhtml+xml,application/xml,*/*\r\nCookie: a=1\r\nConnection: close\r\n\r\n"),
		Entry("Android emulator", device.Android{Emulator: true},
			"GET /r?x=y HTTP/1.1\r\nHost: eu.api.idlayr.com\r\nUser-Agent: tru-sdk-android/1.0.10/34 Android/14 Google/Pixel 8\r\n"+
				"Authorization: Bearer tok\r\nx-tru-sdk-request: "+firstUUID+"\r\nx-tru-ops: 23410\r\nx-tru-mode: sandbox\r\n"+
				"Accept: text/html,application/xhtml+xml,application/xml,*/*\r\nConnection: close\r\n\r\n",
			"GET /start?session=s1 HTTP/1.1\r\nHost: sna.o2.example:8080\r\nUser-Agent: tru-sdk-android/1.0.10/34 Android/14 Google/Pixel 8\r\n"+
				"x-tru-sdk-request: "+firstUUID+"\r\nx-tru-mode: sandbox\r\n"+
				"Accept: text/html,application/xhtml+xml,application/xml,*/*\r\nCookie: a=1\r\nConnection: close\r\n\r\n"),
		Entry("iOS", ios,
			"GET /r?x=y HTTP/1.1\r\nHost: eu.api.idlayr.com\r\nAuthorization: Bearer tok \r\n"+
				"x-tru-sdk-request: "+strings.ToUpper(firstUUID)+" \r\nx-tru-ops: 23410,23415 \r\n"+
				"User-Agent: tru-sdk-ios/1.0.10 iOS/17.5\r\nAccept: text/html,application/xhtml+xml,application/xml,*/*\r\nConnection: close\r\n\r\n",
			"GET /start?session=s1 HTTP/1.1\r\nHost: sna.o2.example:8080\r\n"+
				"x-tru-sdk-request: "+strings.ToUpper(firstUUID)+" \r\nCookie: a=1\r\n"+
				"User-Agent: tru-sdk-ios/1.0.10 iOS/17.5\r\nAccept: text/html,application/xhtml+xml,application/xml,*/*\r\nConnection: close\r\n\r\n"),
		Entry("iOS simulator", device.IOS{Simulator: true},
			"GET /r?x=y HTTP/1.1\r\nHost: eu.api.idlayr.com\r\nAuthorization: Bearer tok \r\n"+
				"x-tru-sdk-request: "+strings.ToUpper(firstUUID)+" \r\nx-tru-ops: 23410,23415 \r\nx-tru-mode: sandbox \r\n"+
				"User-Agent: tru-sdk-ios/1.0.10 iOS/17.5\r\nAccept: text/html,application/xhtml+xml,application/xml,*/*\r\nConnection: close\r\n\r\n",
			"GET /start?session=s1 HTTP/1.1\r\nHost: sna.o2.example:8080\r\n"+
				"x-tru-sdk-request: "+strings.ToUpper(firstUUID)+" \r\nx-tru-mode: sandbox \r\nCookie: a=1\r\n"+
				"User-Agent: tru-sdk-ios/1.0.10 iOS/17.5\r\nAccept: text/html,application/xhtml+xml,application/xml,*/*\r\nConnection: close\r\n\r\n"),
	)

	both(func(sdk device.SDK) {
		cell.answer = says(hop("http://sna.o2.example/x"), head(200))
		p := device.New("tablet", device.WithSIM(device.SIM{Bearer: cell}), device.WithSDK(sdk), device.WithRandom(counting()))
		Expect(p.OpenCheckURL(ctx, platform)).To(Equal(device.Result{HTTPStatus: 200}))
		Expect(cell.addresses()).To(Equal([]string{"eu.api.idlayr.com:443", "sna.o2.example:80"}))
		Expect(cell.requests()[0]).To(HavePrefix("GET / HTTP/1.1\r\n"))
		for _, absent := range []string{"x-tru-ops", "Authorization", "Cookie", "x-tru-mode"} {
			Expect(cell.requests()[0]).NotTo(ContainSubstring(absent))
		}
	}, "leave out what they do not know")

	It("tells Android's server of the SIM that carries data", func() {
		p := phone(android)
		Expect(p.SetDataSIM(1)).To(Succeed())
		p.OpenCheckURL(ctx, checkURL)
		Expect(web.requests()).To(ConsistOf(ContainSubstring("\r\nx-tru-ops: 23415\r\n")))
	})

	both(func(sdk device.SDK) {
		cell.answer = says(hop(mno+"/x"), head(200))
		p := phone(sdk, device.WithRequestHeader("x_msisdn", bobNumber), device.WithRequestHeader("user-agent", "other"))
		p.OpenCheckURL(ctx, checkURL)
		Expect(cell.requests()).To(HaveLen(2))
		for _, r := range cell.requests() {
			Expect(r).To(HaveSuffix("\r\nx_msisdn: " + bobNumber + "\r\nuser-agent: other\r\n\r\n"))
			Expect(r).NotTo(ContainSubstring("User-Agent"))
		}
	}, "forge a header on every hop")

	DescribeTable("begin with https alone", func(sdk device.SDK, url, code string) {
		Expect(phone(sdk).OpenCheckURL(ctx, url)).To(And(HaveField("Error", code), HaveField("ErrorDescription", Not(BeEmpty()))))
		Expect(cell.addresses()).To(BeEmpty())
	},
		Entry("Android, with a space", android, "http://eu.api.idlayr.com/", "invalid scheme"),
		Entry("iOS", ios, "http://eu.api.idlayr.com/", "invalid_scheme"),
		Entry("Android, no URL", android, "https://[", "sdk_error"),
		Entry("iOS, no URL", ios, "x", "sdk_error"),
	)

	both(func(sdk device.SDK) {
		p := phone(sdk, device.WithRandom(iotest.ErrReader(io.ErrUnexpectedEOF)))
		Expect(p.OpenCheckURL(ctx, checkURL)).To(HaveField("Error", "sdk_error"))
	}, "fail without randomness")

	// chain answers with so many redirects and then a body.
	chain := func(redirects int) []string {
		return append(slices.Repeat([]string{hop("/next")}, redirects), head(200, typeJSON)+okBody)
	}
	tooMany := device.Result{Error: "sdk_redirect_error", ErrorDescription: "Too many redirects"}
	DescribeTable("count redirects each in its own way", func(sdk device.SDK, redirects, requests int, want device.Result) {
		Expect(opened(sdk, chain(redirects)...)).To(Equal(want))
		Expect(cell.requests()).To(HaveLen(requests))
	},
		Entry("Android, none", android, 0, 1, good),
		Entry("Android, 8", android, 8, 9, good),
		Entry("Android, 9: good, and taken for too many", android, 9, 10, tooMany),
		Entry("Android, 10", android, 10, 11, good),
		Entry("Android, 11: a bare status", android, 11, 11, device.Result{HTTPStatus: 302}),
		Entry("Android, endless", android, 50, 11, device.Result{HTTPStatus: 302}),
		Entry("iOS, 8", ios, 8, 9, good),
		Entry("iOS, 9", ios, 9, 10, good),
		Entry("iOS, 10", ios, 10, 11, good),
		Entry("iOS, 11", ios, 11, 11, tooMany),
		Entry("iOS, endless", ios, 50, 11, tooMany),
	)

	It("says nothing of a redirect that goes astray after Android's last", func() {
		Expect(opened(android, append(slices.Repeat([]string{hop("/x")}, 10), hop("intent://x"))...)).To(Equal(device.Result{HTTPStatus: 302}))
	})

	DescribeTable("are led on", func(sdk device.SDK, answer, address, target string) {
		cell.answer = says(answer, head(200))
		Expect(phone(sdk).OpenCheckURL(ctx, platform+"/a/b?c=d")).To(Equal(device.Result{HTTPStatus: 200}))
		Expect(cell.addresses()).To(Equal([]string{"eu.api.idlayr.com:443", address}))
		Expect(cell.requests()[1]).To(HavePrefix("GET " + target + " HTTP/1.1\r\n"))
	},
		Entry("Android, 301", android, head(301, "Location: "+mno+"/x"), "sna.o2.example:80", "/x"),
		Entry("Android, 307", android, head(307, "Location: "+mno+"/x"), "sna.o2.example:80", "/x"),
		Entry("Android, 308", android, head(308, "Location: "+mno+"/x"), "sna.o2.example:80", "/x"),
		Entry("Android, 200", android, head(200, "Location: "+mno+"/x"), "sna.o2.example:80", "/x"),
		Entry("Android, 201", android, head(201, "Location: "+mno+"/x"), "sna.o2.example:80", "/x"),
		Entry("Android, 404", android, head(404, "Location: "+mno+"/x"), "sna.o2.example:80", "/x"),
		Entry("Android, Content-Location", android, head(200, "Content-Location: /stray", typeJSON)+okBody, "eu.api.idlayr.com:443", "/stray"),
		Entry("Android, lower case", android, head(302, "location: "+mno+"/x"), "sna.o2.example:80", "/x"),
		Entry("Android, in the body", android, head(200, typeJSON)+"{\r\nLocation: /x\r\n}", "eu.api.idlayr.com:443", "/x"),
		Entry("Android, in a word of the body", android, head(200)+"allocation: /x", "eu.api.idlayr.com:443", "/x"),
		Entry("Android, the first that says where", android, head(302, "Location:", "Location: /x", "Location: /y"), "eu.api.idlayr.com:443", "/x"),
		Entry("Android, lines without CR", android, "HTTP/1.1 302 Found\nLocation: /x\n\n", "eu.api.idlayr.com:443", "/x"),
		Entry("Android, relative", android, hop("x?y"), "eu.api.idlayr.com:443", "/a/x?y"),
		Entry("Android, spaces", android, hop(mno+"/a b?c d"), "sna.o2.example:80", "/a+b?c+d"),
		Entry("Android, https and a port", android, hop("https://sna.o2.example:8443/x"), "sna.o2.example:8443", "/x"),
		Entry("Android, an address", android, hop("http://[2001:db8::1]/x"), "[2001:db8::1]:80", "/x"),
		Entry("iOS, 301", ios, head(301, "Location: "+mno+"/x"), "sna.o2.example:80", "/x"),
		Entry("iOS, 303", ios, head(303, "Location: "+mno+"/x"), "sna.o2.example:80", "/x"),
		Entry("iOS, 307", ios, head(307, "Location: "+mno+"/x"), "sna.o2.example:80", "/x"),
		Entry("iOS, 308", ios, head(308, "Location: "+mno+"/x"), "sna.o2.example:80", "/x"),
		Entry("iOS, lower case", ios, head(302, "location: "+mno+"/x"), "sna.o2.example:80", "/x"),
		Entry("iOS, any that ends so, the first", ios, head(302, "Content-Location: /stray", "Location: /x"), "eu.api.idlayr.com:443", "/stray"),
		Entry("iOS, relative", ios, hop("x?y"), "eu.api.idlayr.com:443", "/a/x?y"),
		Entry("iOS, absolute path", ios, hop("/x"), "eu.api.idlayr.com:443", "/x"),
		Entry("iOS, spaces", ios, hop(mno+"/a b?c d"), "sna.o2.example:80", "/a+b?c+d"),
	)

	DescribeTable("are not led on", func(sdk device.SDK, answer string, want device.Result) {
		Expect(opened(sdk, answer)).To(Equal(want))
		Expect(cell.requests()).To(HaveLen(1))
	},
		Entry("Android, upper case", android, head(302, "LOCATION: /x"), device.Result{HTTPStatus: 302}),
		Entry("Android, no space", android, head(302, "Location:/x"), device.Result{HTTPStatus: 302}),
		Entry("Android, nothing there", android, head(302, "Location: "), device.Result{HTTPStatus: 302}),
		Entry("Android, no Location", android, head(302), device.Result{HTTPStatus: 302}),
		Entry("Android, no URL", android, hop("http://["), device.Result{Error: "sdk_redirect_error",
			ErrorDescription: "the Location of a redirect is not a URL"}),
		Entry("Android, another scheme", android, hop("intent://x"), device.Result{Error: "sdk_redirect_error",
			ErrorDescription: "the Location of a redirect is neither http nor https"}),
		Entry("iOS, 200", ios, head(200, "Location: /x"), device.Result{HTTPStatus: 200}),
		Entry("iOS, 201", ios, head(201, "Location: /x"), device.Result{HTTPStatus: 201}),
		Entry("iOS, 304", ios, head(304, "Location: /x"), device.Result{Error: "sdk_error", ErrorDescription: "Unexpected HTTP Status 304"}),
		Entry("iOS, Content-Location", ios, head(200, "Content-Location: /stray", typeJSON)+okBody, good),
		Entry("iOS, no space", ios, head(302, "Location:/x"), device.Result{Error: "sdk_redirect_error", ErrorDescription: "the redirect has no Location"}),
		Entry("iOS, no Location", ios, head(302), device.Result{Error: "sdk_redirect_error", ErrorDescription: "the redirect has no Location"}),
		Entry("iOS, no URL", ios, hop("http://["), device.Result{Error: "sdk_redirect_error",
			ErrorDescription: "the Location of a redirect is not a URL"}),
		Entry("iOS, another scheme", ios, hop("intent://x"), device.Result{Error: "sdk_redirect_error",
			ErrorDescription: "the Location of a redirect is neither http nor https"}),
	)

	noBraces := device.Result{Error: "sdk_connection_error", ErrorDescription: "the body is declared as JSON and has no braces"}
	bare := device.Result{HTTPStatus: 200}
	big := `{"a":"` + strings.Repeat("x", 64<<10) + `"}`
	chunked := head(200, typeJSON, "Transfer-Encoding: chunked")
	DescribeTable("read the body", func(sdk device.SDK, answer string, want device.Result) {
		Expect(opened(sdk, answer)).To(Equal(want))
	},
		Entry("Android", android, head(200, typeJSON)+okBody, good),
		Entry("Android, charset", android, head(200, typeJSON+"; charset=utf-8")+okBody, good),
		Entry("Android, charset without space", android, head(200, typeJSON+";charset=utf-8")+okBody, bare),
		Entry("Android, HAL", android, head(200, "Content-Type: application/hal+json")+okBody, good),
		Entry("Android, problem", android, head(200, "Content-Type: application/problem+json")+okBody, good),
		Entry("Android, another type", android, head(200, "Content-Type: text/html")+okBody, bare),
		Entry("Android, no type", android, head(200)+okBody, bare),
		Entry("Android, lower case", android, head(200, "content-type: application/json")+okBody, bare),
		Entry("Android, no space", android, head(200, "Content-Type:application/json")+okBody, bare),
		Entry("Android, type in upper case", android, head(200, "Content-Type: Application/JSON")+okBody, bare),
		Entry("Android, declared in the body alone", android, head(200)+"{\r\n"+typeJSON+"\r\n}", device.Result{HTTPStatus: 200, ResponseRawBody: "{\r\n" + typeJSON + "\r\n}"}),
		Entry("Android, text around", android, head(200, typeJSON)+"x"+okBody+"y", good),
		Entry("Android, braces in the head", android, head(200, "NEL: {}", typeJSON)+okBody, good),
		Entry("Android, up to the last brace", android, head(200, typeJSON)+`{"a":{}}`, device.Result{HTTPStatus: 200, ResponseBody: json.RawMessage(`{"a":{}}`)}),
		Entry("Android, one chunk", android, chunked+"f\r\n"+okBody+"\r\n0\r\n\r\n", good),
		Entry("Android, broken JSON", android, head(200, typeJSON)+"{a}", device.Result{HTTPStatus: 200, ResponseRawBody: "{a}"}),
		Entry("Android, empty", android, head(200, typeJSON), noBraces),
		Entry("Android, no braces", android, head(200, typeJSON)+"[1]", noBraces),
		Entry("Android, braces the wrong way round", android, head(200, typeJSON)+"}{", noBraces),
		Entry("Android, more than 64 KiB", android, head(200, typeJSON)+big, noBraces),
		Entry("iOS", ios, head(200, typeJSON)+okBody, good),
		Entry("iOS, charset without space", ios, head(200, typeJSON+";charset=utf-8")+okBody, good),
		Entry("iOS, anywhere in the value", ios, head(200, "Content-Type: x; application/hal+json")+okBody, good),
		Entry("iOS, problem", ios, head(200, "Content-Type: application/problem+json")+okBody, good),
		Entry("iOS, another type", ios, head(200, "Content-Type: text/html")+okBody, bare),
		Entry("iOS, lower case", ios, head(200, "content-type: application/json")+okBody, bare),
		Entry("iOS, no space", ios, head(200, "Content-Type:application/json")+okBody, bare),
		Entry("iOS, type in upper case", ios, head(200, "Content-Type: Application/JSON")+okBody, bare),
		Entry("iOS, text before", ios, head(200, typeJSON)+"x"+okBody, good),
		Entry("iOS, text after", ios, head(200, typeJSON)+okBody+"y", device.Result{HTTPStatus: 200, ResponseRawBody: okBody + "y"}),
		Entry("iOS, braces in the head", ios, head(200, "NEL: {}", typeJSON)+okBody, good),
		Entry("iOS, one chunk", ios, chunked+"f\r\n"+okBody+"\r\n0\r\n\r\n", good),
		Entry("iOS, two chunks", ios, chunked+"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", device.Result{HTTPStatus: 200, ResponseRawBody: "{\r\n1\r\n}"}),
		Entry("iOS, chunks not declared", ios, head(200, typeJSON)+okBody+"\r\n0\r\n\r\n", device.Result{HTTPStatus: 200, ResponseRawBody: okBody + "\r\n0\r\n\r\n"}),
		Entry("iOS, empty", ios, head(200, typeJSON), bare),
		Entry("iOS, no braces", ios, head(200, typeJSON)+"[1]", bare),
		Entry("iOS, more than 64 KiB", ios, head(200, typeJSON)+big,
			device.Result{HTTPStatus: 200, ResponseRawBody: big[:64<<10-len(head(200, typeJSON))]}),
	)

	DescribeTable("see one segment alone", func(sdk device.SDK, want device.Result, segments ...string) {
		cell.answer = func(string, string) []string { return segments }
		Expect(phone(sdk).OpenCheckURL(ctx, checkURL)).To(Equal(want))
		Expect(cell.reads).To(HaveLen(1))
	},
		Entry("Android, no body", android, noBraces, head(200, typeJSON), okBody),
		Entry("Android, half a body", android, noBraces, head(200, typeJSON)+okBody[:5], okBody[5:]),
		Entry("Android, half a head", android, bare, "HTTP/1.1 200 OK\r\n", typeJSON+"\r\n\r\n"+okBody),
		Entry("iOS, no body", ios, bare, head(200, typeJSON), okBody),
		Entry("iOS, half a body", ios, device.Result{HTTPStatus: 200, ResponseRawBody: okBody[:5]}, head(200, typeJSON)+okBody[:5], okBody[5:]),
		Entry("iOS, half a head", ios, bare, "HTTP/1.1 200 OK\r\n", typeJSON+"\r\n\r\n"+okBody),
	)

	DescribeTable("take every status on Android", func(status int) {
		Expect(opened(android, head(status))).To(Equal(device.Result{HTTPStatus: status}))
		Expect(opened(android, head(status, typeJSON)+okBody)).To(Equal(device.Result{HTTPStatus: status, ResponseBody: json.RawMessage(okBody)}))
	}, Entry(nil, 200), Entry(nil, 204), Entry(nil, 206), Entry(nil, 304), Entry(nil, 412), Entry(nil, 500), Entry(nil, 599))

	DescribeTable("take these statuses on iOS", func(status int, plain, withJSON bool) {
		for fields, taken := range map[string]bool{"": plain, typeJSON: withJSON} {
			want := device.Result{Error: "sdk_error", ErrorDescription: fmt.Sprintf("Unexpected HTTP Status %d", status)}
			if taken {
				want = device.Result{HTTPStatus: status}
				if fields != "" && status != 204 {
					want.ResponseBody = json.RawMessage(okBody)
				}
			}
			Expect(opened(ios, head(status, fields)+"\r\n"+okBody)).To(Equal(want), fields)
		}
	},
		Entry(nil, 199, false, false),
		Entry(nil, 200, true, true),
		Entry(nil, 202, true, true),
		Entry(nil, 203, false, false),
		Entry(nil, 204, true, true),
		Entry(nil, 206, false, false),
		Entry(nil, 300, false, false),
		Entry(nil, 304, false, false),
		Entry(nil, 399, false, false),
		Entry(nil, 400, false, true),
		Entry(nil, 412, false, true),
		Entry(nil, 451, false, true),
		Entry(nil, 452, false, false),
		Entry(nil, 499, false, false),
		Entry(nil, 500, false, true),
		Entry(nil, 511, false, true),
		Entry(nil, 512, false, false),
	)

	DescribeTable("make something of no HTTP", func(sdk device.SDK, answer string, want device.Result) {
		Expect(opened(sdk, answer)).To(Equal(want))
	},
		Entry("Android, another protocol", android, "SSH-2.0-x 200\r\n", device.Result{Error: "sdk_connection_error", ErrorDescription: "the answer has no HTTP status"}),
		Entry("Android, no status", android, "HTTP/1.1\r\n", device.Result{Error: "sdk_connection_error", ErrorDescription: "the answer has no HTTP status"}),
		Entry("Android, no number", android, "HTTP/1.1 x\r\n", device.Result{Error: "sdk_connection_error", ErrorDescription: "the answer has no HTTP status"}),
		Entry("Android, less than none", android, "HTTP/1.1 -1\r\n", device.Result{Error: "sdk_connection_error", ErrorDescription: "the answer has no HTTP status"}),
		Entry("Android, a short version", android, "HTTP/2 200\r\n\r\n", bare),
		Entry("Android, nothing", android, "", device.Result{Error: "sdk_connection_error", ErrorDescription: "hop 1, https://eu.api.idlayr.com: EOF"}),
		Entry("iOS, too short", ios, "HTTP/2 200", device.Result{Error: "sdk_error", ErrorDescription: "Unexpected HTTP Status 0"}),
		Entry("iOS, the status elsewhere", ios, "HTTP/2 200 OK\r\n\r\n", device.Result{Error: "sdk_error", ErrorDescription: "Unexpected HTTP Status 0"}),
		Entry("iOS, another protocol", ios, "xxxxxxxxx200", bare),
		Entry("iOS, nothing", ios, "", device.Result{Error: "sdk_connection_error", ErrorDescription: "hop 1, https://eu.api.idlayr.com: EOF"}),
	)

	DescribeTable("keep cookies", func(location, onAndroid, onIOS string, fields ...string) {
		for sdk, want := range map[device.SDK]string{android: onAndroid, ios: onIOS} {
			before := len(cell.requests())
			opened(sdk, head(302, append(fields, "Location: "+location)...), head(200))
			sent := ""
			if _, rest, ok := strings.Cut(cell.requests()[before+1], "\r\nCookie: "); ok {
				sent, _, _ = strings.Cut(rest, "\r\n")
			}
			Expect(sent).To(Equal(want), sdk.String())
		}
	},
		Entry("to the next hop", "/x", "a=1", "a=1", "Set-Cookie: a=1"),
		Entry("in order", "/x", "a=1; b=2", "a=1; b=2", "Set-Cookie: a=1", "Set-Cookie: b=2"),
		Entry("that were replaced", "/x", "a=1; a=2", "a=1; a=2", "Set-Cookie: a=1", "Set-Cookie: a=2"),
		Entry("that are long over", "/x", "a=1; b=2", "a=1; b=2", "Set-Cookie: a=1; Max-Age=0",
			"Set-Cookie: b=2; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"),
		Entry("of a domain", "http://sna.o2.example/x", "a=1", "a=1", "Set-Cookie: a=1; Domain=o2.example"),
		Entry("of a domain, in the middle of another", "http://o2.example.evil.test/x", "a=1", "a=1", "Set-Cookie: a=1; Domain=o2.example"),
		Entry("of a domain with a dot, not for itself", "http://o2.example/x", "", "", "Set-Cookie: a=1; domain=.o2.example"),
		Entry("not for another domain", "http://sna.o2.example/x", "", "", "Set-Cookie: a=1; Domain=idlayr.com"),
		Entry("of no domain, everywhere", "http://sna.o2.example/x", "a=1", "a=1", "Set-Cookie: a=1"),
		Entry("of a path", "/sna/x", "a=1", "a=1", "Set-Cookie: a=1; Path=/sna"),
		Entry("of a path that begins alike", "/snap", "a=1", "a=1", "Set-Cookie: a=1; Path=/sna"),
		Entry("not for another path", "/x", "", "", "Set-Cookie: a=1; Path=/sna"),
		Entry("of the root", "http://sna.o2.example", "a=1", "a=1", "Set-Cookie: a=1; Path=/"),
		Entry("secure ones for https", "/x", "a=1", "a=1", "Set-Cookie: a=1; Secure"),
		Entry("secure ones, not for http", "http://eu.api.idlayr.com/x", "", "", "Set-Cookie: a=1; Path=/; secure"),
		Entry("several on a line", "/x", "a=1; b=2", "a=1", "Set-Cookie: a=1; Expires=Thu, 01 Jan 2030 00:00:00 GMT; Path=/, b=2; Path=/"),
		Entry("with an equals sign", "/x", "a=1=2", "a=1=2", "Set-Cookie: a=1=2"),
		Entry("not without a name", "/x", "", "", "Set-Cookie: =1", "Set-Cookie: a"),
		Entry("not in lower case", "/x", "", "", "set-cookie: a=1"),
	)

	It("adds up cookies over the hops of one call, and forgets them after it", func() {
		cell.answer = says(head(302, "Location: /1", "Set-Cookie: a=1"), head(302, "Location: /2", "Set-Cookie: b=2"), head(200))
		p := phone(android)
		p.OpenCheckURL(ctx, checkURL)
		Expect(cell.requests()[2]).To(ContainSubstring("\r\nCookie: a=1; b=2\r\n"))
		p.OpenCheckURL(ctx, checkURL)
		Expect(cell.requests()[3]).NotTo(ContainSubstring("Cookie"))
	})

	It("gives Android 5 seconds for each answer", func() {
		answers := says(hop(mno), hop(mno+"/x"), head(200))
		cell.answer = func(a, r string) []string {
			clock.advance(5*time.Second - time.Nanosecond)
			if strings.HasPrefix(r, "GET /x") {
				clock.advance(time.Nanosecond)
			}
			return answers(a, r)
		}
		Expect(phone(android).OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{Error: "sdk_connection_error",
			ErrorDescription: "hop 3, http://sna.o2.example: no answer within 5s: context deadline exceeded"}))
	})

	It("lets Android wait for a connection without limit", func() {
		cell.dial = func(context.Context) error { clock.advance(time.Hour); return nil }
		Expect(phone(android).OpenCheckURL(ctx, checkURL)).To(Equal(good))
	})

	It("gives iOS 5 seconds for each connection", func() {
		cell.answer = says(hop(mno), head(200))
		cell.dial = func(ctx context.Context) error {
			clock.advance(5*time.Second - time.Nanosecond)
			if len(cell.addresses()) > 1 {
				clock.advance(time.Nanosecond)
			}
			return ctx.Err()
		}
		Expect(phone(ios).OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{Error: "sdk_connection_error",
			ErrorDescription: "hop 2, http://sna.o2.example: no answer within 5s: context deadline exceeded"}))
	})

	It("sends nothing on iOS over a connection that came too late", func() {
		cell.dial = func(context.Context) error { clock.advance(5 * time.Second); return nil }
		Expect(phone(ios).OpenCheckURL(ctx, checkURL)).To(HaveField("Error", "sdk_connection_error"))
	})

	It("lets iOS wait for an answer without limit", func() {
		cell.answer = func(string, string) []string { clock.advance(time.Hour); return []string{head(200, typeJSON) + okBody} }
		Expect(phone(ios).OpenCheckURL(ctx, checkURL)).To(Equal(good))
	})

	both(func(sdk device.SDK) {
		cell.answer = func(string, string) []string { return nil }
		ctx, cancel := context.WithCancelCause(ctx)
		result := make(chan device.Result)
		go func() { result <- phone(sdk).OpenCheckURL(ctx, checkURL) }()
		Eventually(cell.busy).Should(Equal(1))
		if sdk == ios {
			clock.advance(time.Hour)
			Consistently(result, "20ms").ShouldNot(Receive())
		}
		cancel(errors.New("app closed"))
		Eventually(result).Should(Receive(Equal(device.Result{Error: "sdk_connection_error",
			ErrorDescription: "hop 1, https://eu.api.idlayr.com: app closed"})))
		Eventually(cell.left).Should(BeZero())
	}, "end with the caller's context")

	both(func(sdk device.SDK) {
		ctx, cancel := context.WithCancelCause(ctx)
		cell.answer = func(string, string) []string { cancel(errors.New("app closed")); return []string{head(200)} }
		Expect(phone(sdk).OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{Error: "sdk_connection_error",
			ErrorDescription: "hop 1, https://eu.api.idlayr.com: app closed"}))
		Eventually(cell.left).Should(BeZero())
	}, "want no answer after the caller gave up")

	both(func(sdk device.SDK) {
		cell.dial = func(context.Context) error { return errors.New("refused") }
		Expect(phone(sdk).OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{Error: "sdk_connection_error",
			ErrorDescription: "hop 1, https://eu.api.idlayr.com: refused"}))
	}, "fail when nobody takes the call")

	Describe("without a mobile network", func() {
		// waits opens the check URL, and moves the time on once the SDK waits for a network.
		waits := func(ctx context.Context, p *device.Phone, meanwhile func()) device.Result {
			GinkgoHelper()
			result := make(chan device.Result, 1)
			go func() { result <- p.OpenCheckURL(ctx, checkURL) }()
			Eventually(clock.pending).Should(Equal(1))
			clock.advance(5*time.Second - time.Nanosecond)
			Consistently(result, "10ms").ShouldNot(Receive())
			meanwhile()
			clock.advance(time.Nanosecond)
			var r device.Result
			Eventually(result).Should(Receive(&r))
			return r
		}
		nothing := func() {}

		It("Android fails at once if mobile data is off", func() {
			p := phone(android)
			p.SetMobileData(false)
			Expect(p.OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{Error: "sdk_no_data_connectivity",
				ErrorDescription: "device: alice: no route: mobile data is off"}))
		})

		It("Android waits for it otherwise", func() {
			p := phone(android)
			p.SetAirplaneMode(true)
			Expect(waits(ctx, p, nothing)).To(Equal(device.Result{Error: "sdk_no_data_connectivity",
				ErrorDescription: "device: alice: no route: airplane mode is on"}))
		})

		It("iOS waits for it, and has no code of its own for it", func() {
			p := phone(ios)
			p.SetMobileData(false)
			Expect(waits(ctx, p, nothing)).To(Equal(device.Result{Error: "sdk_connection_error",
				ErrorDescription: "hop 1, https://eu.api.idlayr.com: device: alice: no route: mobile data is off"}))
		})

		both(func(sdk device.SDK) {
			p := phone(sdk)
			p.SetAirplaneMode(true)
			Expect(waits(ctx, p, func() { p.SetAirplaneMode(false) })).To(Equal(good))
		}, "take one that comes in time")

		both(func(sdk device.SDK) {
			ctx, cancel := context.WithCancelCause(ctx)
			p := phone(sdk)
			p.SetAirplaneMode(true)
			Expect(waits(ctx, p, func() { cancel(errors.New("app closed")) })).To(Equal(device.Result{Error: "sdk_connection_error",
				ErrorDescription: "hop 1, https://eu.api.idlayr.com: app closed"}))
		}, "stop waiting with the caller")

		both(func(sdk device.SDK) {
			p := device.New("alice", device.WithSDK(sdk)) // no clock: nobody could end the wait
			Expect(p.OpenCheckURL(ctx, checkURL)).To(HaveField("ErrorDescription", ContainSubstring("it has no SIM")))
		}, "do not wait where time stands still")

		both(func(sdk device.SDK) {
			asleep := &sleeper{manual: clock}
			p := phone(sdk, device.WithClock(asleep))
			p.SetAirplaneMode(true)
			Expect(p.OpenCheckURL(ctx, checkURL)).To(HaveField("Error", Not(BeEmpty())))
			Expect(asleep.slept).To(Equal(5 * time.Second))
		}, "sleep on a clock that the sleeper moves")

		It("Android does not wait for one that it lost under way", func() {
			p := phone(android)
			cell.answer = func(string, string) []string { p.SetAirplaneMode(true); return []string{hop(mno)} }
			Expect(p.OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{Error: "sdk_connection_error",
				ErrorDescription: "hop 2, http://sna.o2.example: device: alice: no route: airplane mode is on"}))
		})
	})
})

// sleeper is a clock that whoever sleeps moves.
type sleeper struct {
	*manual
	slept time.Duration
}

func (s *sleeper) Sleep(_ context.Context, d time.Duration) error {
	s.slept += d
	s.advance(d)
	return nil
}

// Whatever a server says, either SDK comes to an end with a status or an error, after 11 requests at most.
func FuzzRawResponse(f *testing.F) {
	f.Add(head(200, typeJSON, "Set-Cookie: a=1; Domain=x; Path=/, b=2; Secure") + okBody)
	f.Add(head(302, "Location: http://sna.o2.example/a b", "Set-Cookie: a=\x00"))
	f.Add(head(302, "Location: ?\r\n"))
	f.Add(head(412, typeJSON, "Transfer-Encoding: chunked") + "2\r\n{}\r\n0\r\n\r\n")
	f.Add(head(200, typeJSON) + "}{")
	f.Add("HTTP/1.1 2")
	f.Add("HTTP/1.1 000 \r\nocation: \r\nContent-Type: ")
	f.Add("HTTP/1.1 302\nlocation: //[::1%25x]:99999\n\n")
	f.Fuzz(func(t *testing.T, answer string) {
		for _, sdk := range []device.SDK{android, ios} {
			cell := &line{answer: says(answer)}
			result := device.New("alice", device.WithSDK(sdk), device.WithSIM(device.SIM{Bearer: cell})).OpenCheckURL(context.Background(), checkURL)
			if (result.HTTPStatus != 0) == (result.Error != "") {
				t.Fatalf("%v: %+v", sdk, result)
			}
			if len(cell.requests()) > 11 || cell.left() != 0 {
				t.Fatalf("%v: %d requests, %d connections left open", sdk, len(cell.requests()), cell.left())
			}
			if result.ResponseBody != nil {
				var object map[string]json.RawMessage
				if err := json.Unmarshal(result.ResponseBody, &object); err != nil || object == nil || result.ResponseRawBody != "" {
					t.Fatalf("%v: %+v: %v", sdk, result, err)
				}
			}
			for _, r := range cell.requests() {
				if strings.Count(r, "\r\n\r\n") != 1 || !strings.HasSuffix(r, "\r\n\r\n") || !strings.HasPrefix(r, "GET ") {
					t.Fatalf("%v sent %q", sdk, r)
				}
			}
		}
	})
}
