package journal

import (
	"net/http"
	"strings"

	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

// The four lanes of the guide's sequence diagram.
const (
	Device = "Device"
	Server = "Server"
	IDlayr = "IDlayr"
	MNO    = "MNO"
)

// DefaultLane returns the first word of an owner: "Device" for "Device alice".
func DefaultLane(owner string) string {
	lane, _, _ := strings.Cut(strings.TrimSpace(owner), " ")
	return lane
}

// DefaultStep sorts an exchange into the guide's steps by who talks to whom and, where that leaves two, by the exchange
// during which it was made or by its method. It knows no application's paths: of what a device sends to its server,
// every POST counts as step 2 and everything else as step 6.
func DefaultStep(x *vnet.Exchange, parent *Record) int {
	within := 0
	if parent != nil {
		within = parent.Step
	}
	switch from, to := DefaultLane(x.From.Owner), DefaultLane(x.Owner); {
	case from == Device && to == Server:
		if x.Method == http.MethodPost {
			return 2
		}
		return 6
	case from == Device && (to == IDlayr || to == MNO):
		return 5
	case from == Server && to == IDlayr:
		switch {
		case within == 2:
			return 3
		case within == 6:
			return 7
		case parent != nil: // in answer to something that is no step of the guide
			return 0
		case x.Method == http.MethodPost:
			return 3
		default:
			return 7
		}
	case from == IDlayr && to == MNO:
		if within != 0 {
			return within
		}
		return 7
	default: // callbacks among them: the guide has no step for those
		return 0
	}
}

// answerStep gives the guide's own number to the answer where it has one.
func answerStep(step int) int {
	switch step {
	case 2:
		return 4
	case 6:
		return 8
	default:
		return step
	}
}
