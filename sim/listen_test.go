package sim_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/frontdoor"
	. "github.com/phonechecksim/phonechecksim/sim/simmatch"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// realClient is a program on this machine that knows nothing of the simulator but a proxy and a CA.
type realClient struct {
	*http.Client
	transport *http.Transport
}

func newRealClient(f *sim.FrontDoor, proxy string) *realClient {
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.CA.Pool()}}
	if proxy != "" {
		u, err := url.Parse(proxy)
		Expect(err).NotTo(HaveOccurred())
		t.Proxy = http.ProxyURL(u)
	}
	DeferCleanup(t.CloseIdleConnections)
	return &realClient{&http.Client{Transport: t, Timeout: 20 * time.Second}, t}
}

func (c *realClient) call(method, to, authorization, contentType, body string) (int, map[string]any) {
	GinkgoHelper()
	req, err := http.NewRequest(method, to, strings.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := c.Do(req)
	Expect(err).NotTo(HaveOccurred())
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	Expect(err).NotTo(HaveOccurred())
	var fields map[string]any
	_ = json.Unmarshal(raw, &fields)
	if fields == nil {
		fields = map[string]any{"text": string(raw)}
	}
	return resp.StatusCode, fields
}

// realServer creates and reads checks as a server in another process does.
type realServer struct {
	c          *realClient
	base, auth string
}

func newRealServer(w *sim.World, c *realClient, base string) *realServer {
	GinkgoHelper()
	p := w.Project()
	r := httptest.NewRequest("POST", "/", nil)
	r.SetBasicAuth(p.ClientID, p.ClientSecret)
	status, token := c.call("POST", base+"/oauth2/v1/token", r.Header.Get("Authorization"), "application/x-www-form-urlencoded",
		"grant_type=client_credentials&scope=phone_check")
	Expect(status).To(Equal(200))
	return &realServer{c, base, "Bearer " + token["access_token"].(string)}
}

func (b *realServer) create(version, number string) (id, checkURL string) {
	GinkgoHelper()
	status, made := b.c.call("POST", b.base+"/phone_check/"+version+"/checks", b.auth, "application/json", `{"phone_number":"`+number+`"}`)
	Expect(status).To(Equal(201))
	links := made["_links"].(map[string]any)
	return made["check_id"].(string), links["check_url"].(map[string]any)["href"].(string)
}

func (b *realServer) result(id string) map[string]any {
	GinkgoHelper()
	status, check := b.c.call("GET", b.base+"/phone_check/v0.1/checks/"+id, b.auth, "", "")
	Expect(status).To(Equal(200))
	return check
}

var _ = Describe("The front door", func() {
	var w *sim.World
	var door *sim.FrontDoor
	var alice, bob *sim.Phone
	BeforeEach(func() {
		w = sim.RunT(GinkgoT())
		answersAsDescribed(w)
		alice, bob = w.Phone(number), w.Phone("447700900002")
		var err error
		door, err = w.Listen()
		Expect(err).NotTo(HaveOccurred())
	})

	for scheme, base := range map[string]func() string{
		"http":  func() string { return door.API },
		"https": func() string { return door.APITLS },
	} {
		It("lets the SIM on the path decide, over "+scheme, func() {
			server := newRealServer(w, newRealClient(door, ""), base())

			id, checkURL := server.create("v0.1", number)
			Expect(checkURL).To(HavePrefix(base() + "/phone_check/v0.1/checks/" + id))
			status, _ := newRealClient(door, door.ProxyFor(alice, sim.PathCellular)).call("GET", checkURL, "", "", "")
			Expect(status).To(Equal(200))
			Expect(server.result(id)).To(And(HaveKeyWithValue("status", "COMPLETED"), HaveKeyWithValue("match", true)))

			id, checkURL = server.create("v0.1", number)
			status, _ = newRealClient(door, door.ProxyFor(bob, sim.PathCellular)).call("GET", checkURL, "", "", "")
			Expect(status).To(Equal(200))
			Expect(server.result(id)).To(HaveKeyWithValue("match", false))

			id, checkURL = server.create("v0.1", number)
			status, problem := newRealClient(door, door.ProxyFor(alice, sim.PathWiFi)).call("GET", checkURL, "", "", "")
			Expect(status).To(Equal(412))
			Expect(problem["type"]).To(HaveSuffix("#not_mobile_ip"))
			Expect(server.result(id)).To(HaveKeyWithValue("error_code", "not_mobile_ip"))
		})
	}

	It("brings a v0.2 chain back to the address that the server knows", func() {
		server := newRealServer(w, newRealClient(door, ""), door.APITLS)
		id, checkURL := server.create("v0.2", number)
		status, end := newRealClient(door, door.ProxyFor(alice, sim.PathCellular)).call("GET", checkURL, "", "", "")
		Expect(status).To(Equal(200))
		Expect(end["check_id"]).To(Equal(id))
		status, check := server.c.call("PATCH", server.base+"/phone_check/v0.2/checks/"+id, server.auth, "application/json-patch+json",
			fmt.Sprintf(`[{"op":"add","path":"/code","value":"%s"}]`, end["code"]))
		Expect(status).To(Equal(200))
		Expect(check).To(HaveKeyWithValue("match", true))
	})

	It("takes a server whose API host is written in stone", func() {
		wired, err := url.Parse(door.Proxy)
		Expect(err).NotTo(HaveOccurred())
		wired.User = url.UserPassword(sim.WiredUser, "")
		server := newRealServer(w, newRealClient(door, wired.String()), sim.APIBase)
		id, checkURL := server.create("v0.1", number)
		Expect(checkURL).To(HavePrefix("https://eu.api.idlayr.com/"))
		newRealClient(door, door.ProxyFor(alice, sim.PathDefault)).call("GET", checkURL, "", "", "")
		Expect(server.result(id)).To(HaveKeyWithValue("match", true))
	})

	It("is not taken in by a forged subscriber header, nor by a tunnel", func() {
		server := newRealServer(w, newRealClient(door, ""), door.API)
		id, checkURL := server.create("v0.1", number)
		forger := newRealClient(door, door.ProxyFor(bob, sim.PathCellular))
		forger.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			r.Header["X-MSISDN"] = []string{number}
			r.Header["x-msisdn"] = []string{number}
			return nil
		}
		status, _ := forger.call("GET", checkURL, "", "", "")
		Expect(status).To(Equal(200))
		Expect(server.result(id)).To(HaveKeyWithValue("match", false))

		id, checkURL = server.create("v0.1", number)
		over := newRealClient(door, door.ProxyFor(alice, sim.PathCellular))
		over.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			r.URL.Scheme = "https" // as a browser in HTTPS-only mode does
			return nil
		}
		over.call("GET", checkURL, "", "", "")
		Expect(server.result(id)).To(HaveKeyWithValue("error_code", "mno_user_not_found"))
	})

	It("takes a visit without the proxy as one over fixed line", func() {
		server := newRealServer(w, newRealClient(door, ""), door.API)
		id, checkURL := server.create("v0.1", number)
		status, _ := server.c.call("GET", checkURL, "", "", "")
		Expect(status).To(Equal(412))
		Expect(server.result(id)).To(HaveKeyWithValue("error_code", "not_mobile_ip"))
		Expect(w).To(HaveExchange("5 Device -> IDlayr GET */redirect 412 over wifi"))
	})

	It("says who may use the proxy, what is not there and why there is no way", func() {
		anybody := newRealClient(door, door.Proxy)
		status, said := anybody.call("GET", "http://eu.api.idlayr.com/", "", "", "")
		Expect(status).To(Equal(407))
		Expect(said["text"]).To(ContainSubstring(`the proxy user is one of server, alice, bob`))

		onAlice := newRealClient(door, door.ProxyFor(alice, sim.PathCellular))
		status, said = onAlice.call("GET", "http://www.example.com/", "", "", "")
		Expect(status).To(Equal(502))
		Expect(said["text"]).To(ContainSubstring("www.example.com is not on the virtual internet"))

		alice.SetMobileData(false)
		status, said = onAlice.call("GET", "http://eu.api.idlayr.com/", "", "", "")
		Expect(status).To(Equal(502))
		Expect(said["text"]).To(ContainSubstring("mobile data is off"))
		_, err := onAlice.Get(sim.APIBase)
		Expect(err).To(MatchError(ContainSubstring("Bad Gateway")))
		status, _ = newRealClient(door, door.ProxyFor(alice, "bluetooth")).call("GET", "http://eu.api.idlayr.com/", "", "", "")
		Expect(status).To(Equal(407))
	})

	It("hands on what the network does to an answer", func() {
		c := newRealClient(door, "")
		remove := w.Fault(vnet.Fault{Host: "*", Path: "/.well-known/*", Reset: new(int)})
		_, err := c.Get(door.API + "/.well-known/jwks.json")
		Expect(err).To(HaveOccurred())
		remove()
		w.Fault(vnet.Fault{Host: "*", Path: "/.well-known/*", Status: 503, Body: "no"})
		resp, err := c.Get(door.API + "/.well-known/jwks.json")
		Expect(err).NotTo(HaveOccurred())
		resp.Body.Close()
		Expect(resp.StatusCode).To(Equal(503))
	})

	It("answers in one segment, in the spelling that phones look for, over HTTP/1.1 alone", func() {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(door.APITLS, "https://"), &tls.Config{
			RootCAs: door.CA.Pool(), NextProtos: []string{"h2", "http/1.1"}})
		Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		Expect(conn.ConnectionState().NegotiatedProtocol).To(Equal("http/1.1"))
		fmt.Fprintf(conn, "GET /phone_check/v0.1/checks/x/redirect HTTP/1.1\r\nHost: eu.api.idlayr.com\r\nConnection: close\r\n\r\n")
		one := make([]byte, 64<<10)
		n, err := conn.Read(one)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(one[:n])).To(And(HavePrefix("HTTP/1.1 404 "), ContainSubstring("\r\nContent-Type: application/problem+json\r\n"),
			ContainSubstring("\r\nContent-Length: "), HaveSuffix("}"), Not(ContainSubstring("Content-Location"))))
	})

	It("answers a tunnel that begins in the clear, and its garbage", func() {
		address := strings.TrimPrefix(door.Proxy, "http://")
		tunnel := func(first string) string {
			GinkgoHelper()
			conn, err := net.Dial("tcp", address)
			Expect(err).NotTo(HaveOccurred())
			defer conn.Close()
			fmt.Fprintf(conn, "CONNECT sna.o2-uk.example:80 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic YWxpY2U6Y2VsbHVsYXI=\r\n\r\n")
			r := bufio.NewReader(conn)
			resp, err := http.ReadResponse(r, nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(resp.StatusCode).To(Equal(200))
			fmt.Fprint(conn, first)
			if first == "" {
				_ = conn.(*net.TCPConn).CloseWrite()
			}
			rest, _ := io.ReadAll(r)
			return string(rest)
		}
		Expect(tunnel("GET /start?session=abc HTTP/1.1\r\nHost: sna.o2-uk.example\r\nConnection: close\r\n\r\n")).To(HavePrefix("HTTP/1.1 200"))
		Expect(w).NotTo(HaveNote("gateway stamps"))
		Expect(tunnel("\x16garbage")).NotTo(HavePrefix("HTTP"))
		Expect(tunnel("")).To(BeEmpty())
		Expect(tunnel("nonsense\r\n\r\n")).To(HavePrefix("HTTP/1.1 400"))
	})

	It("reaches the user's own process, and nothing else outside", func(ctx context.Context) {
		heard := make(chan string, 1)
		receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			heard <- r.Header.Get("X-Tru-Callback") + " " + r.Host
		}))
		defer receiver.Close()
		there := strings.TrimPrefix(receiver.URL, "http://")
		w := sim.RunT(GinkgoT(), sim.WithOutside(frontdoor.Outside{Loopback: true, Owner: "Server"}),
			sim.WithPlatform(func(c *idlayrfake.Config) { c.Projects[0].PhoneCheck.CallbackURL = receiver.URL + "/hook" }))
		w.Phone(number).Verify(ctx, number)
		w.Advance(time.Second)
		Expect(<-heard).To(Equal("phone_check " + there))
		Expect(w).To(HaveExchange("* IDlayr -> Server POST */hook 200 *"))
		_, err := w.Client().Get("https://www.example.com/")
		Expect(err).To(MatchError(ContainSubstring("no such host")))
	})
})
