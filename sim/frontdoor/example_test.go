package frontdoor_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/frontdoor"
)

// A door serves TLS with certificates of an authority of its own, which its clients have to trust.
func ExampleDoor_ServeTLS() {
	ca, err := frontdoor.NewCA(time.Now)
	if err != nil {
		panic(err)
	}
	door := frontdoor.New(ca)
	defer door.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	door.ServeTLS(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "good morning") }))

	trusting := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}
	defer trusting.CloseIdleConnections()
	resp, err := (&http.Client{Transport: trusting}).Get("https://" + l.Addr().String())
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)
	// Output: good morning <nil>
}
