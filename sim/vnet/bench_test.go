package vnet_test

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

func benchNetwork() (*vnet.Network, *vnet.Interface) {
	n := vnet.New(vnet.Config{Clock: clock.NewMoving(time.Unix(1591029810, 0))})
	n.Handle("a.test", "Server", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"a":1}`)
	}))
	return n, n.Interface(vnet.InterfaceConfig{Addr: netip.MustParseAddr("10.0.0.1")})
}

func benchRequest(b *testing.B, i *vnet.Interface) {
	req, err := http.NewRequest(http.MethodPost, "https://a.test/x", strings.NewReader(`{"phone_number":"447700900001"}`))
	if err != nil {
		b.Fatal(err)
	}
	res, err := i.RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

// One request and its answer on a connection that is kept alive.
func BenchmarkRequest(b *testing.B) {
	n, i := benchNetwork()
	defer n.Close()
	b.ReportAllocs()
	for b.Loop() {
		benchRequest(b, i)
	}
}

// A network from its creation to its end, with one request.
func BenchmarkWorld(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		n, i := benchNetwork()
		benchRequest(b, i)
		n.Close()
	}
}
