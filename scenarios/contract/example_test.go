package contract_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/phonechecksim/phonechecksim/scenarios/contract"
	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/appserver"
)

// A Go backend joins the virtual internet. In a test RunT takes the place of Run.
func ExampleRun() {
	profile, err := contract.Ready("reference")
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := contract.Run(context.Background(), contract.Config{
		Profile: profile,
		New: func(w *sim.World) http.Handler {
			return appserver.New(appserver.Config{
				APIBase: sim.APIBase, ClientID: w.Project().ClientID, ClientSecret: w.Project().ClientSecret, Client: w.Client(), Clock: w.Clock(),
			})
		},
		Only: []string{"C1", "C2", "C3"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range report.Results[:3] {
		fmt.Println(r.ID, r.Verdict, r.Title)
	}
	fmt.Println(report.Summary.Text)
	// Output:
	// C1 pass Only COMPLETED with match true verifies
	// C2 pass The code of v0.2 is bound to the session that started the check
	// C3 pass A check_id is bound to the session that started the check
	// no defect found by these checks: 3 passed, 0 failed, 0 hinted at something, 30 not run
}

// In a test each check that finds something is an error of the test, with its evidence.
func ExampleRunT() {
	TestContract := func(t *testing.T) {
		profile, err := contract.Ready("guide")
		if err != nil {
			t.Fatal(err)
		}
		contract.RunT(t, contract.Config{
			Profile: profile,
			New: func(w *sim.World) http.Handler {
				return NewBackend(w.Client(), w.Project().ClientID, w.Project().ClientSecret)
			},
		})
	}
	_ = TestContract
}

// NewBackend stands for yours.
func NewBackend(client *http.Client, clientID, clientSecret string) http.Handler {
	return appserver.New(appserver.Config{APIBase: sim.APIBase, ClientID: clientID, ClientSecret: clientSecret, Client: client})
}
