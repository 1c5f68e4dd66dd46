package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/scenarios/report"
)

func runCommand() *cobra.Command {
	var all bool
	var format string
	var tags, reports []string
	how := playing{}
	var server against
	formats := append([]string{"text"}, report.Formats()...)
	cmd := &cobra.Command{
		Use:   "run [name|file...]",
		Short: "Run scenarios and say whether all expectations held",
		Long: `Run scenarios of the catalog by name, or scenario files by path, and say whether
all expectations held. With --server they are played against a server of yours
that runs already; it has to call the platform at --api-addr, with the
credentials that phonechecksim init writes into .env.

Exit code 0: they did; 1: one did not; 2: the call or a file makes no sense.`,
		Example: `  phonechecksim run match wifi-path
  phonechecksim run ./mine.yaml
  phonechecksim run --tags attack,callback
  phonechecksim run --all --report junit=out.xml --report har=out.har
  phonechecksim run match mismatch wifi-path --server http://127.0.0.1:3000`,
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			if !slices.Contains(formats, format) {
				return fmt.Errorf("--format %q is none of %s", format, strings.Join(formats, ", "))
			}
			files, err := reportFiles(reports, report.Formats())
			if err != nil {
				return err
			}
			chosen, err := find(names)
			switch {
			case err != nil:
				return err
			case (all || len(tags) > 0) && len(names) > 0:
				return fmt.Errorf("--all and --tags choose from the catalog; leave out the names")
			case len(tags) > 0:
				if chosen, err = tagged(scenarios.Catalog(), tags); err != nil {
					return err
				}
			case all:
				chosen = scenarios.Catalog()
			case len(names) == 0:
				return fmt.Errorf("say which scenarios to run, or --all; phonechecksim list shows them")
			}
			how.progress = progressOf(cmd.ErrOrStderr())
			var end func()
			if how.server, end, err = server.open(cmd); err != nil {
				return err
			}
			defer end()
			if how.server != nil {
				chosen = playable(cmd, chosen, how.server)
			}
			results, err := play(cmd.Context(), chosen, how)
			if err != nil {
				return err
			}
			chosen = chosen[:len(results)] // fewer when it stopped at the first failure
			run := report.Run{Seed: how.seed, Scenarios: chosen, Results: results, Files: pathsOf(names)}
			for _, f := range files {
				if err := f.write(func(w io.Writer, format string) error { return report.Write(w, format, run) }); err != nil {
					return err
				}
			}
			if format == "text" {
				writeText(cmd.OutOrStdout(), chosen, results)
			} else if err := report.Write(cmd.OutOrStdout(), format, run); err != nil {
				return err
			}
			return verdict(results)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&all, "all", false, "run the whole catalog")
	f.StringSliceVar(&tags, "tags", nil, "run the scenarios of the catalog that have one of these tags")
	f.Uint64Var(&how.seed, "seed", 1, "decides every id, token and chance")
	f.BoolVar(&how.failFast, "fail-fast", false, "stop at the first scenario that fails")
	f.StringVar(&format, "format", "text", "of the report on standard output: "+strings.Join(formats, ", "))
	f.StringArrayVar(&reports, "report", nil, "write a report as well, format=file; may be given several times")
	server.flags(cmd)
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("tags", cobra.FixedCompletions(scenarios.Tags(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// reportFile is where a report goes.
type reportFile struct{ format, path string }

// reportFiles reads the values of --report.
func reportFiles(reports, formats []string) (files []reportFile, err error) {
	for _, r := range reports {
		format, path, ok := strings.Cut(r, "=")
		if !ok || path == "" || !slices.Contains(formats, format) {
			return nil, fmt.Errorf("--report %q: write it as format=file; the format is one of %s", r, strings.Join(formats, ", "))
		}
		files = append(files, reportFile{format, path})
	}
	return files, nil
}

func (f reportFile) write(report func(w io.Writer, format string) error) error {
	out, err := os.Create(f.path)
	if err != nil {
		return err
	}
	return errors.Join(report(out, f.format), out.Close())
}

// pathsOf are the files among the names, as a CI system shows them.
func pathsOf(names []string) []string {
	paths := make([]string, len(names))
	for i, name := range names {
		if isFile(name) {
			paths[i] = filepath.ToSlash(filepath.Clean(name))
		}
	}
	return paths
}

// playing says how scenarios are played.
type playing struct {
	seed     uint64
	failFast bool
	progress func(done, all int)
	server   *scenarios.Server // nil: the reference server
}

// play runs scenarios, several at a time, each in a world of its own. Results are in the order of the scenarios; with
// failFast they end with the first failure.
func play(ctx context.Context, chosen []*scenarios.Scenario, how playing) ([]*scenarios.Result, error) {
	results := make([]*scenarios.Result, len(chosen))
	errs := make([]error, len(chosen))
	var next, done atomic.Int64
	var failed atomic.Int64 // the first place of a failure, from 1; 0: none
	var wg sync.WaitGroup
	players := min(runtime.GOMAXPROCS(0), len(chosen))
	if how.server != nil {
		players = 1
	}
	for range players {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(chosen) || how.failFast && failed.Load() != 0 {
					return
				}
				results[i], errs[i] = scenarios.Run(ctx, chosen[i], scenarios.Options{Seed: how.seed, Server: how.server})
				if errs[i] != nil || !results[i].Passed {
					failed.Store(int64(i) + 1)
				}
				if how.progress != nil {
					how.progress(int(done.Add(1)), len(chosen))
				}
			}
		})
	}
	wg.Wait()
	for i := range results {
		if errs[i] != nil {
			return nil, errs[i]
		}
		if how.failFast && results[i] != nil && !results[i].Passed {
			return results[:i+1], nil // those before were begun earlier, and are done
		}
	}
	return results, nil
}

// progressOf shows on a terminal how far a run is, and on anything else nothing.
func progressOf(w io.Writer) func(done, all int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	var mu sync.Mutex
	return func(done, all int) {
		mu.Lock()
		defer mu.Unlock()
		if done == all {
			fmt.Fprint(f, "\r\x1b[K")
			return
		}
		fmt.Fprintf(f, "\r\x1b[K%d of %d", done, all)
	}
}

func verdict(results []*scenarios.Result) error {
	for _, r := range results {
		if !r.Passed {
			return errFailed
		}
	}
	return nil
}

func writeText(w io.Writer, chosen []*scenarios.Scenario, results []*scenarios.Result) {
	out, passed := newPage(w), 0
	for i, r := range results {
		if r.Passed {
			passed++
			out.line("%s  %s  %s", out.paint(green, "ok  "), r.Scenario, out.paint(dim, chosen[i].Title))
			continue
		}
		out.line("%s  %s  %s", out.paint(red, "FAIL"), r.Scenario, chosen[i].Title)
		out.sequence(r)
		out.verdict(r)
	}
	out.line("%d passed, %d failed", passed, len(results)-passed)
}
