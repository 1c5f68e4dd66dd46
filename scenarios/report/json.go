package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"slices"

	"github.com/phonechecksim/phonechecksim/scenarios"
)

//go:embed report.schema.json
var schema []byte

// JSONSchema returns the JSON Schema, draft 2020-12, of the format json. Members may be added to the format in time;
// those that there are stay.
func JSONSchema() []byte { return slices.Clone(schema) }

// jsonRun is the format json.
type jsonRun struct {
	Seed    uint64       `json:"seed"`
	Results []jsonResult `json:"results"`
}

// jsonResult is a result as it is, and what of its scenario sorts and names it.
type jsonResult struct {
	*scenarios.Result
	Title string          `json:"title"`
	Tags  []scenarios.Tag `json:"tags"`
}

func writeJSON(b *bytes.Buffer, r Run) error {
	out := jsonRun{r.Seed, make([]jsonResult, len(r.Results))}
	for i, res := range r.Results {
		s := r.Scenarios[i]
		out.Results[i] = jsonResult{res, s.Title, append([]scenarios.Tag{}, s.Tags...)} // never null
	}
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
