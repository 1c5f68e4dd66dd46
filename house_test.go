package phonechecksim_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/phonechecksim/phonechecksim/"

// floors lists the packages from the top down. A package may import what stands below it, and nothing else of ours.
var floors = []string{
	"cmd/phonechecksim", "cmd/phonechecksim/serve", "scenarios/report", "scenarios", "scenarios/contract", "sim/simmatch", "sim",
	"sim/appserver", "sim/frontdoor", "internal/apitest", "internal/plainyaml", "internal/wholefile", "sim/journal", "sim/vnet", "sim/clock",
	"idlayrfake", "mnofake", "device",
}

// leaves import nothing of ours; the network alone may take the clock.
var leaves = map[string][]string{
	"idlayrfake": nil, "mnofake": nil, "device": nil, "sim/clock": nil, "sim/vnet": {"sim/clock"}, "sim/appserver": {"sim/clock"},
}

// only the named packages may import these, tests aside.
var reserved = map[string]string{
	"github.com/onsi/gomega":    "sim/simmatch",
	"github.com/onsi/ginkgo/v2": "",
	"testing":                   "",
}

// wallClock are the files that may read the machine's clock.
var wallClock = []string{"sim/clock/real.go", "idlayrfake/clock.go"}

// TestArrows holds the house's rules: arrows point down, leaves stay leaves, and time comes from the clock.
func TestArrows(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		if strings.HasPrefix(path, "examples") {
			return nil // programs of users
		}
		files++
		path = filepath.ToSlash(path)
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		for _, spec := range f.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			checkImport(t, path, pkg, name)
		}
		if !slices.Contains(wallClock, path) {
			checkClock(t, path, f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("looked at %d files only", files)
	}
}

func checkImport(t *testing.T, path, pkg, name string) {
	for library, owner := range reserved {
		if (name == library || strings.HasPrefix(name, library+"/")) && pkg != owner {
			t.Errorf("%s imports %s", path, name)
		}
	}
	ours, ok := strings.CutPrefix(name, module)
	if !ok {
		return
	}
	from, to := slices.Index(floors, pkg), slices.Index(floors, ours)
	switch allowed, leaf := leaves[pkg]; {
	case from < 0 || to < 0:
		t.Errorf("%s imports %s; say in this test on which floor they stand", path, name)
	case leaf && !slices.Contains(allowed, ours):
		t.Errorf("%s imports %s, and %s is a leaf", path, ours, pkg)
	case to <= from:
		t.Errorf("%s imports %s, which stands above it", path, ours)
	}
}

func checkClock(t *testing.T, path string, f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "time" &&
			slices.Contains([]string{"Now", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Since", "Until"}, call.Sel.Name) {
			t.Errorf("%s uses time.%s instead of the clock", path, call.Sel.Name)
		}
		return true
	})
}
