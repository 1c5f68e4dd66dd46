package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/sim/journal"
)

func demoCommand() *cobra.Command {
	var seed uint64
	cmd := &cobra.Command{
		Use:               "demo [scenario...]",
		Short:             "Show scenarios step by step: the story, the sequence, the verdict",
		Long:              "Show scenarios step by step: the story, the sequence, the verdict. Without names, the four headline scenarios.",
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				names = scenarios.Headline
			}
			chosen, err := find(names)
			if err != nil {
				return err
			}
			out := newPage(cmd.OutOrStdout())
			results, err := play(cmd, chosen, seed)
			if err != nil {
				return err
			}
			for i, r := range results {
				out.story(chosen[i])
				out.sequence(r)
				out.verdict(r)
			}
			return verdict(results)
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "decides every id, token and chance")
	return cmd
}

func runCommand() *cobra.Command {
	var all bool
	var seed uint64
	var format string
	cmd := &cobra.Command{
		Use:   "run [name|file...]",
		Short: "Run scenarios and say whether all expectations held",
		Long: `Run scenarios of the catalog by name, or scenario files by path, and say whether all expectations held.
Exit code 0: they did; 1: one did not; 2: the call or a file makes no sense.`,
		Example: `  phonechecksim run match wifi-path
  phonechecksim run ./mine.yaml
  phonechecksim run --all --seed 7 --format json`,
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			show, ok := formats[format]
			if !ok {
				return fmt.Errorf("--format %q is none of text, json, mermaid", format)
			}
			chosen, err := find(names)
			switch {
			case err != nil:
				return err
			case all && len(names) > 0:
				return fmt.Errorf("--all runs the whole catalog; leave out the names")
			case all:
				chosen = scenarios.Catalog()
			case len(names) == 0:
				return fmt.Errorf("say which scenarios to run, or --all; phonechecksim list shows them")
			}
			results, err := play(cmd, chosen, seed)
			if err != nil {
				return err
			}
			if err := show(cmd.OutOrStdout(), seed, chosen, results); err != nil {
				return err
			}
			return verdict(results)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "run the whole catalog")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "decides every id, token and chance")
	cmd.Flags().StringVar(&format, "format", "text", "text, json or mermaid")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "json", "mermaid"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the scenarios of the catalog",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, s := range scenarios.Catalog() {
				tags := make([]string, len(s.Tags))
				for i, tag := range s.Tags {
					tags[i] = string(tag)
				}
				fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, s.Title, strings.Join(tags, " "))
			}
			return table.Flush()
		},
	}
}

// find returns scenarios by name, or by path when the name looks like one.
func find(names []string) ([]*scenarios.Scenario, error) {
	var found []*scenarios.Scenario
	for _, name := range names {
		load := scenarios.Named
		if strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
			load = scenarios.Load
		}
		s, err := load(name)
		if err != nil {
			return nil, err
		}
		found = append(found, s)
	}
	return found, nil
}

func play(cmd *cobra.Command, chosen []*scenarios.Scenario, seed uint64) ([]*scenarios.Result, error) {
	var results []*scenarios.Result
	for _, s := range chosen {
		r, err := scenarios.Run(cmd.Context(), s, scenarios.Options{Seed: seed})
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

func verdict(results []*scenarios.Result) error {
	for _, r := range results {
		if !r.Passed {
			return errFailed
		}
	}
	return nil
}

// formats are the ways in which run shows results.
var formats = map[string]func(w io.Writer, seed uint64, chosen []*scenarios.Scenario, results []*scenarios.Result) error{
	"text": func(w io.Writer, _ uint64, chosen []*scenarios.Scenario, results []*scenarios.Result) error {
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
		return nil
	},
	"json": func(w io.Writer, seed uint64, _ []*scenarios.Scenario, results []*scenarios.Result) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Seed    uint64              `json:"seed"`
			Results []*scenarios.Result `json:"results"`
		}{seed, results})
	},
	"mermaid": func(w io.Writer, _ uint64, _ []*scenarios.Scenario, results []*scenarios.Result) error {
		for i, r := range results {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%%%% %s\n%s", r.Scenario, journal.Mermaid(r.Records, journal.MermaidOptions{}))
		}
		return nil
	},
}

func completeNames(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	for _, s := range scenarios.Catalog() {
		names = append(names, cobra.CompletionWithDesc(s.Name, s.Title))
	}
	return names, cobra.ShellCompDirectiveDefault // files as well
}

// page writes for people.
type page struct {
	w     io.Writer
	color bool
	width int
}

const maxWidth = 120

// newPage colours and measures only what is a terminal.
func newPage(w io.Writer) *page {
	p := &page{w: w, width: 100}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return p
	}
	p.color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		p.width = min(width, maxWidth)
	}
	return p
}

const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
)

func (p *page) paint(style, text string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *page) story(s *scenarios.Scenario) {
	p.line("%s", p.paint(bold, s.Name+": "+s.Title))
	for _, line := range wrap(s.Story, p.width-2) {
		p.line("  %s", line)
	}
	p.line("")
}

func (p *page) sequence(r *scenarios.Result) {
	_ = journal.Text(p.w, r.Records, journal.TextOptions{Color: p.color, Width: p.width}) // stdout is gone: nobody to tell
}

func (p *page) verdict(r *scenarios.Result) {
	p.line("")
	for i, line := range strings.Split(r.Explanation, "\n") {
		if i > 0 { // an event, in a line of its own
			p.line("  %s", line)
			continue
		}
		for _, part := range wrap(line, p.width-2) {
			p.line("  %s", part)
		}
	}
	for _, f := range r.Failures {
		p.line("  %s %s", p.paint(red, "✕"), f)
	}
	if r.Passed {
		p.line("  %s", p.paint(green, "✓ as the scenario expects"))
	}
	p.line("")
}

// wrap breaks a text into lines of so many columns.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
