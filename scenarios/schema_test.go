package scenarios_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/invopop/jsonschema"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/phonechecksim/phonechecksim/scenarios"
)

// schemaOfLanguage is made from the types, their comments and the parser's words.
func schemaOfLanguage() []byte {
	GinkgoHelper()
	r := &jsonschema.Reflector{
		FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			switch t {
			case reflect.TypeFor[scenarios.Duration]():
				return &jsonschema.Schema{Type: "string", Pattern: `^([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$`, Description: "a time span: 61s, 1m30s, 250ms"}
			case reflect.TypeFor[scenarios.Verdict]():
				return &jsonschema.Schema{Enum: []any{true, false, "true", "false", "absent"}}
			}
			return nil
		},
	}
	r.CommentMap = comments()
	s := r.Reflect(&scenarios.Scenario{})
	s.ID, s.Title = "", "A scenario of phonechecksim"
	words := scenarios.Words()
	for name, def := range s.Definitions {
		for pair := def.Properties.Oldest(); pair != nil; pair = pair.Next() {
			allowed, ok := words[name+"."+pair.Key]
			if !ok || len(pair.Value.Enum) > 0 {
				continue
			}
			to := pair.Value
			if to.Items != nil {
				to = to.Items
			}
			to.Ref, to.Type = "", "string"
			for _, word := range allowed {
				to.Enum = append(to.Enum, word)
			}
		}
	}
	s.Definitions["Scenario"].Required = []string{"scenario", "cast", "script"}
	raw, err := json.MarshalIndent(s, "", "  ")
	Expect(err).NotTo(HaveOccurred())
	return append(raw, '\n')
}

// comments are those of the package's types and of their fields, which stand behind these.
func comments() map[string]string {
	GinkgoHelper()
	all := map[string]string{}
	files, err := filepath.Glob("*.go")
	Expect(err).NotTo(HaveOccurred())
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		Expect(err).NotTo(HaveOccurred())
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if fields, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range fields.Fields.List {
					for _, name := range field.Names {
						if text := strings.Join(strings.Fields(field.Comment.Text()+" "+field.Doc.Text()), " "); text != "" {
							all["github.com/phonechecksim/phonechecksim/scenarios."+spec.Name.Name+"."+name.Name] = text
						}
					}
				}
			}
			return true
		})
	}
	return all
}

var _ = Describe("The JSON Schema", func() {
	It("is that of the language", func() { fresh("scenario.schema.json", schemaOfLanguage()) })

	It("takes every scenario of the catalog and the starter, and not their mistakes", func() {
		root, err := validator.UnmarshalJSON(bytes.NewReader(scenarios.Schema()))
		Expect(err).NotTo(HaveOccurred())
		c := validator.NewCompiler()
		Expect(c.AddResource("mem:///scenario.json", root)).To(Succeed())
		schema, err := c.Compile("mem:///scenario.json")
		Expect(err).NotTo(HaveOccurred())
		valid := func(content string) error {
			asJSON, err := yaml.YAMLToJSON([]byte(content))
			Expect(err).NotTo(HaveOccurred())
			value, err := validator.UnmarshalJSON(bytes.NewReader(asJSON))
			Expect(err).NotTo(HaveOccurred())
			return schema.Validate(value)
		}
		files, err := filepath.Glob("catalog/*.yaml")
		Expect(err).NotTo(HaveOccurred())
		for _, file := range append(slices.Clone(files), "starter.yaml") {
			content, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			Expect(valid(string(content))).To(Succeed(), file)
		}
		starter, err := os.ReadFile("starter.yaml")
		Expect(err).NotTo(HaveOccurred())
		for from, to := range map[string]string{"verify": "verfy", "COMPLETED": "DONE", "match: true": "match: 1", "msisdn": "number", "tags: [path": "tags: [paths"} {
			Expect(valid(strings.Replace(string(starter), from, to, 1))).NotTo(Succeed(), to)
		}
	})
})
