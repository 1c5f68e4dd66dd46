package plainyaml_test

import (
	"strings"
	"testing"

	"github.com/phonechecksim/phonechecksim/internal/plainyaml"
)

type thing struct {
	Name  string           `yaml:"name"`
	Count int              `yaml:"count"`
	Parts []part           `yaml:"parts"`
	ByID  map[string]*part `yaml:"by_id"`
}

type part struct {
	Kind string `yaml:"kind"`
}

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"good":             {"name: x\nparts: [{kind: a}]\nby_id: {b: {kind: c}}\n", ""},
		"an unknown key":   {"name: x\nparts:\n  - knid: a\n", "f.yaml:3:5: parts has no \"knid\"; did you mean \"kind\"?\n    3 |   - knid: a\n            ^"},
		"a key twice":      {"name: x\nname: y\n", "f.yaml:2:1: "},
		"another type":     {"name: x\ncount: many\n", "f.yaml:2:8: a whole number is wanted here, this is a text"},
		"a list for a map": {"name: x\nby_id: [1]\n", "f.yaml:2:"},
		"an anchor":        {"name: &a x\n", "f.yaml:1:7: this is to be plain YAML"},
		"a bomb":           {"parts: " + strings.Repeat("[", 5000), "f.yaml:1:24: lists and mappings stand too deep in each other"},
		"two documents":    {"name: x\n---\nname: y\n", "f.yaml: a thing file holds one thing, this one holds 2"},
		"nothing":          {"", "f.yaml: a thing file holds one thing, this one holds 0"},
		"too much":         {strings.Repeat("#", 70000), "f.yaml: the file has more than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			f := plainyaml.New("f.yaml", []byte(c.file))
			ok := f.Decode(new(thing), "a thing")
			if err := f.Mistakes(); ok != (err == nil) || ok != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("decoded %v; want %q, got: %v", ok, c.want, err)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	f := plainyaml.New("f.yaml", []byte("name: x\nparts:\n  - kind: a\nby_id:\n  b: {kind: c}\n"))
	if !f.Decode(new(thing), "a thing") {
		t.Fatal(f.Mistakes())
	}
	if got := f.Line("$.parts[0].kind"); got != 3 {
		t.Errorf("line %d", got)
	}
	if got := f.Line("$.parts[0].none"); got != 3 {
		t.Errorf("what is not there is placed at line %d, not at the nearest place above it", got)
	}
	f.AtKey("$.by_id", "b", "no %s", "b")
	f.At("$.name", "no name")
	f.At("", "no file")
	f.At("", "no file") // once is enough
	want := []string{"f.yaml: no file", "f.yaml:1:7: no name", "f.yaml:5:3: no b"}
	mistakes := f.Mistakes().(plainyaml.Mistakes)
	if len(mistakes) != len(want) {
		t.Fatal(mistakes)
	}
	for i := range want {
		if !strings.HasPrefix(mistakes[i].Error(), want[i]) {
			t.Errorf("%v, not %s", mistakes[i], want[i])
		}
	}
}

func TestHint(t *testing.T) {
	for written, want := range map[string]string{"Kind": `; did you mean "kind"?`, "xyz": "; it may be one of kind, name"} {
		if got := plainyaml.Hint(written, []string{"kind", "name"}); got != want {
			t.Errorf("%s: %s", written, got)
		}
	}
}
