package vnet_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

func ExampleNew() {
	n := vnet.New(vnet.Config{Clock: clock.NewMoving(time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC))})
	defer n.Close()
	n.Handle("api.o2.example", "MNO O2 UK", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "secure: %v, from %s", r.TLS != nil, netip.MustParseAddrPort(r.RemoteAddr).Addr())
	}))
	phone := n.Interface(vnet.InterfaceConfig{Owner: "Device alice", Kind: vnet.Cellular, Addr: netip.MustParseAddr("198.51.100.7")})

	res, err := (&http.Client{Transport: phone}).Get("http://api.o2.example/")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	fmt.Println(res.Header.Get("Date"))
	fmt.Println(string(text))
	// Output:
	// Mon, 01 Jun 2020 16:43:30 GMT
	// secure: false, from 198.51.100.7
}

func ExampleNetwork_AddFault() {
	clk := clock.NewMoving(time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC))
	n := vnet.New(vnet.Config{Clock: clk})
	defer n.Close()
	n.Handle("eu.api.idlayr.com", "IDlayr", http.NotFoundHandler())
	server := n.Interface(vnet.InterfaceConfig{Owner: "Server"})
	if _, err := n.AddFault(vnet.Fault{Host: "*.idlayr.com", Delay: 30 * time.Second, Times: 1}); err != nil {
		fmt.Println(err)
		return
	}

	ctx, cancel := clock.WithTimeout(context.Background(), clk, 5*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://eu.api.idlayr.com/", nil)
	_, err := server.RoundTrip(req)
	fmt.Println(err, "at", clk.Now().Format(time.TimeOnly))
	// Output: context deadline exceeded at 16:43:35
}
