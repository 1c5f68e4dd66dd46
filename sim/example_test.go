package sim_test

import (
	"context"
	"fmt"
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
