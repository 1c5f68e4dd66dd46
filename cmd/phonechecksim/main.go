// Command phonechecksim shows and runs simulated phone verifications.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // an expectation did not hold
	exitUsage  = 2 // the call or a file makes no sense
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// errFailed says that something that was to be shown to hold did not. What it was has been printed.
var errFailed = errors.New("not all expectations held")

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return exitOK
	case errors.Is(err, errFailed):
		return exitFailed
	default:
		fmt.Fprintf(stderr, "phonechecksim: %v\n", err)
		return exitUsage
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "phonechecksim",
		Short: "An offline simulator of IDlayr PhoneCheck",
		Long: `An offline simulator of IDlayr PhoneCheck: virtual phones, an application
server, the platform and mobile operators on a virtual internet, in one process.

To look at it        phonechecksim demo
To test a backend    phonechecksim serve, phonechecksim contract
To write scenarios   phonechecksim list, phonechecksim new, phonechecksim run`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(demoCommand(), listCommand(), explainCommand(), runCommand(), newCommand(), schemaCommand(), contractCommand(), serveCommand(), probeCommand(), initCommand(), versionCommand())
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "Flags.FlagUsages ", "Flags.FlagUsagesWrapped 80 ")) // a small terminal
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			version, revision := "(devel)", ""
			if info, ok := debug.ReadBuildInfo(); ok {
				version = info.Main.Version
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						revision = " " + s.Value
					}
				}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "phonechecksim %s%s\n", version, revision)
		},
	}
}
