package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/cmd/phonechecksim/serve"
	"github.com/phonechecksim/phonechecksim/internal/apitest"
	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/sim/frontdoor"
)

const number = "447700900001"

// user is somebody in front of a serve, with nothing but its addresses.
type user struct {
	s    *serve.Server
	at   serve.Addresses
	pool *x509.CertPool
}

func config() serve.Config {
	free := "127.0.0.1:0"
	return serve.Config{APIAddr: free, APITLSAddr: free, ProxyAddr: free, AppAddr: free, ControlAddr: free, StateDir: GinkgoT().TempDir(), Seed: 1}
}

func start(change ...func(*serve.Config)) *user {
	GinkgoHelper()
	cfg := config()
	for _, f := range change {
		f(&cfg)
	}
	s, err := serve.Start(cfg)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(s.Close)
	u := &user{s: s, at: s.Addresses(), pool: x509.NewCertPool()}
	pem, err := os.ReadFile(u.at.CA)
	Expect(err).NotTo(HaveOccurred())
	Expect(u.pool.AppendCertsFromPEM(pem)).To(BeTrue())
	return u
}

// client is a program with a proxy setting, or none.
func (u *user) client(proxy string) *http.Client {
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: u.pool}}
	if proxy != "" {
		p, err := url.Parse(proxy)
		Expect(err).NotTo(HaveOccurred())
		t.Proxy = http.ProxyURL(p)
	}
	DeferCleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t, Timeout: 20 * time.Second}
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) object() (m map[string]any) {
	_ = json.Unmarshal(a.body, &m)
	return m
}

func send(c *http.Client, method, to, body string, header ...string) answer {
	GinkgoHelper()
	req, err := http.NewRequest(method, to, strings.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := c.Do(req)
	Expect(err).NotTo(HaveOccurred())
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	Expect(err).NotTo(HaveOccurred())
	return answer{resp.StatusCode, resp.Header, raw}
}

// control calls the control API and holds the answer against the description.
func (u *user) control(method, path, body string, header ...string) answer {
	GinkgoHelper()
	a := send(u.client(""), method, u.at.Control+path, body, append([]string{"Content-Type", "application/json"}, header...)...)
	route, _, _ := strings.Cut(path, "?")
	name, lines := described.Check(apitest.Answer{Method: method, Path: route, Status: a.status, Header: a.header, Body: a.body})
	seen[name] = true
	for _, line := range lines {
		wrong = append(wrong, name+": "+line)
	}
	return a
}

// backend is a server of a project, outside.
type backend struct {
	c    *http.Client
	base string
	auth string
}

func (u *user) backend(base string, p serve.Project) *backend {
	GinkgoHelper()
	c := u.client("")
	b := &backend{c: c, base: base}
	req, err := http.NewRequest("POST", base+"/oauth2/v1/token", strings.NewReader("grant_type=client_credentials&scope=phone_check"))
	Expect(err).NotTo(HaveOccurred())
	req.SetBasicAuth(p.ClientID, p.ClientSecret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.Do(req)
	Expect(err).NotTo(HaveOccurred())
	defer resp.Body.Close()
	Expect(resp.StatusCode).To(Equal(200))
	var token struct {
		AccessToken string `json:"access_token"`
	}
	Expect(json.NewDecoder(resp.Body).Decode(&token)).To(Succeed())
	b.auth = "Bearer " + token.AccessToken
	return b
}

func (b *backend) create(number string) (id, checkURL string) {
	GinkgoHelper()
	a := send(b.c, "POST", b.base+"/phone_check/v0.1/checks", `{"phone_number":"`+number+`"}`, "Authorization", b.auth, "Content-Type", "application/json")
	Expect(a.status).To(Equal(201), string(a.body))
	links := a.object()["_links"].(map[string]any)
	return a.object()["check_id"].(string), links["check_url"].(map[string]any)["href"].(string)
}

func (b *backend) result(id string) map[string]any {
	GinkgoHelper()
	a := send(b.c, "GET", b.base+"/phone_check/v0.1/checks/"+id, "", "Authorization", b.auth)
	Expect(a.status).To(Equal(200), string(a.body))
	return a.object()
}

var _ = Describe("serve", func() {
	It("describes its control API", func() {
		doc, err := openapi3.NewLoader().LoadFromData(serve.OpenAPI())
		Expect(err).NotTo(HaveOccurred())
		Expect(doc.Validate(context.Background())).To(Succeed())
		Expect(described.Operations()).To(Equal(serve.Routes()))
	})

	It("goes through a check with a device on a port of its own", func() {
		u := start()
		b := u.backend(u.at.APITLS, u.at.Projects[0])
		for _, c := range []struct {
			proxy  string
			status int
			want   map[string]any
		}{
			{u.at.Devices[0].Proxies["cellular"], 200, map[string]any{"status": "COMPLETED", "match": true}},
			{u.at.Devices[1].Proxies["cellular"], 200, map[string]any{"status": "COMPLETED", "match": false}},
			{u.at.Devices[0].Proxies["wifi"], 412, map[string]any{"status": "ERROR", "error_code": "not_mobile_ip"}},
			{u.at.Devices[0].ProxyURLs["default"], 200, map[string]any{"match": true}},
		} {
			id, checkURL := b.create(number)
			Expect(send(u.client(c.proxy), "GET", checkURL, "").status).To(Equal(c.status))
			got := b.result(id)
			for k, v := range c.want {
				Expect(got).To(HaveKeyWithValue(k, v))
			}
			explained := u.control("GET", "/v1/checks/"+id, "").object()
			Expect(explained["explanation"]).To(ContainSubstring(got["status"].(string)))
		}
		Expect(u.control("GET", "/v1/checks", "").object()["checks"]).To(HaveLen(4))
		Expect(string(u.control("GET", "/v1/journal?format=text", "").body)).To(ContainSubstring("gateway stamps " + number))
		Expect(string(u.control("GET", "/v1/journal?format=mermaid", "").body)).To(HavePrefix("sequenceDiagram"))
		Expect(u.control("GET", "/v1/journal?format=har", "").object()).To(HaveKey("log"))
		Expect(u.control("GET", "/v1/journal", "").object()["exchanges"]).NotTo(BeEmpty())
		Expect(u.control("GET", "/v1/journal?format=xml", "").status).To(Equal(400))
		Expect(u.control("POST", "/v1/reset", "").status).To(Equal(204))
		Expect(u.control("GET", "/v1/checks", "").object()["checks"]).To(BeEmpty())
		Expect(u.control("GET", "/v1/checks/nope", "").status).To(Equal(404))
	})

	It("lets the reference application server do the server's part", func() {
		u := start()
		jar := func(c *http.Client) *http.Client { return c }
		phone := jar(u.client(u.at.Devices[0].ProxyURLs["cellular"]))
		started := send(phone, "POST", u.at.App+"/phone-check", `{"phone_number":"`+number+`"}`, "Content-Type", "application/json")
		Expect(started.status).To(Equal(200), string(started.body))
		cookie, _, _ := strings.Cut(started.header.Get("Set-Cookie"), ";")
		Expect(send(phone, "GET", started.object()["check_url"].(string), "").status).To(Equal(200))
		done := send(phone, "GET", u.at.App+"/phone-check?check_id="+started.object()["check_id"].(string), "", "Cookie", cookie)
		Expect(done.object()).To(HaveKeyWithValue("match", true))
	})

	It("skips time, and what falls due has happened", func() {
		u := start()
		b := u.backend(u.at.API, u.at.Projects[0])
		id, _ := b.create(number)
		Expect(u.control("GET", "/v1/clock", "").object()).To(HaveKeyWithValue("offset_seconds", 0.0))
		Expect(u.control("POST", "/v1/clock/advance", `{"seconds":61}`).object()).To(HaveKeyWithValue("offset_seconds", 61.0))
		Expect(b.result(id)).To(HaveKeyWithValue("status", "EXPIRED"))
		for _, body := range []string{``, `{"seconds":-1}`, `{"seconds":1e300}`, `{"seconds":"1"}`, `{"secs":1}`, `[]`, `{`} {
			Expect(u.control("POST", "/v1/clock/advance", body).status).To(Equal(400), body)
		}
	})

	It("changes devices", func() {
		u := start()
		made := u.control("POST", "/v1/devices", `{"name":"dave","msisdn":"447700900201","second_sim":{"msisdn":"447700900101"}}`)
		Expect(made.status).To(Equal(201), string(made.body))
		Expect(made.object()).To(And(HaveKeyWithValue("network_id", "23415"), HaveKeyWithValue("mobile_data", true)))
		changed := u.control("PATCH", "/v1/devices/dave", `{"data_sim":2,"wifi":true,"vpn":true}`).object()
		Expect(changed).To(And(HaveKeyWithValue("msisdn", "447700900101"), HaveKeyWithValue("wifi", true), HaveKeyWithValue("vpn", true), HaveKeyWithValue("data_sim", 2.0)))
		Expect(u.control("GET", "/v1/devices/dave", "").object()).To(Equal(changed))
		Expect(u.control("GET", "/v1/devices", "").object()["devices"]).To(HaveLen(4))

		onVPN := u.client(changed["proxy_urls"].(map[string]any)["cellular"].(string))
		Expect(send(onVPN, "GET", "http://eu.api.idlayr.com/public/coverage/v0.1/device_ip", "").status).To(Equal(412))
		u.control("PATCH", "/v1/devices/dave", `{"vpn":false}`)
		Expect(send(onVPN, "GET", "http://eu.api.idlayr.com/public/coverage/v0.1/device_ip", "").object()).To(HaveKeyWithValue("network_id", "23430"))
		u.control("PATCH", "/v1/devices/dave", `{"airplane":true}`)
		Expect(send(onVPN, "GET", "http://eu.api.idlayr.com/", "").status).To(Equal(502))

		for body, status := range map[string]int{
			`{"name":"dave","msisdn":"447700900202"}`:                                             409,
			`{"msisdn":"447700900202"}`:                                                           400,
			`{"name":"server","msisdn":"447700900202"}`:                                           400,
			`{"name":"x.y","msisdn":"447700900202"}`:                                              400,
			`{"name":"erin","msisdn":"0770"}`:                                                     400,
			`{"name":"erin","msisdn":"447700900202","wfi":true}`:                                  400,
			`{"name":"erin","msisdn":"447700900202","operator":"1"}`:                              400,
			`{"name":"erin","msisdn":"447700900202","wifi":"` + strings.Repeat("x", 70000) + `"}`: 413,
		} {
			Expect(u.control("POST", "/v1/devices", body).status).To(Equal(status), "%.80s", body)
		}
		Expect(u.control("PATCH", "/v1/devices/dave", `{"data_sim":3}`).status).To(Equal(400))
		Expect(u.control("PATCH", "/v1/devices/nobody", `{}`).status).To(Equal(404))
		Expect(u.control("POST", "/v1/devices", `x`, "Content-Type", "text/plain").status).To(Equal(415))
		Expect(u.control("GET", "/v1/operators", "").object()["operators"]).To(HaveLen(5))
	})

	It("breaks the network and mends it", func() {
		u := start()
		f := u.control("POST", "/v1/faults", `{"host":"*","path":"/.well-known/*","status":503}`)
		Expect(f.status).To(Equal(201), string(f.body))
		keys := func() int { return send(u.client(""), "GET", u.at.API+"/.well-known/jwks.json", "").status }
		Expect(keys()).To(Equal(503))
		Expect(u.control("GET", "/v1/faults", "").object()["faults"]).To(HaveLen(1))
		Expect(u.control("DELETE", "/v1/faults/"+f.object()["id"].(string), "").status).To(Equal(204))
		Expect(keys()).To(Equal(200))
		Expect(u.control("DELETE", "/v1/faults/f9", "").status).To(Equal(404))
		u.control("POST", "/v1/faults", `{"host":"*","path":"/.well-known/*","status":503}`)
		Expect(u.control("DELETE", "/v1/faults", "").status).To(Equal(204))
		Expect(keys()).To(Equal(200))
		Expect(u.control("POST", "/v1/faults", `{"host":"*"}`).status).To(Equal(400))
		Expect(u.control("POST", "/v1/faults", `{"host":"*","stauts":503}`).object()["detail"]).To(ContainSubstring(`did you mean "status"?`))
	})

	It("keeps tenants apart", func() {
		u := start()
		made := u.control("POST", "/v1/projects", `{"id":"suite-b","name":"b"}`)
		Expect(made.status).To(Equal(201), string(made.body))
		var b serve.Project
		Expect(json.Unmarshal(made.body, &b)).To(Succeed())
		ours, theirs := u.backend(u.at.API, u.at.Projects[0]), u.backend(u.at.API, b)

		id, checkURL := theirs.create(number)
		Expect(send(ours.c, "GET", ours.base+"/phone_check/v0.1/checks/"+id, "", "Authorization", ours.auth).status).To(Equal(404))
		Expect(u.control("GET", "/v1/checks", "").object()["checks"]).To(BeEmpty())
		Expect(u.control("GET", "/v1/projects/suite-b/checks", "").object()["checks"]).To(HaveLen(1))

		u.control("POST", "/v1/faults", `{"host":"*","status":503}`)
		u.control("POST", "/v1/clock/advance", `{"seconds":3600}`)
		var device serve.Device
		Expect(json.Unmarshal(u.control("GET", "/v1/projects/suite-b/devices/alice", "").body, &device)).To(Succeed())
		Expect(send(u.client(device.ProxyURLs["cellular"]), "GET", checkURL, "").status).To(Equal(200))
		Expect(theirs.result(id)).To(HaveKeyWithValue("match", true))
		Expect(u.control("POST", "/v1/projects/suite-b/clock/advance", `{"seconds":0}`).object()).To(HaveKeyWithValue("offset_seconds", 0.0))

		Expect(string(u.control("GET", "/v1/projects/suite-b/journal?format=text", "").body)).To(ContainSubstring("match"))
		Expect(u.control("POST", "/v1/projects/suite-b/reset", "").status).To(Equal(204))
		Expect(u.control("GET", "/v1/projects/suite-b/checks", "").object()["checks"]).To(BeEmpty())
		Expect(u.control("GET", "/v1/projects", "").object()["projects"]).To(HaveLen(2))
		Expect(u.control("GET", "/v1/projects/suite-b", "").object()).To(HaveKeyWithValue("client_id", "suite-b-client"))

		Expect(u.control("DELETE", "/v1/projects/suite-b", "").status).To(Equal(204))
		Expect(u.control("GET", "/v1/projects/suite-b", "").status).To(Equal(404))
		Expect(u.control("DELETE", "/v1/projects/default", "").status).To(Equal(409))
		Expect(u.control("POST", "/v1/projects", `{"id":"default"}`).status).To(Equal(409))
		Expect(u.control("POST", "/v1/projects", `{"id":"No"}`).status).To(Equal(400))
		Expect(u.control("POST", "/v1/projects", `{"mode":"dead"}`).status).To(Equal(400))
		Expect(u.control("POST", "/v1/projects", ``).object()).To(HaveKeyWithValue("project_id", "p1"))
		for _, path := range []string{"operators", "devices", "faults", "clock"} {
			Expect(u.control("GET", "/v1/projects/p1/"+path, "").status).To(Equal(200))
		}
		for _, path := range []string{"devices/zoe", "checks/1"} {
			Expect(u.control("GET", "/v1/projects/p1/"+path, "").status).To(Equal(404))
		}
		Expect(u.control("POST", "/v1/projects/p1/devices", `{"name":"zoe","msisdn":"447700900300"}`).status).To(Equal(201))
		Expect(u.control("PATCH", "/v1/projects/p1/devices/zoe", `{"wifi":true}`).status).To(Equal(200))
		fault := u.control("POST", "/v1/projects/p1/faults", `{"host":"*","status":500}`).object()
		Expect(u.control("DELETE", "/v1/projects/p1/faults/"+fault["id"].(string), "").status).To(Equal(204))
		Expect(u.control("DELETE", "/v1/projects/p1/faults", "").status).To(Equal(204))
	})

	It("sends what happens, as it happens", func(ctx context.Context) {
		u := start()
		for _, scope := range []string{"/v1", "/v1/projects/default"} {
			req, err := http.NewRequestWithContext(ctx, "GET", u.at.Control+scope+"/events", nil)
			Expect(err).NotTo(HaveOccurred())
			resp, err := u.client("").Do(req)
			Expect(err).NotTo(HaveOccurred())
			defer resp.Body.Close()
			seen["GET "+scope[:3]+map[bool]string{true: "/projects/{project}"}[len(scope) > 3]+"/events 200"] = true
			lines := bufio.NewScanner(resp.Body)
			Expect(lines.Scan()).To(BeTrue())
			Expect(lines.Text()).To(Equal(": events of project default"))
			send(u.client(""), "GET", u.at.API+"/.well-known/jwks.json", "")
			var got []string
			for lines.Scan() && len(got) < 4 {
				if lines.Text() != "" {
					got = append(got, lines.Text())
				}
				if len(got) == 3 {
					break
				}
			}
			Expect(got[0]).To(HavePrefix("id: "))
			Expect(got[1]).To(Equal("event: exchange"))
			Expect(got[2]).To(And(HavePrefix(`data: {"seq":`), ContainSubstring("jwks.json")))
		}
		Expect(u.control("GET", "/v1/events", "", "Last-Event-ID", "x").status).To(Equal(400))
	})

	It("plays scenarios of the catalog", func() {
		u := start()
		Expect(u.control("GET", "/v1/scenarios", "").object()["scenarios"]).To(HaveLen(len(scenarios.Catalog())))
		Expect(u.control("POST", "/v1/scenarios/mismatch/run", "").object()).To(HaveKeyWithValue("passed", true))
		Expect(u.control("POST", "/v1/scenarios/mach/run", "").object()["detail"]).To(ContainSubstring(`did you mean "match"?`))
		Expect(u.control("POST", "/v1/scenarios/match/run", `{"seed":"x"}`).status).To(Equal(400))
	})

	It("keeps web pages of other origins out", func() {
		u := start()
		own, _ := strings.CutPrefix(u.at.Control, "http://")
		for _, c := range []struct {
			header []string
			status int
		}{
			{[]string{"Origin", u.at.Control}, 200},
			{[]string{"Origin", "http://evil.example"}, 403},
			{[]string{"Origin", "null"}, 403},
			{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
			{[]string{"Sec-Fetch-Site", "same-site"}, 403},
			{[]string{"Sec-Fetch-Site", "none"}, 200},
			{[]string{"Host", "evil.example"}, 421},
			{[]string{"Host", "evil.example:80"}, 421},
			{[]string{"Host", "localhost"}, 200},
			{[]string{"Host", "simulator:8082"}, 200},
			{[]string{"Host", own}, 200},
		} {
			Expect(u.control("GET", "/v1/health", "", c.header...).status).To(Equal(c.status), "%v", c.header)
		}
		// Nor does the control API lie on the virtual internet.
		Expect(send(u.client(u.at.Devices[0].ProxyURLs["default"]), "GET", u.at.Control+"/v1/world", "").status).To(Equal(502))
		Expect(send(u.client(u.at.Devices[0].ProxyURLs["default"]), "GET", u.at.Devices[1].Proxies["cellular"]+"/", "").status).To(Equal(502))
	})

	It("answers for what is not there", func() {
		u := start()
		Expect(u.control("GET", "/v2", "").status).To(Equal(404))
		a := u.control("PUT", "/v1/devices", "")
		Expect(a.status).To(Equal(405))
		Expect(a.header.Get("Allow")).To(Equal("GET, POST"))
		Expect(u.control("GET", "/openapi.yaml", "").body).To(Equal(serve.OpenAPI()))
		Expect(u.control("GET", "/v1/ca.pem", "").body).To(HavePrefix("-----BEGIN CERTIFICATE"))
		_, err := x509.ParseCertificate(u.control("GET", "/v1/ca.der", "").body)
		Expect(err).NotTo(HaveOccurred())
		Expect(u.control("GET", "/v1/world", "").object()).To(HaveKeyWithValue("api", u.at.API))
	})

	It("keeps its certificate authority, with the key for its owner alone", func() {
		dir := filepath.Join(GinkgoT().TempDir(), "deep", "down")
		first, err := frontdoor.LoadCA(dir, time.Now)
		Expect(err).NotTo(HaveOccurred())
		second, err := frontdoor.LoadCA(dir, time.Now)
		Expect(err).NotTo(HaveOccurred())
		Expect(second.DER()).To(Equal(first.DER()))
		if runtime.GOOS != "windows" {
			info, err := os.Stat(filepath.Join(dir, "ca-key.pem"))
			Expect(err).NotTo(HaveOccurred())
			Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)))
		}
		Expect(os.WriteFile(filepath.Join(dir, "ca-key.pem"), []byte("x"), 0o600)).To(Succeed())
		_, err = frontdoor.LoadCA(dir, time.Now)
		Expect(err).To(MatchError(ContainSubstring("remove ca.pem and ca-key.pem")))
		later := func() time.Time { return time.Now().Add(20 * 365 * 24 * time.Hour) }
		Expect(os.RemoveAll(dir)).To(Succeed())
		old, err := frontdoor.LoadCA(dir, time.Now)
		Expect(err).NotTo(HaveOccurred())
		renewed, err := frontdoor.LoadCA(dir, later)
		Expect(err).NotTo(HaveOccurred())
		Expect(renewed.DER()).NotTo(Equal(old.DER()))
	})

	It("names the port that is taken, and what would expose it", func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer l.Close()
		cfg := config()
		cfg.ProxyAddr = l.Addr().String()
		_, err = serve.Start(cfg)
		Expect(err).To(MatchError(And(ContainSubstring("the access proxy cannot listen on "+cfg.ProxyAddr), ContainSubstring("--proxy-addr"))))
		cfg = config()
		cfg.APIAddr = "0.0.0.0:0"
		_, err = serve.Start(cfg)
		Expect(err).To(MatchError(ContainSubstring("--expose")))
		cfg = config()
		cfg.DirectAs = "zoe/cellular"
		_, err = serve.Start(cfg)
		Expect(err).To(MatchError(ContainSubstring(`--direct-as zoe/cellular: there is no device "zoe"`)))
	})

	It("writes where everything is, and says it", func() {
		u := start()
		path := filepath.Join(GinkgoT().TempDir(), "addr.json")
		Expect(u.s.WriteAddrFile(path)).To(Succeed())
		raw, err := os.ReadFile(path)
		Expect(err).NotTo(HaveOccurred())
		var back serve.Addresses
		Expect(json.Unmarshal(raw, &back)).To(Succeed())
		Expect(back).To(Equal(u.at))
		var said bytes.Buffer
		u.s.Summary(&said)
		for _, part := range []string{u.at.API, u.at.APITLS, u.at.Proxy, u.at.Control, "alice", "NODE_EXTRA_CA_CERTS=" + u.at.CA, "HTTPS_PROXY=http://server:x@"} {
			Expect(said.String()).To(ContainSubstring(part))
		}
	})

	It("is not stopped by clients that behave badly", func() {
		u := start()
		for _, base := range []string{u.at.API, u.at.APITLS, u.at.Proxy, u.at.App, u.at.Control, u.at.Devices[0].Proxies["wifi"]} {
			_, address, _ := strings.Cut(base, "://")
			for _, says := range []string{"", "G", "GET / HTTP/1.1\r\nHost: ", "\x00\x16\x03", "GET /" + strings.Repeat("x", 100<<10) + " HTTP/1.1\r\n\r\n",
				"CONNECT :0 HTTP/1.1\r\n\r\n", "CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"} {
				conn, err := net.Dial("tcp", address)
				Expect(err).NotTo(HaveOccurred())
				DeferCleanup(conn.Close) // they stay until the end
				_, _ = io.WriteString(conn, says)
			}
		}
		b := u.backend(u.at.APITLS, u.at.Projects[0])
		id, checkURL := b.create(number)
		Expect(send(u.client(u.at.Devices[0].Proxies["cellular"]), "GET", checkURL, "").status).To(Equal(200))
		Expect(b.result(id)).To(HaveKeyWithValue("match", true))
		Expect(u.control("GET", "/v1/health", "").status).To(Equal(200))
	})

	It("answers what is under way before it ends", func(ctx context.Context) {
		cfg := config()
		s, err := serve.Start(cfg)
		Expect(err).NotTo(HaveOccurred())
		u := &user{s: s, at: s.Addresses()}
		Expect(u.control("POST", "/v1/faults", `{"host":"*","path":"/.well-known/*","delay":"300ms"}`).status).To(Equal(201))
		answered := make(chan int)
		go func() {
			resp, err := http.Get(u.at.API + "/.well-known/jwks.json")
			if err != nil {
				answered <- 0
				return
			}
			resp.Body.Close()
			answered <- resp.StatusCode
		}()
		Eventually(func() string { return string(u.control("GET", "/v1/journal?format=text", "").body) }).Should(ContainSubstring("jwks"))
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		done := make(chan error)
		go func() { done <- s.Shutdown(ctx) }()
		Expect(<-answered).To(Equal(200))
		Expect(<-done).To(Succeed())
		http.DefaultClient.CloseIdleConnections()
		_, err = net.Dial("tcp", strings.TrimPrefix(u.at.API, "http://"))
		Expect(err).To(HaveOccurred())
	})

	It("can be exposed, and then reaches nothing of this machine", func() {
		u := start(func(c *serve.Config) { c.Expose, c.APIAddr = true, "0.0.0.0:0" })
		Expect(u.at.API).To(HavePrefix("http://127.0.0.1:"))
		own := httptest.NewServer(http.NotFoundHandler())
		defer own.Close()
		Expect(send(u.client(u.at.Devices[0].Proxies["cellular"]), "GET", own.URL, "").status).To(Equal(502))
		var said bytes.Buffer
		u.s.Summary(&said)
		Expect(said.String()).To(ContainSubstring("Exposed: other machines can reach it."))
	})

	It("does not reach itself, whatever name it is called by", func() {
		u := start(func(c *serve.Config) { c.AllowExternal = true })
		name, err := os.Hostname()
		Expect(err).NotTo(HaveOccurred())
		_, port, err := net.SplitHostPort(strings.TrimPrefix(u.at.Control, "http://"))
		Expect(err).NotTo(HaveOccurred())
		through := u.client(u.at.Devices[0].Proxies["cellular"])
		for _, host := range []string{"127.0.0.1", "localhost", "x.localhost", "localhost.", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", name} {
			resp, err := through.Get("http://" + host + ":" + port + "/v1/world")
			if err != nil {
				continue // it was cut off
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			Expect(resp.StatusCode).NotTo(Equal(200), host)
			Expect(string(body)).NotTo(ContainSubstring("client_secret"), host)
		}
	})

	It("puts direct visits where it is told to", func() {
		u := start(func(c *serve.Config) { c.DirectAs = "alice/cellular" })
		b := u.backend(u.at.API, u.at.Projects[0])
		id, checkURL := b.create(number)
		a := send(u.client(""), "GET", checkURL, "")
		Expect(a.status).To(Equal(200), string(a.body))
		Expect(b.result(id)).To(HaveKeyWithValue("match", true))
	})

	It("makes links with the public URL", func() {
		u := start(func(c *serve.Config) { c.PublicURL = "https://sim.test" })
		_, checkURL := u.backend(u.at.API, u.at.Projects[0]).create(number)
		Expect(checkURL).To(HavePrefix("https://sim.test/phone_check/"))
		Expect(send(u.client(u.at.Devices[0].Proxies["cellular"]), "GET", checkURL, "").status).To(Equal(200))
	})

	It("has starter files that it takes itself", func() {
		for _, f := range serve.StarterFiles() {
			if f.Name == "world.yaml" {
				cast, err := scenarios.ParseCast(f.Name, f.Content)
				Expect(err).NotTo(HaveOccurred())
				u := start(func(c *serve.Config) { c.Cast = cast })
				Expect(u.at.Devices).To(HaveLen(3))
			}
		}
		Expect(fmt.Sprint(serve.DefaultCast().Names())).To(Equal("[alice bob carol]"))
	})
})
