package serve_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.uber.org/goleak"

	"github.com/phonechecksim/phonechecksim/cmd/phonechecksim/serve"
	"github.com/phonechecksim/phonechecksim/internal/apitest"
)

// described holds every answer of the control API against its description.
var (
	described *apitest.Contract
	seen      = map[string]bool{}
	wrong     []string
)

func TestServe(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(),
		// Ginkgo keeps its signal handler for the life of the process.
		goleak.IgnoreAnyFunction("github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func2"))
	RegisterFailHandler(Fail)
	var err error
	if described, err = apitest.Ours(serve.OpenAPI()); err != nil {
		t.Fatal(err)
	}
	if !RunSpecs(t, "Serve") {
		return
	}
	for _, line := range wrong {
		t.Error(line)
	}
	if suite, _ := GinkgoConfiguration(); len(suite.FocusStrings) > 0 {
		return
	}
	for id, name := range described.Operations() {
		answered := false
		for answer := range seen {
			answered = answered || len(answer) > len(name) && answer[:len(name)+1] == name+" "
		}
		if !answered {
			t.Errorf("openapi.yaml: no spec called %s, %s", id, name)
		}
	}
}
