package device_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing/iotest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/device"
)

const (
	checkURL = "https://eu.api.idlayr.com/phone_check/v0.1/checks/c69bc0e6/redirect"
	platform = "https://eu.api.idlayr.com"
	mno      = "http://sna.o2.example"
)

var _ = Describe("opening a check URL", func() {
	var (
		ctx       context.Context
		cell, web *network
		clock     *manual
	)
	ok := answer(200, "application/json", `{"status":"ok"}`)
	BeforeEach(func() {
		ctx = context.Background()
		clock = newManual()
		hosts := map[string]http.HandlerFunc{platform: redirect(302, mno+"/start?session=s1"), mno: ok}
		cell, web = &network{hosts: hosts}, &network{hosts: hosts}
	})
	phone := func(opts ...device.Option) *device.Phone {
		return device.New("alice", append([]device.Option{
			device.WithSIM(device.SIM{MSISDN: aliceNumber, NetworkID: "23410", Bearer: cell}),
			device.WithWiFi(web), device.WithClock(clock), device.WithRandom(counting())}, opts...)...)
	}
	AfterEach(func() { Expect(clock.pending()).To(BeZero(), "timers left behind") })

	It("follows it to the operator, in clear HTTP, over mobile data", func() {
		p := phone()
		p.SetWiFi(true)
		Expect(p.OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{HTTPStatus: 200, ResponseBody: json.RawMessage(`{"status":"ok"}`)}))
		Expect(cell.urls()).To(Equal([]string{checkURL, mno + "/start?session=s1"}))
		Expect(web.urls()).To(BeEmpty())
	})

	It("sends what belongs to each hop", func() {
		phone().OpenCheckURL(ctx, checkURL, device.WithAccessToken("tok"))
		common := http.Header{
			"User-Agent": {"phonechecksim-device/1.0"}, "Accept": {"text/html,application/xhtml+xml,application/xml,*/*"},
			"X-Tru-Sdk-Request": {firstUUID},
		}
		first := common.Clone()
		first.Set("x-tru-ops", "23410")
		first.Set("Authorization", "Bearer tok")
		Expect(cell.requests()[0].Header).To(Equal(first))
		Expect(cell.requests()[1].Header).To(Equal(common))
		for _, r := range cell.requests() {
			Expect(r.Method).To(Equal("GET"))
			Expect(r.Host).To(Equal(r.URL.Host))
		}
	})

	It("has a request id of its own for each call, and no authorization unless given", func() {
		p := phone()
		p.OpenCheckURL(ctx, checkURL)
		p.OpenCheckURL(ctx, checkURL)
		ids := map[string]bool{}
		for _, r := range cell.requests() {
			ids[r.Header.Get("x-tru-sdk-request")] = true
			Expect(r.Header).NotTo(HaveKey("Authorization"))
		}
		Expect(ids).To(HaveLen(2))
	})

	It("names the operator of the SIM that carries data", func() {
		p := phone(device.WithSIM(device.SIM{MSISDN: bobNumber, NetworkID: "23415", Bearer: web}))
		Expect(p.SetDataSIM(1)).To(Succeed())
		p.OpenCheckURL(ctx, checkURL)
		Expect(web.requests()[0].Header.Get("x-tru-ops")).To(Equal("23415"))
	})

	It("forges a header on every hop if told to, in the spelling given", func() {
		p := phone(device.WithRequestHeader("x_msisdn", bobNumber), device.WithRequestHeader("X-MSISDN", "1"))
		p.SetRequestHeader("X-MSISDN", bobNumber)
		p.SetRequestHeader("user-agent", "other")
		p.OpenCheckURL(ctx, checkURL)
		p.SetRequestHeader("x_msisdn", "")
		p.OpenCheckURL(ctx, checkURL)
		Expect(cell.requests()).To(HaveLen(4))
		for i, r := range cell.requests() {
			Expect(r.Header).To(HaveKeyWithValue("X-MSISDN", []string{bobNumber}))
			Expect(r.Header).To(HaveKeyWithValue("user-agent", []string{"other"}))
			Expect(r.Header).NotTo(HaveKey("User-Agent"))
			Expect(slices.Contains(slices.Collect(maps.Keys(r.Header)), "x_msisdn")).To(Equal(i < 2))
		}
	})

	DescribeTable("as a browser it takes the default route and says nothing about itself", func(wifi bool) {
		p := phone(device.WithSDK(device.Browser{}))
		p.SetWiFi(wifi)
		Expect(p.OpenCheckURL(ctx, "http://sna.o2.example/start", device.WithAccessToken("tok"))).To(HaveField("HTTPStatus", 200))
		used, other := cell, web
		if wifi {
			used, other = web, cell
		}
		Expect(other.requests()).To(BeEmpty())
		Expect(used.requests()).To(HaveLen(1))
		h := used.requests()[0].Header
		Expect(h.Get("Accept")).To(HavePrefix("text/html,"))
		for _, absent := range []string{"X-Tru-Sdk-Request", "X-Tru-Ops", "Authorization"} {
			Expect(h).NotTo(HaveKey(absent))
		}
	}, Entry("WiFi", true), Entry("cellular", false))

	// countdown redirects n times: /n, /n-1, ... /0.
	countdown := func(w http.ResponseWriter, r *http.Request) {
		if n, _ := strconv.Atoi(r.URL.Path[1:]); n > 0 {
			redirect(302, "/"+strconv.Itoa(n-1))(w, r)
			return
		}
		ok(w, r)
	}
	DescribeTable("follows so many redirects and no more", func(sdk device.SDK, redirects int, good bool) {
		cell.hosts[platform] = countdown
		result := phone(device.WithSDK(sdk)).OpenCheckURL(ctx, platform+"/"+strconv.Itoa(redirects))
		if good {
			Expect(result).To(HaveField("HTTPStatus", 200))
			Expect(cell.urls()).To(HaveLen(redirects + 1))
		} else {
			Expect(result).To(Equal(device.Result{Error: "sdk_redirect_error", ErrorDescription: "Too many redirects"}))
			Expect(cell.urls()).To(HaveLen(redirects))
		}
	},
		Entry("none", device.Generic{}, 0, true),
		Entry("ten", device.Generic{}, 10, true),
		Entry("eleven", device.Generic{}, 11, false),
		Entry("browser, twenty", device.Browser{}, 20, true),
		Entry("browser, twenty-one", device.Browser{}, 21, false),
	)

	DescribeTable("reads Location", func(status int, location, want string) {
		done := false
		cell.hosts[platform] = func(w http.ResponseWriter, r *http.Request) {
			if done {
				ok(w, r)
				return
			}
			done = true
			redirect(status, location)(w, r)
		}
		cell.hosts["https://sna.o2.example"] = ok
		result := phone().OpenCheckURL(ctx, platform+"/a/b?c=d")
		Expect(result).To(HaveField("HTTPStatus", 200))
		Expect(cell.urls()).To(Equal([]string{platform + "/a/b?c=d", want}))
	},
		Entry("301", 301, mno+"/x", mno+"/x"),
		Entry("303", 303, mno+"/x", mno+"/x"),
		Entry("307", 307, mno+"/x", mno+"/x"),
		Entry("308", 308, mno+"/x", mno+"/x"),
		Entry("absolute path", 302, "/x?y", platform+"/x?y"),
		Entry("relative path", 302, "x", platform+"/a/x"),
		Entry("query alone", 302, "?x", platform+"/a/b?x"),
		Entry("same scheme", 302, "//sna.o2.example/x", "https://sna.o2.example/x"),
		Entry("spaces", 302, " "+mno+"/a b?c d ", mno+"/a%20b?c%20d"),
		Entry("fragment", 302, mno+"/x#y", mno+"/x"),
		Entry("user information", 302, "http://u:p@sna.o2.example/x", mno+"/x"),
	)

	DescribeTable("does not follow", func(status int, location string, want device.Result) {
		cell.hosts[platform] = redirect(status, location)
		Expect(phone().OpenCheckURL(ctx, checkURL)).To(Equal(want))
		Expect(cell.urls()).To(HaveLen(1))
	},
		Entry("200 with a Location", 200, mno, device.Result{HTTPStatus: 200}),
		Entry("304", 304, mno, device.Result{HTTPStatus: 304}),
		Entry("302 without a Location", 302, "", device.Result{HTTPStatus: 302}),
		Entry("no URL", 302, "http://[", device.Result{Error: device.CodeRedirectError, ErrorDescription: "the Location of a redirect is not a URL"}),
		Entry("another scheme", 302, "intent://x", device.Result{Error: device.CodeRedirectError,
			ErrorDescription: "the Location of a redirect is neither http nor https"}),
	)

	It("carries cookies over the hops of one call", func() {
		cell.hosts[platform] = func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "secure", Value: "1", Domain: "idlayr.com", Path: "/", Secure: true})
			redirect(302, mno+"/1")(w, r)
		}
		cell.hosts[mno] = func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/1":
				http.SetCookie(w, &http.Cookie{Name: "a", Value: "x y"})
				redirect(302, "/2")(w, r)
			case "/2":
				http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
				redirect(302, "https://x.idlayr.com/end")(w, r)
			}
		}
		cell.hosts["https://x.idlayr.com"] = ok
		p := phone()
		for range 2 { // the second call begins without cookies
			cell.seen = nil
			Expect(p.OpenCheckURL(ctx, checkURL)).To(HaveField("HTTPStatus", 200))
			var cookies []string
			for _, r := range cell.requests() {
				cookies = append(cookies, r.Header.Get("Cookie"))
			}
			Expect(cookies).To(Equal([]string{"", "", `a="x y"`, "secure=1"}))
		}
	})

	DescribeTable("makes a result of the last hop", func(status int, contentType, body string, want device.Result) {
		cell.hosts[mno] = answer(status, contentType, body)
		want.HTTPStatus = status
		Expect(phone().OpenCheckURL(ctx, checkURL)).To(Equal(want))
	},
		Entry("charset", 200, "application/json; charset=utf-8", ` {"a":1} `, device.Result{ResponseBody: json.RawMessage(`{"a":1}`)}),
		Entry("odd charset", 200, "application/json;charset", `{}`, device.Result{ResponseBody: json.RawMessage(`{}`)}),
		Entry("HAL, upper case", 200, "Application/HAL+JSON", `{}`, device.Result{ResponseBody: json.RawMessage(`{}`)}),
		Entry("problem", 412, "application/problem+json", `{"status":412}`, device.Result{ResponseBody: json.RawMessage(`{"status":412}`)}),
		Entry("broken JSON", 200, "application/json", `{"a":`, device.Result{ResponseRawBody: `{"a":`}),
		Entry("not an object", 200, "application/json", `[1]`, device.Result{ResponseRawBody: `[1]`}),
		Entry("empty", 200, "application/json", ``, device.Result{}),
		Entry("a portal's page", 200, "text/html", `{"code":"x"}`, device.Result{}),
		Entry("no type", 500, "", `{"code":"x"}`, device.Result{}),
		Entry("64 KiB", 200, "application/json", `{"a":"`+strings.Repeat("x", 64<<10-8)+`"}`,
			device.Result{ResponseBody: json.RawMessage(`{"a":"` + strings.Repeat("x", 64<<10-8) + `"}`)}),
		Entry("more", 200, "application/json", `{"a":"`+strings.Repeat("x", 64<<10-7)+`"}`,
			device.Result{ResponseRawBody: `{"a":"` + strings.Repeat("x", 64<<10-7) + `"`}),
	)

	It("spells its result as the SDKs do", func() {
		Expect(json.Marshal(device.Result{HTTPStatus: 200, ResponseBody: json.RawMessage(`{"a":1}`), ResponseRawBody: "r", Error: "e", ErrorDescription: "d"})).
			To(MatchJSON(`{"http_status":200,"response_body":{"a":1},"response_raw_body":"r","error":"e","error_description":"d"}`))
		Expect(json.Marshal(device.Result{})).To(MatchJSON(`{}`))
		Expect([]string{device.CodeNoDataConnectivity, device.CodeConnectionError, device.CodeRedirectError, device.CodeError, device.CodeInvalidScheme}).
			To(Equal([]string{"sdk_no_data_connectivity", "sdk_connection_error", "sdk_redirect_error", "sdk_error", "invalid_scheme"}))
	})

	DescribeTable("fails before the first hop", func(sdk device.SDK, url string, change func(p *device.Phone), code string) {
		p := phone(device.WithSDK(sdk))
		if change != nil {
			change(p)
		}
		result := p.OpenCheckURL(ctx, url)
		Expect(result.Error).To(Equal(code))
		Expect(result.ErrorDescription).NotTo(BeEmpty())
		Expect(result.HTTPStatus).To(BeZero())
		Expect(cell.urls()).To(BeEmpty())
	},
		Entry("http", device.Generic{}, "http://eu.api.idlayr.com/", nil, device.CodeInvalidScheme),
		Entry("no URL", device.Generic{}, "https://[", nil, device.CodeError),
		Entry("no host", device.Generic{}, "https:///x", nil, device.CodeError),
		Entry("empty", device.Generic{}, "", nil, device.CodeError),
		Entry("browser, ftp", device.Browser{}, "ftp://eu.api.idlayr.com/", nil, device.CodeInvalidScheme),
		Entry("browser, relative", device.Browser{}, "/x", nil, device.CodeError),
		Entry("no mobile data, WiFi does not help", device.Generic{}, checkURL, func(p *device.Phone) {
			p.SetMobileData(false)
			p.SetWiFi(true)
		}, device.CodeNoDataConnectivity),
		Entry("browser offline", device.Browser{}, checkURL, func(p *device.Phone) { p.SetMobileData(false) }, device.CodeNoDataConnectivity),
	)

	It("fails without randomness", func() {
		p := phone(device.WithRandom(iotest.ErrReader(io.ErrUnexpectedEOF)))
		Expect(p.OpenCheckURL(ctx, checkURL)).To(HaveField("Error", device.CodeError))
	})

	It("names the hop that failed, without its secrets", func() {
		delete(cell.hosts, mno)
		Expect(phone().OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{
			Error: device.CodeConnectionError, ErrorDescription: "hop 2, http://sna.o2.example: no such host"}))
	})

	It("loses the path under way", func() {
		p := phone()
		cell.hosts[platform] = func(w http.ResponseWriter, r *http.Request) {
			p.SetMobileData(false)
			redirect(302, mno)(w, r)
		}
		result := p.OpenCheckURL(ctx, checkURL)
		Expect(result.Error).To(Equal(device.CodeConnectionError))
		Expect(result.ErrorDescription).To(ContainSubstring("mobile data is off"))
	})

	It("changes to WiFi under way in the browser", func() {
		p := phone(device.WithSDK(device.Browser{}))
		cell.hosts[platform] = func(w http.ResponseWriter, r *http.Request) {
			p.SetWiFi(true)
			redirect(302, mno+"/start")(w, r)
		}
		Expect(p.OpenCheckURL(ctx, checkURL)).To(HaveField("HTTPStatus", 200))
		Expect(cell.urls()).To(Equal([]string{checkURL}))
		Expect(web.urls()).To(Equal([]string{mno + "/start"}))
	})

	DescribeTable("waits so long for each hop and no longer", func(sdk device.SDK, limit time.Duration) {
		var causes []error
		cell.hosts[platform] = func(w http.ResponseWriter, r *http.Request) {
			clock.advance(limit - time.Nanosecond) // just in time; the next hop has its own deadline
			redirect(302, mno)(w, r)
		}
		cell.hosts[mno] = func(_ http.ResponseWriter, r *http.Request) {
			clock.advance(limit - time.Nanosecond)
			causes = append(causes, context.Cause(r.Context()))
			clock.advance(time.Nanosecond)
			causes = append(causes, context.Cause(r.Context()))
		}
		Expect(phone(device.WithSDK(sdk)).OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{Error: device.CodeConnectionError,
			ErrorDescription: fmt.Sprintf("hop 2, http://sna.o2.example: no answer within %v: context deadline exceeded", limit)}))
		Expect(causes).To(Equal([]error{nil, context.DeadlineExceeded}))
	},
		Entry("SDK", device.Generic{}, 5*time.Second),
		Entry("browser", device.Browser{}, time.Minute),
	)

	It("ends with the caller's context", func() {
		ctx, cancel := context.WithCancelCause(ctx)
		cell.hosts[mno] = func(http.ResponseWriter, *http.Request) { cancel(errors.New("app closed")) }
		Expect(phone().OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{
			Error: device.CodeConnectionError, ErrorDescription: "hop 2, http://sna.o2.example: app closed"}))
	})

	It("fails when the body breaks off", func() {
		p := device.New("alice", device.WithSIM(device.SIM{Bearer: broken{cell}}))
		Expect(p.OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{
			Error: device.CodeConnectionError, ErrorDescription: "hop 1, https://eu.api.idlayr.com: unexpected EOF"}))
	})
})

// broken breaks off in the middle of each body.
type broken struct{ *network }

func (broken) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"a"`), iotest.ErrReader(io.ErrUnexpectedEOF)))}, nil
}
