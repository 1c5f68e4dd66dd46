package idlayrfake_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

// socket is a connection from an address of choice.
type socket struct {
	net.Conn
	from string
}

func (s socket) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s.from))
}

// single is a listener at which one connection arrives.
type single struct {
	conn net.Conn
	once sync.Once
}

func (l *single) Accept() (c net.Conn, err error) {
	err = net.ErrClosed
	l.once.Do(func() { c, err = l.conn, nil })
	return c, err
}
func (l *single) Close() error   { return nil }
func (l *single) Addr() net.Addr { return l.conn.LocalAddr() }

// raw sends bytes as they are and returns what one read of 64 KiB gets: what the
// server writes with one flush, and no more.
func (w *world) raw(from, request string) string {
	client, server := net.Pipe()
	defer client.Close()
	s := &http.Server{Handler: w}
	defer s.Close()
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(&single{conn: socket{server, from}}) }()
	defer func() { <-served }()
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	_, err := io.WriteString(client, request)
	Expect(err).NotTo(HaveOccurred())
	answer := make([]byte, 64<<10)
	n, err := client.Read(answer)
	Expect(err).NotTo(HaveOccurred())
	return string(answer[:n])
}

// device is the request of a native SDK, header by header.
func (w *world) device(from, target string) string {
	return w.raw(from, "GET "+target+" HTTP/1.1\r\nHost: eu.api.idlayr.com\r\n"+
		"User-Agent: tru-sdk-android/1.0.10/33 Android/13 Google/Pixel \r\nAuthorization: Bearer device-token\r\n"+
		"x-tru-sdk-request: 6F9619FF-8B86-D011-B42D-00CF4FC964FF \r\nx-tru-ops: 23410 \r\n"+
		"Accept: text/html,application/xhtml+xml,application/xml,*/* \r\nConnection: close\r\n\r\n")
}

// native is what the SDK on a phone makes of the bytes.
type native struct {
	status   string
	location string
	json     map[string]any
	broken   bool // a JSON type, and no braces
}

var jsonTypes = []string{"application/json", "application/hal+json", "application/problem+json"}

// android reads as the Android SDK does: line by line through the whole answer,
// with a sense of case, and a JSON object from the first brace to the last.
func android(answer string) (n native) {
	n.status = strings.Split(answer, " ")[1]
	isJSON := false
	for _, line := range strings.Split(answer, "\n") {
		if strings.Contains(line, "Location:") || strings.Contains(line, "location:") {
			_, after, ok := strings.Cut(line, "ocation: ")
			Expect(ok).To(BeTrue(), line)
			n.location = strings.TrimSpace(after)
		}
		if contentType, ok := strings.CutPrefix(line, "Content-Type: "); ok {
			token, _, _ := strings.Cut(strings.TrimSpace(contentType), " ")
			for _, t := range jsonTypes {
				isJSON = isJSON || strings.TrimSuffix(token, ";") == t
			}
		}
	}
	if !isJSON {
		return n
	}
	_, body, _ := strings.Cut(answer, "\r\n\r\n")
	first, last := strings.Index(body, "{"), strings.LastIndex(body, "}")
	n.broken = first < 0 || last < first || json.Unmarshal([]byte(body[first:last+1]), &n.json) != nil
	return n
}

// ios reads as the iOS SDK does: fixed columns, and a JSON object from the first
// brace on.
func ios(answer string) (n native) {
	n.status = answer[9:12]
	if strings.HasPrefix(n.status, "30") {
		_, after, _ := strings.Cut(answer, "ocation: ")
		n.location, _, _ = strings.Cut(after, "\r\n")
	}
	_, contentType, _ := strings.Cut(answer, "Content-Type: ")
	contentType, _, _ = strings.Cut(contentType, "\r\n")
	for _, t := range jsonTypes {
		if strings.Contains(contentType, t) {
			first := strings.Index(answer, "{")
			n.broken = first < 0 || json.Unmarshal([]byte(answer[first:]), &n.json) != nil
		}
	}
	return n
}

// stop is an answer that a device may come across on its way.
type stop struct {
	name, answer string
	status       int
}

// stops are all of them.
func stops() (all []stop) {
	reach := func(name string, status int, answer string) { all = append(all, stop{name, answer, status}) }
	const lands = `{"phone_number":"447700900001","reference_id":"r1","redirect_url":"https://app.example/done?a=b"}`
	for _, path := range []string{"phone_check/v0.1", "phone_check/v0.2", "subscriber_check/v0.1", "subscriber_check/v0.2"} {
		a := newAPI(path)
		at := func(body, from string) string { return a.device(from, a.checks(a.create(body))+"/redirect") }
		conflict := map[bool]int{true: 409, false: 400}[strings.HasPrefix(path, "phone")]
		reach(path+": check URL", 302, at(forAlice, onO2))
		reach(path+": WiFi", 412, at(forAlice, onWiFi))
		reach(path+": unsupported operator", 400, at(forAlice, "10.20.0.1:1"))
		reach(path+": other operator", conflict, at(`{"phone_number":"`+bob+`"}`, onO2))
		reach(path+": no redirects", 501, at(forAlice, "10.10.15.1:1"))
		reach(path+": unknown check", 404, a.device(onO2, a.checks("c69bc0e6-a429-11ea-bb37-0242ac130002")+"/redirect"))
		if strings.HasSuffix(path, "v0.2") {
			for _, body := range []string{forAlice, lands} {
				id := a.create(body)
				_, back := hop(a.open(id, onO2))
				u, err := url.Parse(back)
				Expect(err).NotTo(HaveOccurred())
				status := map[bool]int{true: 200, false: 302}[body == forAlice]
				reach(path+": code", status, a.device(onO2, u.RequestURI()))
				a.clock.advance(time.Minute)
				reach(path+": late", status, a.device(onO2, u.RequestURI()))
			}
		}
		limited := newAPI(path, func(c *idlayrfake.Config) { c.RateLimit = 1 })
		limited.device(onO2, "/")
		reach(path+": too many requests", 429, limited.device(onO2, limited.checks("x")+"/redirect"))

		box := newAPI(path, func(c *idlayrfake.Config) { c.Projects[0].Mode = "sandbox" })
		u, err := url.Parse(box.open(box.create(forAlice), onWiFi).Header().Get("Location"))
		Expect(err).NotTo(HaveOccurred())
		reach(path+": sandbox", map[bool]int{true: 302, false: 200}[strings.HasSuffix(path, "v0.2")], box.device(onWiFi, u.RequestURI()))
	}
	a := newAPI("")
	reach("reach", 200, a.device(onO2, "/public/coverage/v0.1/device_ip"))
	reach("no reach", 412, a.device(onWiFi, "/public/coverage/v0.1/device_ip"))
	reach("nowhere", 404, a.device(onO2, "/nowhere"))
	return all
}

// ended is how a device sees the end of a v0.2 chain.
func ended(body string, wait time.Duration) string {
	a := newAPI("phone_check/v0.2")
	_, back := hop(a.open(a.create(body), onO2))
	u, err := url.Parse(back)
	Expect(err).NotTo(HaveOccurred())
	a.clock.advance(wait)
	return a.device(onO2, u.RequestURI())
}

var _ = Describe("what native SDKs need", func() {
	each := func(look func(s stop)) {
		all := stops()
		Expect(len(all)).To(BeNumerically(">", 30))
		for _, s := range all {
			By(s.name)
			look(s)
		}
	}
	head := func(s stop) []string {
		h, _, ok := strings.Cut(s.answer, "\r\n\r\n")
		Expect(ok).To(BeTrue())
		return strings.Split(h, "\r\n")
	}
	body := func(s stop) string { _, b, _ := strings.Cut(s.answer, "\r\n\r\n"); return b }

	It("iOS, which receives once: headers and the whole body come in one segment", func() {
		each(func(s stop) {
			resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(s.answer)), nil)
			Expect(err).NotTo(HaveOccurred())
			got, err := io.ReadAll(resp.Body)
			Expect(err).NotTo(HaveOccurred(), "cut off")
			Expect(got).To(HaveLen(int(resp.ContentLength)))
		})
	})
	It("iOS, which receives once: so does the longest end of a chain", func() {
		for _, char := range []string{"<", "é", "😀", `\u0001`} {
			n := ios(ended(`{"phone_number":"447700900001","reference_id":"`+strings.Repeat(char, 256)+`"}`, 0))
			Expect(n.broken).To(BeFalse(), "cut off")
			Expect(n.json).To(HaveKey("code"))
		}
	})
	It("iOS: the status stands at columns 9 to 11", func() {
		each(func(s stop) {
			Expect(s.answer).To(MatchRegexp(`^HTTP/1\.1 \d\d\d [A-Z]`))
			Expect(ios(s.answer).status).To(Equal(fmt.Sprint(s.status)))
		})
	})
	It("iOS: every 4xx and 5xx has a problem as JSON, or it would be an sdk_error", func() {
		each(func(s stop) {
			if s.status >= 400 {
				Expect(ios(s.answer).json).To(SatisfyAll(HaveKey("type"), HaveKey("detail")))
				Expect(s.answer).To(ContainSubstring("\r\nContent-Type: application/problem+json\r\n"))
			}
		})
	})
	It("iOS and Android, which do not decode chunks well: the length is told", func() {
		each(func(s stop) {
			Expect(head(s)).To(ContainElement(fmt.Sprint("Content-Length: ", len(body(s)))))
			Expect(s.answer).NotTo(ContainSubstring("Transfer-Encoding"))
		})
	})
	It("Android and iOS, which match header names by case: they are canonical", func() {
		each(func(s stop) {
			for _, line := range head(s)[1:] {
				name, _, ok := strings.Cut(line, ": ")
				Expect(ok).To(BeTrue(), line)
				if !strings.HasPrefix(name, "X-RateLimit-") {
					Expect(name).To(Equal(http.CanonicalHeaderKey(name)))
				}
			}
			Expect(android(s.answer).location != "").To(Equal(s.status == 302))
			Expect(ios(s.answer).location).To(Equal(android(s.answer).location))
		})
	})
	It("Android: a JSON type means a JSON object, or it would be an sdk_connection_error", func() {
		each(func(s stop) {
			Expect(android(s.answer).broken).To(BeFalse(), s.answer)
			if body(s) == "" {
				Expect(s.answer).NotTo(ContainSubstring("Content-Type"))
			} else {
				Expect(android(s.answer).json).NotTo(BeEmpty())
			}
		})
	})
	It("Android, which takes the text up to a space: the JSON type has no parameters glued to it", func() {
		each(func(s stop) {
			for _, line := range head(s) {
				if strings.HasPrefix(line, "Content-Type:") {
					Expect(line).To(MatchRegexp(`^Content-Type: application/(hal\+|problem\+)?json(; .*)?$`))
				}
			}
		})
	})
	It("Android, which follows any line with a location: there is no Content-Location", func() {
		each(func(s stop) {
			lines := regexp.MustCompile(`(?m)^.*ocation:.*$`).FindAllString(s.answer, -1)
			Expect(lines).To(HaveLen(map[bool]int{true: 1, false: 0}[s.status == 302]))
			Expect(s.answer).NotTo(ContainSubstring("Content-Location"))
		})
	})
	DescribeTable("Android, which looks for headers in the body: none is found in a reference_id",
		func(reference string) {
			answer := ended(`{"phone_number":"447700900001","reference_id":"`+reference+`"}`, 0)
			Expect(body(stop{answer: answer})).NotTo(MatchRegexp("(?i)(location|content-type|set-cookie):"))
			n := android(answer)
			Expect(n.location).To(BeEmpty())
			Expect(n.json).To(HaveKeyWithValue("reference_id", reference))
		},
		Entry(nil, "Location: https://app.example/"),
		Entry(nil, "location: here"),
		Entry(nil, "Content-Type: text/html"),
		Entry(nil, "Set-Cookie: a=b"),
	)
	It("Android and iOS, which read 64 KiB: no body comes near", func() {
		each(func(s stop) { Expect(len(s.answer)).To(BeNumerically("<", 4<<10)) })
	})
	It("Android and iOS, which follow ten redirects: the platform's own are two at most", func() {
		for _, mode := range []string{"live", "sandbox"} {
			a := newAPI("phone_check/v0.2", func(c *idlayrfake.Config) { c.Projects[0].Mode = mode })
			answer, hops := a.device(onO2, a.checks(a.create(forAlice))+"/redirect"), 0
			for ; android(answer).location != ""; hops++ {
				u, err := url.Parse(android(answer).location)
				Expect(err).NotTo(HaveOccurred())
				if back := u.Query().Get("return_url"); u.Host != "eu.api.idlayr.com" {
					u, _ = url.Parse(back) // the operator sends it on
				}
				answer = a.device(onO2, u.RequestURI())
			}
			Expect(hops).To(BeNumerically("<=", 2))
			Expect(android(answer).json).To(HaveKey("code"))
		}
	})
	It("Android and iOS, with an access token of the app: the check URL needs none, and minds none", func() {
		a := newAPI("phone_check/v0.1")
		path := a.checks(a.create(forAlice)) + "/redirect"
		Expect(android(a.device(onO2, path)).status).To(Equal("302"), "with a token of somebody else's")
		Expect(a.world.open(a.create(forAlice), onO2).Code).To(Equal(302), "with none")
	})

	It("Flutter wrapper, which crashes else: problems have status, type, title and detail", func() {
		each(func(s stop) {
			if s.status >= 400 {
				Expect(android(s.answer).json).To(SatisfyAll(
					HaveKeyWithValue("status", float64(s.status)), HaveKeyWithValue("type", Not(BeNil())),
					HaveKeyWithValue("title", Not(BeEmpty())), HaveKeyWithValue("detail", Not(BeEmpty()))))
			}
		})
	})
	It("React Native: the status of a problem is a number", func() {
		each(func(s stop) {
			if s.status >= 400 {
				Expect(s.answer).To(MatchRegexp(`"status":%d,`, s.status))
			}
		})
	})
	It("Flutter wrapper: a chain ends with check_id and code, or check_id, error and error_description", func() {
		Expect(android(ended(forAlice, 0)).json).To(SatisfyAll(HaveKeyWithValue("check_id", Not(BeEmpty())), HaveKeyWithValue("code", Not(BeEmpty()))))
		Expect(android(ended(forAlice, time.Minute)).json).To(SatisfyAll(HaveKeyWithValue("check_id", Not(BeEmpty())),
			HaveKeyWithValue("error", Not(BeEmpty())), HaveKeyWithValue("error_description", Not(BeEmpty())), Not(HaveKey("code"))))
	})
	It("iOS, React Native and Flutter: the end of a chain has the reference_id of the check", func() {
		const body = `{"phone_number":"447700900001","reference_id":"r 1"}`
		Expect(ios(ended(body, 0)).json).To(HaveKeyWithValue("reference_id", "r 1"))
		Expect(ios(ended(body, time.Minute)).json).To(HaveKeyWithValue("reference_id", "r 1"))
		Expect(ios(ended(forAlice, 0)).json).NotTo(HaveKey("reference_id"))
	})
	It("Flutter wrapper: a reach has country, network, name and address, of a network without a name, too", func() {
		a := newAPI("")
		m := android(a.device(onEE, "/public/coverage/v0.1/device_ip")).json
		for _, member := range []string{"country_code", "network_id", "network_name", "mobile_data_ip"} {
			Expect(m).To(HaveKeyWithValue(member, Not(BeNil())))
		}
	})
})

var _ = Describe("what servers need", func() {
	// ask is a token request as it is written on the wire.
	ask := func(w *world, contentType, body, auth string) *httptest.ResponseRecorder {
		return w.do(req{method: "POST", path: "/oauth2/v1/token", body: body, header: headers("Authorization", auth, "Content-Type", contentType, "Accept", "application/json")})
	}
	all := func(c *idlayrfake.Config) { c.Projects[0].Scopes = nil }
	one := basic("one", "s3cret")
	grants := func(contentType, body, scope string) {
		rec := ask(newWorld(all), contentType, body, one)
		ExpectWithOffset(1, rec.Code).To(Equal(200))
		ExpectWithOffset(1, object(rec)).To(HaveKeyWithValue("scope", scope))
	}

	It("dev-server, whose boot fails else: all scopes it asks for are granted, mo_check too", func() {
		const scopes = "phone_check sim_check subscriber_check mo_check coverage"
		grants(formType, "grant_type=client_credentials&scope="+url.PathEscape(scopes), scopes)
	})
	It("command line client: %20 between scopes", func() {
		grants(formType, "grant_type=client_credentials&scope=phone_check%20coverage", "phone_check coverage")
	})
	It("password-reset: a plus between scopes", func() {
		grants(formType, "grant_type=client_credentials&scope=phone_check+subscriber_check+coverage", "phone_check subscriber_check coverage")
	})
	It("guest-house: scope comes first", func() {
		grants(formType, "scope=phone_check+subscriber_check+sim_check+coverage&grant_type=client_credentials", "phone_check subscriber_check sim_check coverage")
	})
	It("bridge: a charset after the media type, and scopes of its own", func() {
		grants(formType+";charset=UTF-8", "grant_type=client_credentials&scope=phone_check+oidc+authenticator", "phone_check oidc authenticator")
	})
	It("bridge, whose credentials list none of its scopes: they are granted all the same", func() {
		rec := ask(newWorld(), formType, "grant_type=client_credentials&scope=phone_check+oidc+authenticator", one)
		Expect(object(rec)).To(HaveKeyWithValue("scope", "phone_check oidc authenticator"))
	})
	It("bridge, on Spring: the credentials are form-encoded before Basic", func() {
		rec := ask(newWorld(), formType+";charset=UTF-8", "grant_type=client_credentials", basic(url.QueryEscape("two+2"), url.QueryEscape("a+b%c:d e")))
		Expect(rec.Code).To(Equal(200))
	})
	It("dev-server and scripts: the credentials are as they are in Basic", func() {
		Expect(ask(newWorld(), formType, "grant_type=client_credentials", basic("two+2", "a+b%c:d e")).Code).To(Equal(200))
	})
	It("clients that compare it as it is: token_type is lower case", func() {
		rec := ask(newWorld(), formType, "grant_type=client_credentials", one)
		Expect(rec.Body.String()).To(ContainSubstring(`"token_type":"bearer"`))
		Expect(rec.Header().Get("Content-Type")).To(Equal("application/json"))
	})
	It("clients that cache tokens: expires_in is a number of seconds", func() {
		Expect(ask(newWorld(), formType, "grant_type=client_credentials", one).Body.String()).To(ContainSubstring(`"expires_in":3600,`))
	})

	DescribeTable("password-reset, for which any other status is a failure: creating is 201",
		func(path string) { Expect(newAPI(path).post(forAlice).Code).To(Equal(201)) },
		Entry(nil, "phone_check/v0.1"), Entry(nil, "phone_check/v0.2"), Entry(nil, "subscriber_check/v0.1"),
		Entry(nil, "subscriber_check/v0.2"), Entry(nil, "sim_check/v0.1"),
	)
	It("third parties, which read 400 as a number they cannot check: a number no operator serves is one", func() {
		Expect(newAPI("phone_check/v0.1").post(`{"phone_number":"337700900001"}`)).To(beNotSupported)
	})

	DescribeTable("dev-server, which copies it: match is absent, not null or false, before COMPLETED",
		func(happen func(a api, id string), status string) {
			a := newAPI("phone_check/v0.1")
			rec := a.post(forAlice)
			Expect(rec.Body.String()).NotTo(ContainSubstring("match"))
			id := object(rec)["check_id"].(string)
			happen(a, id)
			rec = a.get(id)
			Expect(object(rec)).To(HaveKeyWithValue("status", status))
			Expect(rec.Body.String()).NotTo(ContainSubstring(`"match"`))
		},
		Entry(nil, func(api, string) {}, "ACCEPTED"),
		Entry(nil, func(a api, id string) {
			a.operator.answer = says(404, `{"error":"session_not_found"}`)
			a.open(id, onO2)
		}, "PENDING"),
		Entry(nil, func(a api, _ string) { a.clock.advance(time.Minute) }, "EXPIRED"),
		Entry(nil, func(a api, id string) { a.open(id, onWiFi) }, "ERROR"),
	)
	It("dev-server: a match of false is there", func() {
		a := newAPI("phone_check/v0.1")
		a.operator.answer = subscriber(bob)
		id := a.create(forAlice)
		a.open(id, onO2)
		Expect(a.get(id).Body.String()).To(ContainSubstring(`"match":false`))
	})
	It("dev-server, which answers /device with the status of the body: a problem has it, a reach has not", func() {
		a := newAPI("", func(c *idlayrfake.Config) { c.Projects[0].Scopes = []string{"coverage"} })
		for address, status := range map[string]any{"10.10.0.9": nil, "192.0.2.9": 412.0, "10.20.0.9": 400.0} {
			Expect(object(a.send("GET", "/coverage/v0.1/device_ips/"+address, onWiFi, "", ""))["status"]).To(fix(status))
		}
	})
	It("dev-server: an MO check has mo_body and mo_receiver, and verified later", func() {
		a := newAPI("mo_check/v0.1")
		a.token = "Bearer " + a.world.token("one", "s3cret", "mo_check", "")
		rec := a.post(forAlice)
		Expect(rec.Code).To(Equal(201))
		Expect(object(rec)).To(SatisfyAll(HaveKeyWithValue("mo_body", Not(BeEmpty())), HaveKeyWithValue("mo_receiver", Not(BeEmpty()))))
		Expect(object(a.get(object(rec)["check_id"].(string)))).To(HaveKeyWithValue("verified", false))
	})

	It("clients generated from the specification: times of checks have an offset and no fraction, those of logs Z and milliseconds", func() {
		a := newAPI("phone_check/v0.1", func(c *idlayrfake.Config) { c.FullProfile = true })
		a.clock.advance(51 * time.Millisecond)
		id := a.create(forAlice)
		Expect(object(a.get(id))).To(SatisfyAll(HaveKeyWithValue("created_at", "2020-06-01T16:43:30+00:00"), HaveKeyWithValue("updated_at", "2020-06-01T16:43:30+00:00")))
		Expect(a.call(a.token, a.checks(id)+"/traces").Body.String()).To(ContainSubstring(`"timestamp":"2020-06-01T16:43:30.051Z"`))
	})
	It("ssh-auth, whose script polls with a doubled slash and follows nothing: it is no redirect", func() {
		a := newAPI("phone_check/v0.2")
		id := a.create(forAlice)
		answer := a.raw(onWiFi, "GET /phone_check/v0.2/checks//"+id+" HTTP/1.1\r\nHost: eu.api.tru.id\r\nAuthorization: "+a.token+"\r\nContent-Type: application/json\r\n\r\n")
		Expect(answer).To(HavePrefix("HTTP/1.1 200 OK\r\n"))
		Expect(answer).To(ContainSubstring(`"status":"ACCEPTED"`))
	})
	It("clients whose base URL ends in a slash: POST stays POST", func() {
		a := newAPI("phone_check/v0.1")
		answer := a.raw(onWiFi, "POST //phone_check/v0.1/checks HTTP/1.1\r\nHost: eu.api.tru.id\r\nAuthorization: "+a.token+
			"\r\nContent-Type: application/json\r\nContent-Length: 31\r\n\r\n"+forAlice)
		Expect(answer).To(HavePrefix("HTTP/1.1 201 Created\r\n"))
	})
	It("ssh-auth, whose library keeps the case of the method: patch is PATCH on the wire", func() {
		a := newAPI("phone_check/v0.2")
		id := a.create(forAlice)
		patch := `[{"op":"add","path":"/code","value":"` + a.code(id) + `"}]`
		answer := a.raw(onWiFi, "patch "+a.checks(id)+" HTTP/1.1\r\nHost: eu.api.tru.id\r\nAuthorization: "+a.token+
			"\r\nContent-Type: application/json-patch+json\r\nContent-Length: "+fmt.Sprint(len(patch))+"\r\n\r\n"+patch)
		Expect(answer).To(HavePrefix("HTTP/1.1 200 OK\r\n"))
		Expect(answer).To(ContainSubstring(`"match":true`))
	})
	It("ssh-auth: a GET without a body may have its media type", func() {
		a := newAPI("phone_check/v0.2")
		id := a.create(forAlice)
		for _, contentType := range []string{"application/json", "text/plain", "////"} {
			Expect(a.send("GET", a.checks(id), onWiFi, "", contentType).Code).To(Equal(200))
			Expect(a.send("GET", a.checks(id)+"/redirect", onO2, "", contentType).Code).To(Equal(302))
		}
	})
	DescribeTable("third parties, which always send it: an empty redirect_url is none",
		func(path string) {
			a := newAPI(path)
			Expect(a.post(`{"phone_number":"447700900001","redirect_url":""}`).Code).To(Equal(201))
			Expect(a.Checks()[0].RedirectURL).To(BeEmpty())
		},
		Entry(nil, "phone_check/v0.1"), Entry(nil, "phone_check/v0.2"),
	)
	It("third parties: the region of a host may be in upper case", func() {
		w := newWorld()
		token := "Bearer " + w.token("three", "usa", "phone_check", "US.API.tru.id")
		rec := w.do(req{method: "POST", path: "/phone_check/v0.1/checks", host: "US.api.tru.id", body: forAlice, header: headers("Authorization", token)})
		Expect(rec.Code).To(Equal(201), "and so may the data residency of the project")
		Expect(w.token("one", "s3cret", "", "US.api.tru.id")).To(BeEmpty(), "it is still a region")
	})
	It("third parties: PATCH is 200 or 404", func() {
		a := newAPI("phone_check/v0.2")
		id := a.create(forAlice)
		Expect(a.patch(id, "f1928033c0").Code).To(Equal(404))
		Expect(a.patch(id, a.code(id)).Code).To(Equal(200))
	})
	DescribeTable("guest-house and bridge, which build the check URL themselves: it is where they think",
		func(path string) {
			a := newAPI(path)
			m := object(a.post(forAlice))
			self := "http://eu.api.idlayr.com/" + path + "/checks/" + m["check_id"].(string)
			Expect(m["_links"]).To(Equal(map[string]any{"self": map[string]any{"href": self}, "check_url": map[string]any{"href": self + "/redirect"}}))
			Expect(a.send("GET", self+"/redirect", onO2, "", "").Code).To(Equal(302))
		},
		Entry(nil, "phone_check/v0.1"), Entry(nil, "phone_check/v0.2"), Entry(nil, "subscriber_check/v0.1"), Entry(nil, "subscriber_check/v0.2"),
	)
	It("bridge: at its address it finds check_id, and code or error", func() {
		a := newAPI("phone_check/v0.2")
		const body = `{"phone_number":"447700900001","redirect_url":"https://bridge.example/bridge/check/callback","reference_id":"r1"}`
		for wait, member := range map[time.Duration]string{0: "code", time.Minute: "error"} {
			id := a.create(body)
			_, back := hop(a.open(id, onO2))
			a.clock.advance(wait)
			u, err := url.Parse(a.send("GET", back, onO2, "", "").Header().Get("Location"))
			Expect(err).NotTo(HaveOccurred())
			Expect(u.Query()).To(SatisfyAll(HaveKeyWithValue("check_id", []string{id}), HaveKeyWithValue(member, Not(BeEmpty()))))
		}
	})
	It("all of them: no Accept is refused", func() {
		for _, accept := range []string{"application/xml", "image/png", "text/html", "nonsense", "application/json;q=0", ""} {
			w := newWorld()
			from := func(method, path, body, from string) int {
				return w.do(req{method: method, path: path, body: body, from: from,
					header: headers("Accept", accept, "Authorization", "Bearer "+w.token("one", "s3cret", "", ""))}).Code
			}
			Expect(from("POST", listPath, forAlice, onWiFi)).To(Equal(201))
			id := w.Checks()[0].CheckID
			Expect(from("GET", listPath+"/"+id+"/redirect", "", onO2)).To(Equal(302))
			Expect(from("GET", listPath+"/"+id, "", onWiFi)).To(Equal(200))
			Expect(from("GET", "/coverage/v0.1/device_ip", "", onO2)).To(Equal(200))
			Expect(from("GET", listPath+"/x", "", onWiFi)).To(Equal(404))
		}
	})
	It("native SDKs: the code comes as JSON to those who would rather have HTML", func() {
		a := newAPI("phone_check/v0.2")
		_, back := hop(a.open(a.create(forAlice), onO2))
		u, err := url.Parse(back)
		Expect(err).NotTo(HaveOccurred())
		rec := a.do(req{method: "GET", path: u.Path, from: onO2, header: headers("Accept", "text/html")})
		Expect(rec).To(beCheckNotFound, "without the state")
		rec = httptest.NewRecorder()
		r := httptest.NewRequest("GET", back, nil)
		r.Header.Set("Accept", "text/html")
		a.ServeHTTP(rec, r)
		Expect(rec.Header().Get("Content-Type")).To(Equal("application/hal+json"))
	})

	coverage := func(w *world, path, from string) *httptest.ResponseRecorder {
		return w.do(req{method: "GET", path: "/coverage/v0.1/" + path, from: from,
			header: headers("Authorization", "Bearer "+w.token("one", "s3cret", "coverage", ""))})
	}
	It("command line client, with Config.URLMember: a new check has its check URL as url", func() {
		a := newAPI("phone_check/v0.1", func(c *idlayrfake.Config) { c.URLMember = true })
		rec := a.post(forAlice)
		var m struct {
			URL   string
			Links map[string]struct{ Href string } `json:"_links"`
		}
		Expect(json.Unmarshal(rec.Body.Bytes(), &m)).To(Succeed())
		Expect(m.URL).To(SatisfyAll(HaveSuffix("/redirect"), Equal(m.Links["check_url"].Href)))
		Expect(object(a.get(object(rec)["check_id"].(string)))).NotTo(HaveKey("url"))
		Expect(object(a.at("sim_check/v0.1").post(forAlice))).NotTo(HaveKey("url"))
		Expect(object(newAPI("phone_check/v0.1").post(forAlice))).NotTo(HaveKey("url"), "the guide has none")
	})
	It("command line client, which compares it: the detail of a country without operators is No Reach", func() {
		Expect(object(coverage(newWorld(), "countries/DE", ""))).To(HaveKeyWithValue("detail", "No Reach"))
	})
	It("command line client: a page of checks as it asks for it, the comma unescaped", func() {
		w := newWorld()
		bearer := w.bearer()
		w.create(bearer, alice)
		rec := w.call(bearer, listPath+"?page=1&size=10&sort=created_at,desc")
		Expect(rec.Code).To(Equal(200))
		Expect(object(rec)["_embedded"]).To(HaveKeyWithValue("checks", HaveLen(1)))
		Expect(object(rec)["page"]).To(Equal(map[string]any{"size": 10.0, "number": 1.0, "total_pages": 1.0, "total_elements": 1.0}))
	})
	It("password-reset, which looks for SUK: product ids are in upper case", func() {
		Expect(coverage(newWorld(), "device_ips/10.10.0.9", "").Body.String()).To(ContainSubstring(`"product_id":"SUK"`))
	})
	DescribeTable("proxied servers: a device's address as they have it",
		func(segment string) {
			w := newWorld()
			answer := w.raw(onWiFi, "GET /coverage/v0.1/device_ips/"+segment+" HTTP/1.1\r\nHost: eu.api.tru.id\r\nAuthorization: Bearer "+
				w.token("one", "s3cret", "coverage", "")+"\r\n\r\n")
			Expect(answer).To(HavePrefix("HTTP/1.1 200 OK\r\n"))
			Expect(answer).To(ContainSubstring(`"mobile_data_ip":"10.10.0.9"`))
		},
		Entry("password-reset: a whole X-Forwarded-For", "10.10.0.9,%20192.0.2.7"),
		Entry("password-reset: without spaces", "10.10.0.9,192.0.2.7"),
		Entry("dev-server, on Express: an IPv4 address in IPv6 clothes", "::ffff:10.10.0.9"),
		Entry("dev-server: the same, encoded", "%3A%3Affff%3A10.10.0.9"),
	)
	It("web demo, whose page asks for three headers: the preflight names each", func() {
		rec := newWorld().do(req{method: "OPTIONS", path: "/coverage/v0.1/device_ip", header: headers("Origin", "https://app.example",
			"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "access-control-allow-origin,authorization,content-type")})
		Expect(rec.Code).To(BeNumerically("<", 300))
		Expect(rec.Header().Get("Access-Control-Allow-Origin")).To(Equal("*"))
		Expect(strings.Split(strings.ToLower(rec.Header().Get("Access-Control-Allow-Headers")), ", ")).
			To(ConsistOf("authorization", "content-type", "access-control-allow-origin"))
		Expect(strings.Split(rec.Header().Get("Access-Control-Allow-Methods"), ", ")).To(ContainElements("GET", "POST", "PATCH"))
	})
	It("web SDK, which reads refusals across origins: they allow that, too", func() {
		w := newWorld()
		for _, from := range []string{onO2, onWiFi, "10.20.0.1:1"} {
			rec := w.do(req{method: "GET", path: "/public/coverage/v0.1/device_ip", from: from})
			Expect(rec.Header().Get("Access-Control-Allow-Origin")).To(Equal("*"))
			Expect(object(rec)).NotTo(BeEmpty())
		}
	})
	It("web SDK, whose image must load: the last hop of the sandbox is one to those who want one", func() {
		a := newAPI("phone_check/v0.1", func(c *idlayrfake.Config) { c.Projects[0].Mode = "sandbox" })
		last := a.open(a.create(forAlice), onWiFi).Header().Get("Location")
		r := httptest.NewRequest("GET", last, nil)
		r.Header.Set("Accept", "image/avif,image/webp,*/*")
		rec := httptest.NewRecorder()
		a.ServeHTTP(rec, r)
		Expect(rec.Header().Get("Content-Type")).To(HavePrefix("image/"))
		Expect(http.DetectContentType(rec.Body.Bytes())).To(HavePrefix("image/"))
	})

	Describe("callbacks", func() {
		var a api
		var h *hook
		BeforeEach(func() {
			h = &hook{answer: says(200, "OK")}
			a = newAPI("phone_check/v0.1", func(c *idlayrfake.Config) {
				c.Projects[0].PhoneCheck.CallbackURL = "https://app.example/callback"
				c.Callbacks.Client = &http.Client{Transport: h}
			})
			h.clock = a.clock
			a.open(a.create(forAlice), onWiFi)
			a.clock.advance(time.Second)
			Expect(h.calls).To(HaveLen(1))
		})
		It("dev-server, whose parser is strict: the signature has no spaces between its parameters, and letters only in their names", func() {
			Expect(h.calls[0].r.Header.Get("Authorization")).To(MatchRegexp(`^Signature keyId="[^" ,]+",algorithm="rsa-sha256",headers="[^"]+",signature="[^"]+"$`))
		})
		It("dev-server, which stops else: date is signed, and every signed header is there", func() {
			names := regexp.MustCompile(`headers="([^"]+)"`).FindStringSubmatch(h.calls[0].r.Header.Get("Authorization"))[1]
			Expect(strings.Split(names, " ")).To(ContainElement("date"))
			keys := a.call("", "/.well-known/jwks.json").Body.Bytes()
			Expect(h.calls[0].signedBy(keys, a.clock.Now())).To(Succeed())
		})
		It("dev-server, which follows no redirect: the keys are where the signature says, at once and without a token", func() {
			rec := a.call("", "/.well-known/jwks.json")
			Expect(rec.Code).To(Equal(200))
			kid := regexp.MustCompile(`keyId="([^"]+)"`).FindStringSubmatch(h.calls[0].r.Header.Get("Authorization"))[1]
			Expect(object(rec)["keys"]).To(ContainElement(SatisfyAll(HaveKeyWithValue("kid", kid), HaveKeyWithValue("use", "sig"))))
		})
		It("dev-server, whose body parser goes by it: the media type is JSON", func() {
			Expect(h.calls[0].r.Header.Get("Content-Type")).To(Equal("application/json"))
		})
		It("bridge, which looks no further: there is a digest", func() {
			Expect(h.calls[0].r.Header.Get("Digest")).To(HavePrefix("SHA-256="))
		})
	})
})

// fix keeps nil a nil of no type.
func fix(v any) OmegaMatcher {
	if v == nil {
		return BeNil()
	}
	return Equal(v)
}
