package report_test

import (
	"context"
	"os"

	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/scenarios/report"
)

// Two scenarios are run, and written down for a CI system that reads TAP.
func ExampleWrite() {
	run := report.Run{Seed: 1}
	for _, name := range []string{"match", "wifi-path"} {
		s, err := scenarios.Named(name)
		if err != nil {
			panic(err)
		}
		result, err := scenarios.Run(context.Background(), s, scenarios.Options{Seed: run.Seed})
		if err != nil {
			panic(err)
		}
		run.Scenarios = append(run.Scenarios, s)
		run.Results = append(run.Results, result)
	}
	if err := report.Write(os.Stdout, "tap", run); err != nil {
		panic(err)
	}
	// Output:
	// TAP version 14
	// 1..2
	// # seed 1
	// ok 1 - match: The right SIM carries the hop
	// ok 2 - wifi-path: The check URL is opened over WiFi
	// # 2 passed, 0 failed
}
