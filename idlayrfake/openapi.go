package idlayrfake

import (
	_ "embed"
	"net/http"
	"slices"
	"strconv"
)

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the OpenAPI 3.1 description of what a [Platform] serves, as
// YAML. A platform serves it at /openapi.yaml.
func OpenAPI() []byte { return slices.Clone(openAPI) }

// getDescription is GET /openapi.yaml.
func (p *Platform) getDescription(x *exchange) failure {
	h := x.w.Header()
	h["Content-Type"] = []string{"application/yaml"}
	h["Content-Length"] = []string{strconv.Itoa(len(openAPI))}
	x.w.WriteHeader(http.StatusOK)
	_, _ = x.w.Write(openAPI) // the client may be gone
	return nil
}
