package idlayrfake_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.uber.org/goleak"

	"github.com/phonechecksim/phonechecksim/internal/apitest"
)

// recorder holds every answer in this suite against the descriptions of the API; nil outside of it.
var recorder *apitest.Recorder

func TestIdlayrfake(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(),
		// Ginkgo's own, which lives as long as the process.
		goleak.IgnoreTopFunction("github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func2"))
	RegisterFailHandler(Fail)
	var err error
	if recorder, err = apitest.NewRecorder(); err != nil {
		t.Fatal(err)
	}
	RunSpecs(t, "idlayrfake")
	for _, wrong := range recorder.Wrong() {
		t.Error(wrong)
	}
	if t.Failed() || filtered() {
		return // the rest is about all specs together
	}
	for _, name := range recorder.Unseen() {
		t.Errorf("openapi.yaml: no spec saw %s", name)
	}
	if !recorder.HasVendor() {
		t.Log("the vendor's description is not at hand: answers were held against our own alone")
		return
	}
	for _, known := range recorder.Unmet() {
		t.Errorf("differences.yaml: this difference does not show (any more): %s", known)
	}
}

// filtered says whether only some of the specs were run.
func filtered() bool {
	suite, _ := GinkgoConfiguration()
	return len(suite.FocusStrings)+len(suite.SkipStrings)+len(suite.FocusFiles)+len(suite.SkipFiles) > 0 || suite.LabelFilter != ""
}
