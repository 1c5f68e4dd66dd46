package scenarios_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/internal/apitest"
	"github.com/phonechecksim/phonechecksim/scenarios"
)

func play(ctx context.Context, s *scenarios.Scenario) *scenarios.Result {
	GinkgoHelper()
	r, err := scenarios.Run(ctx, s, scenarios.Options{Seed: 1})
	Expect(err).NotTo(HaveOccurred())
	return r
}

var _ = Describe("The catalog", func() {
	for _, s := range scenarios.Catalog() {
		Describe(s.Name, func() {
			It("comes out as it says", func(ctx context.Context) {
				Expect(play(ctx, s).Failures).To(BeEmpty())
			})

			It("is told in full", func() {
				for _, text := range []string{s.Title, s.Story, s.Wire, s.Server, s.Device, s.Integration, s.Source} {
					Expect(text).NotTo(BeEmpty())
				}
				Expect(s.Tags).NotTo(BeEmpty())
			})

			It("fails when any one of its expectations is another", func(ctx context.Context) {
				flips := 0
				for place, e := range expectations(s) {
					for _, f := range flipped(reflect.ValueOf(e).Elem(), "") {
						undo := f.flip()
						r := play(ctx, s)
						undo()
						flips++
						Expect(r.Passed).To(BeFalse(), "%s: %s flipped", place, f.name)
						Expect(r.Failures).To(ContainElement(HaveField("What", HavePrefix(f.name))), place)
						Expect(r.Failures[0].Line).To(BeNumerically(">", 0))
					}
				}
				Expect(flips).To(BeNumerically(">", 1))
			})
		})
	}

	It("is answered by the platform as the descriptions of its API say", func(ctx context.Context) {
		recorder, err := apitest.NewRecorder()
		Expect(err).NotTo(HaveOccurred())
		for _, s := range scenarios.Catalog() {
			recorder.Records(play(ctx, s).Records)
		}
		Expect(recorder.Wrong()).To(BeEmpty())
		Expect(recorder.Answers()).To(BeNumerically(">", 15))
	})

	It("has the headline scenarios", func() {
		for _, name := range scenarios.Headline {
			_, err := scenarios.Named(name)
			Expect(err).NotTo(HaveOccurred())
		}
		_, err := scenarios.Named("mach")
		Expect(err).To(MatchError(`there is no scenario "mach"; did you mean "match"?`))
	})

	It("runs to the same bytes again and again", func(ctx context.Context) {
		for _, s := range scenarios.Catalog() {
			first, err := json.Marshal(play(ctx, s))
			Expect(err).NotTo(HaveOccurred())
			for range 5 {
				again, err := json.Marshal(play(ctx, s))
				Expect(err).NotTo(HaveOccurred())
				Expect(string(again)).To(Equal(string(first)))
			}
		}
	})
})

// expectations are all places of a scenario where something is expected.
func expectations(s *scenarios.Scenario) map[string]*scenarios.Expect {
	all := map[string]*scenarios.Expect{"at the end": &s.Expect}
	for i := range s.Script {
		all[fmt.Sprintf("after step %d", i+1)] = &s.Script[i].Expect
	}
	return all
}

// flip turns one expectation into one that cannot hold; undo turns it back.
type flip struct {
	name string
	flip func() (undo func())
}

func flipped(v reflect.Value, prefix string) (all []flip) {
	set := func(name string, field reflect.Value, other any) {
		all = append(all, flip{name, func() func() {
			old := reflect.New(field.Type()).Elem()
			old.Set(field)
			field.Set(reflect.ValueOf(other).Convert(field.Type()))
			return func() { field.Set(old) }
		}})
	}
	for i := range v.NumField() {
		field, name := v.Field(i), prefix+v.Type().Field(i).Tag.Get("yaml")
		switch x := field.Interface().(type) {
		case *scenarios.Range:
			if x != nil {
				set(name, field, &scenarios.Range{AtLeast: 1e6})
			}
		case []string:
			for n := range x {
				other := "there is no such thing"
				if strings.HasPrefix(name, "no_") {
					other = "" // part of every note
				}
				changed := append([]string{}, x...)
				changed[n] = other
				set(fmt.Sprintf("%s[%d]", name, n), field, changed)
			}
			if name == "exchanges" && x != nil {
				set(name, field, x[:len(x)-1])
			}
		case int:
			if x != 0 {
				set(name, field, x+1)
			}
		default:
			switch field.Kind() {
			case reflect.Struct:
				all = append(all, flipped(field, name+".")...)
			case reflect.String:
				if field.String() != "" {
					set(name, field, "something else")
				}
			default:
				panic("an expectation of a kind that this test does not know: " + name)
			}
		}
	}
	return all
}
