package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/scenarios/contract"
	"github.com/phonechecksim/phonechecksim/scenarios/report"
)

func demoCommand() *cobra.Command {
	var seed uint64
	var server against
	cmd := &cobra.Command{
		Use:               "demo [scenario...]",
		Short:             "Show scenarios step by step: the story, the sequence, the verdict",
		Long:              "Show scenarios step by step: the story, the sequence, the verdict. Without\nnames, the four headline scenarios.",
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				names = scenarios.Headline
			}
			chosen, err := find(names)
			if err != nil {
				return err
			}
			outside, end, err := server.open(cmd)
			if err != nil {
				return err
			}
			defer end()
			out := newPage(cmd.OutOrStdout())
			results, err := play(cmd.Context(), chosen, playing{seed: seed, server: outside})
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
	server.flags(cmd)
	return cmd
}

func listCommand() *cobra.Command {
	var long bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the scenarios of the catalog",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if long {
				out := newPage(cmd.OutOrStdout())
				for _, s := range scenarios.Catalog() {
					out.entry(s)
				}
				return nil
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, s := range scenarios.Catalog() {
				fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, s.Title, tagsOf(s))
			}
			return table.Flush()
		},
	}
	cmd.Flags().BoolVar(&long, "long", false, "with the whole story of each")
	return cmd
}

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "explain name|file...",
		Short:             "Tell what a scenario is about and what a good integration does",
		Long:              "Tell what a scenario is about: the story, what crosses the wire, what server and\ndevice see, what a good integration does.",
		Args:              someName,
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			chosen, err := find(names)
			if err != nil {
				return err
			}
			out := newPage(cmd.OutOrStdout())
			for _, s := range chosen {
				out.entry(s)
			}
			return nil
		},
	}
}

// someName asks for at least one scenario, in the words of this program.
func someName(_ *cobra.Command, names []string) error {
	if len(names) == 0 {
		return errors.New("say which scenario; phonechecksim list shows them")
	}
	return nil
}

func newCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new name",
		Short: "Write a scenario file to begin with, name.yaml; overwrites nothing",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("say what the scenario is to be called: phonechecksim new my-first-one")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			content, err := scenarios.Starter(args[0])
			if err != nil {
				return err
			}
			path := args[0] + ".yaml"
			switch err := writeNew(path, content); {
			case errors.Is(err, os.ErrExist):
				return fmt.Errorf("%s is there already; choose another name", path)
			case err != nil:
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "wrote %s; play it with: phonechecksim run %s\n", path, filepath.Join(".", path))
			return nil
		},
	}
}

// schemas are the JSON Schemas of what the program reads and writes.
var schemas = map[string]func() []byte{
	"scenario":         scenarios.Schema,
	"report":           report.JSONSchema,
	"contract-profile": contract.ProfileSchema,
	"contract-report":  contract.ReportSchema,
}

func schemaCommand() *cobra.Command {
	names := slices.Sorted(maps.Keys(schemas))
	return &cobra.Command{
		Use:       "schema [" + strings.Join(names, "|") + "]",
		Short:     "Print the JSON Schema of scenario files, for editors, or of another file that is read or written",
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "scenario"
			if len(args) == 1 {
				name = args[0]
			}
			schema, ok := schemas[name]
			if !ok {
				return fmt.Errorf("there is no schema %q; there are %s", name, strings.Join(names, ", "))
			}
			_, err := cmd.OutOrStdout().Write(schema())
			return err
		},
	}
}

func tagsOf(s *scenarios.Scenario) string {
	tags := make([]string, len(s.Tags))
	for i, tag := range s.Tags {
		tags[i] = string(tag)
	}
	return strings.Join(tags, " ")
}

// find returns scenarios by name, or by path when the name looks like one.
func find(names []string) ([]*scenarios.Scenario, error) {
	var found []*scenarios.Scenario
	for _, name := range names {
		load := scenarios.Named
		if isFile(name) {
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

func isFile(name string) bool {
	return strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// tagged returns those that have one of the tags.
func tagged(all []*scenarios.Scenario, tags []string) (some []*scenarios.Scenario, err error) {
	known := scenarios.Tags()
	for _, tag := range tags {
		if !slices.Contains(known, tag) {
			return nil, fmt.Errorf("there is no tag %q; there are %s", tag, strings.Join(known, ", "))
		}
	}
	for _, s := range all {
		if slices.ContainsFunc(s.Tags, func(t scenarios.Tag) bool { return slices.Contains(tags, string(t)) }) {
			some = append(some, s)
		}
	}
	return some, nil
}

func completeNames(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	for _, s := range scenarios.Catalog() {
		names = append(names, cobra.CompletionWithDesc(s.Name, s.Title))
	}
	return names, cobra.ShellCompDirectiveDefault // files as well
}
