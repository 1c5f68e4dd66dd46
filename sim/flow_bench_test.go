package sim_test

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// The number that all benchmarks verify.
const number = "447700900001"

// BenchmarkFlow is one whole verification, steps 1 to 8, in a world that exists.
func BenchmarkFlow(b *testing.B) {
	w := sim.RunT(b)
	alice := w.Phone(number)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if !alice.Verify(ctx, number).Matched() {
			b.Fatal("no match")
		}
	}
}

// BenchmarkFloor is what BenchmarkFlow cannot go below: the same exchanges, nested in the same way, over the same
// connections in memory, against handlers that return canned bytes, with nobody watching.
func BenchmarkFloor(b *testing.B) {
	f := newFloor()
	defer f.net.Close()
	b.ReportAllocs()
	for b.Loop() {
		f.flow(b)
	}
}

// BenchmarkWorld is a world's whole life: made, one flow, closed.
func BenchmarkWorld(b *testing.B) {
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		w, err := sim.New()
		if err != nil {
			b.Fatal(err)
		}
		if !w.Phone(number).Verify(ctx, number).Matched() {
			b.Fatal("no match")
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// floor is a network of canned answers.
type floor struct {
	net                         *vnet.Network
	cellular, serverOut, apiOut *vnet.Interface
	device, api, mnos           *http.Client
}

const (
	cannedStart = `{"check_id":"c69bc0e6-a429-11ea-bb37-0242ac130002","check_url":"https://eu.api.idlayr.com/phone_check/v0.1/checks/c69bc0e6-a429-11ea-bb37-0242ac130002/redirect"}`
	cannedCheck = `{"check_id":"c69bc0e6-a429-11ea-bb37-0242ac130002","status":"COMPLETED","match":true,"charge_amount":1,"charge_currency":"API","created_at":"2020-06-01T16:43:30+00:00","ttl":60,"_links":{"self":{"href":"https://eu.api.idlayr.com/phone_check/v0.1/checks/c69bc0e6-a429-11ea-bb37-0242ac130002"},"check_url":{"href":"https://eu.api.idlayr.com/phone_check/v0.1/checks/c69bc0e6-a429-11ea-bb37-0242ac130002/redirect"}}}`
	cannedMNO   = `{"session_id":"x","msisdn":"447700900001","network_id":"23410"}`
)

func newFloor() *floor {
	f := &floor{net: vnet.New(vnet.Config{})}
	wire := func(owner string, last byte) *vnet.Interface {
		return f.net.Interface(vnet.InterfaceConfig{Owner: owner, Addr: netip.AddrFrom4([4]byte{203, 0, 113, last})})
	}
	f.cellular, f.serverOut, f.apiOut = wire("Device", 1), wire("Server", 2), wire("IDlayr", 3)
	f.device = &http.Client{Transport: f.cellular}
	f.api = &http.Client{Transport: f.serverOut}
	f.mnos = &http.Client{Transport: f.apiOut}
	const check = "https://eu.api.idlayr.com/phone_check/v0.1/checks/c69bc0e6-a429-11ea-bb37-0242ac130002"

	answer := func(w http.ResponseWriter, status int, body string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
	f.net.Handle("app.example", "Server", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodPost {
			f.send(f.api, r.Context(), http.MethodPost, "https://eu.api.idlayr.com/phone_check/v0.1/checks", `{"phone_number":"447700900001"}`)
			answer(w, http.StatusOK, cannedStart)
			return
		}
		f.send(f.api, r.Context(), http.MethodGet, check, "")
		answer(w, http.StatusOK, `{"match":true}`)
	}))
	f.net.Handle("eu.api.idlayr.com", "IDlayr", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch {
		case r.Method == http.MethodPost:
			answer(w, http.StatusCreated, cannedCheck)
		case strings.HasSuffix(r.URL.Path, "/redirect"):
			w.Header().Set("Location", "http://sna.o2-uk.example/start?session=x")
			w.WriteHeader(http.StatusFound)
		default:
			f.send(f.mnos, r.Context(), http.MethodGet, "https://api.o2-uk.example/sna/v1/results/x", "")
			answer(w, http.StatusOK, cannedCheck)
		}
	}))
	mno := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, http.StatusOK, cannedMNO) })
	f.net.Handle("sna.o2-uk.example", "MNO", mno)
	f.net.Handle("api.o2-uk.example", "MNO", mno)
	return f
}

// send makes one request and reads the answer to its end, as any client must.
func (f *floor) send(c *http.Client, ctx context.Context, method, url, body string) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		panic(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer 2YotnFZFEjr1zCsicMWpAA")
	res, err := c.Do(req)
	if err != nil {
		panic(err)
	}
	_, _ = io.ReadAll(res.Body)
	res.Body.Close()
}

// flow is the six exchanges of a verification with a token in hand.
func (f *floor) flow(testing.TB) {
	ctx := context.Background()
	f.send(f.device, ctx, http.MethodPost, "https://app.example/phone-check", `{"phone_number":"447700900001"}`)
	f.send(f.device, ctx, http.MethodGet, "https://eu.api.idlayr.com/phone_check/v0.1/checks/c69bc0e6-a429-11ea-bb37-0242ac130002/redirect", "")
	f.send(f.device, ctx, http.MethodGet, "https://app.example/phone-check?check_id=c69bc0e6-a429-11ea-bb37-0242ac130002", "")
}

// maxRatio is well above what is measured on a quiet machine: it is there to catch a doubling, not a busy neighbour.
const maxRatio = 3.0

// TestFlowCost holds the flow against its floor, both measured in this run: absolute times say nothing on a shared
// machine. It costs seconds, so it runs only when asked for.
func TestFlowCost(t *testing.T) {
	if os.Getenv("PHONECHECKSIM_BENCH") == "" {
		t.Skip("set PHONECHECKSIM_BENCH=1, or make bench-check")
	}
	best := func(f func(*testing.B)) float64 {
		least := testing.Benchmark(f)
		for range 4 {
			if r := testing.Benchmark(f); r.NsPerOp() < least.NsPerOp() {
				least = r
			}
		}
		return float64(least.NsPerOp())
	}
	floor, flow, world := best(BenchmarkFloor), best(BenchmarkFlow), best(BenchmarkWorld)
	t.Logf("floor %.0f µs, flow %.0f µs (%.2f times the floor), world with its first flow %.0f µs (%.0f µs above the flow)",
		floor/1e3, flow/1e3, flow/floor, world/1e3, (world-flow)/1e3)
	if ratio := flow / floor; ratio > maxRatio {
		t.Errorf("a flow costs %.2f times its floor", ratio)
	}
}
