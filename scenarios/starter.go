package scenarios

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed starter.yaml
var starter string

// Starter returns a commented scenario file of the given name to begin with.
func Starter(name string) ([]byte, error) {
	if !scenarioName.MatchString(name) {
		return nil, fmt.Errorf("a scenario needs a name of lower-case words joined by dashes, such as my-first-one; this is %q", name)
	}
	return []byte(strings.Replace(starter, "scenario: my-first-one", "scenario: "+name, 1)), nil
}

//go:embed scenario.schema.json
var schema []byte

// Schema returns the JSON Schema of scenario files.
func Schema() []byte { return append([]byte(nil), schema...) }
