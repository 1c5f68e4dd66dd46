package scenarios

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/phonechecksim/phonechecksim/internal/plainyaml"
)

//go:embed catalog/*.yaml
var catalogFiles embed.FS

// Headline names the four scenarios that show what this is about, in the order in which they are best told.
var Headline = []string{"match", "mismatch", "expired-ttl", "wifi-path"}

// Catalog returns the scenarios that come with the simulator, ordered by name. They are shared: do not change them.
var Catalog = sync.OnceValue(func() []*Scenario {
	entries, err := catalogFiles.ReadDir("catalog")
	if err != nil {
		panic(err) // it is embedded
	}
	var all []*Scenario
	for _, entry := range entries {
		content, err := catalogFiles.ReadFile("catalog/" + entry.Name())
		if err != nil {
			panic(err)
		}
		s, err := Parse(entry.Name(), content)
		if err != nil {
			panic("the catalog is broken:\n" + err.Error()) // a test parses it
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Scenario) int { return strings.Compare(a.Name, b.Name) })
	return all
})

// Tags returns the tags that a scenario may have.
func Tags() []string { return slices.Clone(tags) }

// Named returns a scenario of the catalog. The error names the nearest one there is.
func Named(name string) (*Scenario, error) {
	var names []string
	for _, s := range Catalog() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	near := plainyaml.Nearest(name, names)
	if near == "" {
		near = "; phonechecksim list shows those that there are"
	}
	return nil, fmt.Errorf("there is no scenario %q%s", name, near)
}
