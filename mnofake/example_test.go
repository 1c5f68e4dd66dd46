package mnofake_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/phonechecksim/phonechecksim/mnofake"
)

// A device opens the redirect over its SIM's data session; then the platform fetches the result.
func Example() {
	operator := mnofake.New(mnofake.Config{
		NetworkID: "23410", Name: "O2 UK",
		Prefixes:   []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10")},
		PlatformID: "platform", PlatformSecret: "secret",
		Observe: func(_ context.Context, text string) { fmt.Println(text) },
	})
	if err := operator.AddSubscriber(mnofake.Subscriber{MSISDN: "447700900001"}); err != nil {
		panic(err)
	}
	source, err := operator.Attach("447700900001")
	if err != nil {
		panic(err)
	}

	// Clear HTTP over the SIM passes the packet gateway. Here the "network" is a recorder.
	hop := httptest.NewRequest(http.MethodGet, "http://sna.o2.example/start?session=abc", nil)
	hop.RemoteAddr = netip.AddrPortFrom(source, 40000).String()
	operator.Gateway(operator).ServeHTTP(httptest.NewRecorder(), hop)

	result := httptest.NewRequest(http.MethodGet, "https://api.o2.example/sna/v1/results/abc", nil)
	result.SetBasicAuth("platform", "secret")
	answer := httptest.NewRecorder()
	operator.ServeHTTP(answer, result)
	fmt.Println(answer.Code, answer.Body)
	// Output:
	// gateway stamps 447700900001
	// redirect bound to 447700900001
	// 200 {"session_id":"abc","msisdn":"447700900001","network_id":"23410"}
}
