package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phonechecksim/phonechecksim/cmd/phonechecksim/serve"
)

var (
	flows    = flag.Int("flows", 400, "flows that TestLoad drives through each server; 20000 for a measurement")
	maxRatio = flag.Float64("max-ratio", 0, "fail when CPU per flow is more than so many times that of a canned server; 0: only say it")
)

// child is what the test binary is when it is started by TestLoad: a server in a process of its own, whose CPU time can be
// told from that of its clients.
const child = "PHONECHECKSIM_LOAD_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(child) {
	case "serve":
		serveChild()
	case "canned":
		cannedChild()
	default:
		os.Exit(m.Run())
	}
}

func serveChild() {
	dir, err := os.MkdirTemp("", "phonechecksim")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	free := "127.0.0.1:0"
	debug.SetGCPercent(serve.GCPercent)
	s, err := serve.Start(serve.Config{APIAddr: free, APITLSAddr: free, ProxyAddr: free, AppAddr: free, ControlAddr: free, StateDir: dir, Seed: 1})
	if err != nil {
		panic(err)
	}
	raw, err := json.Marshal(s.Addresses())
	if err != nil {
		panic(err)
	}
	fmt.Println(string(raw))
	untilStdinEnds()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		panic(err)
	}
}

// untilStdinEnds answers each line with the memory in use, after a collection.
func untilStdinEnds() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Println(m.HeapAlloc)
	}
}

// cannedChild answers each request of a flow with the bytes that it would get.
func cannedChild() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	base := "http://" + l.Addr().String()
	answer := func(status int, mediaType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", mediaType)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	const hal = "application/hal+json"
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth2/v1/token", answer(200, "application/json", `{"access_token":"t"}`))
	check := `{"check_id":"c69bc0e6-a429-11ea-bb37-0242ac130002","status":"%s",%s"charge_amount":1,"charge_currency":"API","created_at":"2020-06-01T16:43:30+00:00","ttl":60,"_links":{"self":{"href":"` + base + `/check"},"check_url":{"href":"` + base + `/redirect"}},"snapshot_balance":100}`
	mux.HandleFunc("POST /phone_check/v0.1/checks", answer(201, hal, fmt.Sprintf(check, "ACCEPTED", "")))
	mux.HandleFunc("GET /phone_check/v0.1/checks/{id}", answer(200, hal, fmt.Sprintf(check, "COMPLETED", `"match":true,`)))
	mux.HandleFunc("GET /redirect", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", base+"/start?session=NS4LvFO9cJEK_5McyMCGOA")
		w.WriteHeader(302)
	})
	mux.HandleFunc("GET /start", answer(200, "application/json", `{"status":"ok"}`))
	go func() { _ = http.Serve(l, mux) }()
	raw, err := json.Marshal(serve.Addresses{API: base, Projects: []serve.Project{{}}})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(raw))
	untilStdinEnds()
}

// loaded is a server in another process.
type loaded struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
	at    serve.Addresses
}

func load(t *testing.T, which string) *loaded {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"="+which)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	l := &loaded{cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout)}
	l.lines.Buffer(nil, 1<<20)
	if !l.lines.Scan() || json.Unmarshal(l.lines.Bytes(), &l.at) != nil {
		t.Fatalf("%s did not start", which)
	}
	return l
}

func (l *loaded) heap() (bytes int) {
	fmt.Fprintln(l.stdin, "heap")
	l.lines.Scan()
	_, _ = fmt.Sscan(l.lines.Text(), &bytes)
	return bytes
}

// end stops the server and returns the CPU time that it took.
func (l *loaded) end(t *testing.T) time.Duration {
	t.Helper()
	_ = l.stdin.Close()
	if err := l.cmd.Wait(); err != nil {
		t.Fatalf("the server did not end well: %v", err)
	}
	return l.cmd.ProcessState.UserTime() + l.cmd.ProcessState.SystemTime()
}

// path is a way of flows into the server, and what comes of them.
type path struct {
	name  string
	proxy func(serve.Addresses) string
	want  string
}

// drive sends flows by 16 clients and returns how many came out otherwise than they should.
func drive(t *testing.T, at serve.Addresses, paths []path, flows int) (wrong int64) {
	t.Helper()
	api := &http.Transport{MaxIdleConnsPerHost: 32}
	defer api.CloseIdleConnections()
	server := &http.Client{Transport: api, Timeout: time.Minute}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	req, _ := http.NewRequest("POST", at.API+"/oauth2/v1/token", strings.NewReader("grant_type=client_credentials&scope=phone_check"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(at.Projects[0].ClientID, at.Projects[0].ClientSecret)
	if err := exchange(server, req, &token); err != nil {
		t.Fatal(err)
	}
	var left, bad atomic.Int64
	left.Store(int64(flows))
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			p := paths[n%len(paths)]
			via := &http.Transport{MaxIdleConnsPerHost: 4}
			if proxy := p.proxy(at); proxy != "" {
				u, _ := url.Parse(proxy)
				via.Proxy = http.ProxyURL(u)
			}
			defer via.CloseIdleConnections()
			phone := &http.Client{Transport: via, Timeout: time.Minute}
			for left.Add(-1) >= 0 {
				if got := flow(server, phone, at.API, token.AccessToken); got != p.want {
					if bad.Add(1) < 5 {
						t.Errorf("%s: %s, should be %s", p.name, got, p.want)
					}
				}
			}
		})
	}
	wg.Wait()
	return bad.Load()
}

func flow(server, phone *http.Client, api, token string) string {
	var check struct {
		CheckID   string `json:"check_id"`
		Match     *bool  `json:"match"`
		ErrorCode string `json:"error_code"`
		Links     struct {
			CheckURL struct{ Href string } `json:"check_url"`
		} `json:"_links"`
	}
	req, _ := http.NewRequest("POST", api+"/phone_check/v0.1/checks", strings.NewReader(`{"phone_number":"`+number+`"}`))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	if err := exchange(server, req, &check); err != nil {
		return err.Error()
	}
	resp, err := phone.Get(check.Links.CheckURL.Href)
	if err != nil {
		return err.Error()
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	req, _ = http.NewRequest("GET", api+"/phone_check/v0.1/checks/"+check.CheckID, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	if err := exchange(server, req, &check); err != nil {
		return err.Error()
	}
	if check.Match == nil {
		return check.ErrorCode
	}
	return fmt.Sprint(*check.Match)
}

func exchange(c *http.Client, req *http.Request, into any) error {
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(raw))
	}
	return json.Unmarshal(raw, into)
}

// TestLoad drives flows over loopback by 16 clients. None may come out wrong, memory must stay flat, and the CPU time of
// the server is set against that of a canned one that sends the same bytes.
func TestLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	real := []path{
		{"alice over cellular", func(a serve.Addresses) string { return a.Devices[0].Proxies["cellular"] }, "true"},
		{"bob over cellular", func(a serve.Addresses) string { return a.Devices[1].Proxies["cellular"] }, "false"},
		{"alice with credentials", func(a serve.Addresses) string { return a.Devices[0].ProxyURLs["cellular"] }, "true"},
		{"alice over wifi", func(a serve.Addresses) string { return a.Devices[0].Proxies["wifi"] }, "not_mobile_ip"},
	}
	mixed := load(t, "serve")
	drive(t, mixed.at, real, *flows) // until its memories, which are bounded, are full
	before := mixed.heap()
	if wrong := drive(t, mixed.at, real, *flows); wrong > 0 {
		t.Errorf("%d of %d flows came out wrong", wrong, *flows)
	}
	after := mixed.heap()
	mixed.end(t)
	t.Logf("%d flows on four paths by 16 clients; memory in use %.1f MB before, %.1f MB after", *flows, float64(before)/1e6, float64(after)/1e6)
	if *flows >= 10000 && float64(after) > 1.2*float64(before) {
		t.Errorf("memory grew from %d to %d bytes", before, after)
	}

	// CPU: the same full flow, without and with the access proxy, against the same exchanges with a canned server.
	cost := func(which string, p path) time.Duration {
		l := load(t, which)
		if wrong := drive(t, l.at, []path{p}, *flows); wrong > 0 {
			t.Errorf("%s: %d of %d flows came out wrong", which, wrong, *flows)
		}
		return l.end(t) / time.Duration(*flows)
	}
	canned := path{"canned", func(serve.Addresses) string { return "" }, "true"}
	floor := cost("canned", canned)
	proxied := cost("serve", real[0])
	again := cost("canned", canned)
	ratio := 2 * float64(proxied) / float64(floor+again)
	t.Logf("CPU of the server per flow: canned %v and %v, through the access proxy %v: %.2f times", floor, again, proxied, ratio)
	if *maxRatio > 0 && ratio > *maxRatio {
		t.Errorf("CPU per flow is %.2f times that of a canned server, more than %.2f", ratio, *maxRatio)
	}
}
