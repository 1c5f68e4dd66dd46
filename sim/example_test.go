package sim_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/phonechecksim/phonechecksim/sim"
)

// A phone verifies its own number, and then one that is not its own.
func Example() {
	w, err := sim.New()
	if err != nil {
		panic(err)
	}
	defer w.Close()
	alice := w.Phone("447700900001")
	fmt.Println(alice.Verify(context.Background(), "447700900001").Matched())
	fmt.Println(alice.Verify(context.Background(), "447700900002").Matched())
	// Output:
	// true
	// false
}

// Time passes when it is told to, and then at once.
func ExampleWorld_Advance() {
	w, err := sim.New()
	if err != nil {
		panic(err)
	}
	defer w.Close()
	alice := w.Phone("447700900001")
	started, err := alice.SubmitNumber(context.Background(), "447700900001")
	if err != nil {
		panic(err)
	}
	w.Advance(61 * time.Second)
	check, _ := w.Check(started.CheckID)
	fmt.Println(check.Status)
	// Output: EXPIRED
}

// A client on real sockets takes part as a phone: an app, a browser, or here an ordinary HTTP client.
func ExampleWorld_Listen() {
	w, err := sim.New()
	if err != nil {
		panic(err)
	}
	defer w.Close() // and with it the sockets
	alice := w.Phone("447700900001")
	door, err := w.Listen()
	if err != nil {
		panic(err)
	}

	// Steps 2 to 4, at the reference application server.
	resp, err := http.Post(door.App+"/phone-check", "application/json", strings.NewReader(`{"phone_number":"447700900001"}`))
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	var started struct {
		CheckID  string `json:"check_id"`
		CheckURL string `json:"check_url"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&started); err != nil {
		panic(err)
	}

	// Step 5, over alice's mobile data. The access proxy answers TLS with certificates of the door's own authority.
	proxy, err := url.Parse(door.ProxyFor(alice, sim.PathCellular))
	if err != nil {
		panic(err)
	}
	overCellular := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: door.CA.Pool()}}
	defer overCellular.CloseIdleConnections()
	opened, err := (&http.Client{Transport: overCellular}).Get(started.CheckURL)
	if err != nil {
		panic(err)
	}
	defer opened.Body.Close()

	check, _ := w.Check(started.CheckID)
	fmt.Println(opened.StatusCode, check.Status)
	// Output: 200 PENDING
}
