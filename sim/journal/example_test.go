package journal_test

import (
	"net/http"
	"os"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

func Example() {
	j := journal.New(journal.Config{})
	at := time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC)
	j.Note("Device", "user types 447700900001", at, 1)

	// A virtual network that has the journal as its tap makes these two calls by itself.
	x := &vnet.Exchange{
		ID: 1, Start: at,
		From:  vnet.Origin{Owner: "Device alice", Path: "wifi", Kind: vnet.WiFi},
		Owner: "Server", Secure: true,
		Method: http.MethodPost, URL: "https://backend.example/phone-check",
	}
	j.Opened(x)
	x.Close(vnet.Outcome{Status: http.StatusOK, Duration: 50 * time.Millisecond})
	j.Closed(x)

	_ = journal.Text(os.Stdout, j.Records(), journal.TextOptions{Width: 60})
	// Output:
	//     Device alice                   Server
	//      │                                 │
	//   1  │ user types 447700900001         │    +0.00s
	//      │                                 │
	//   2  ├─ POST /phone-check ────────────▶│    +0.00s
	//      │ · over wifi                     │
	//      │                                 │
	//   4  │◀╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 200 OK ╌┤    +0.05s
	//      │                                 │
}
