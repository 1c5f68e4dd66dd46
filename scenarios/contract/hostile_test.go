package contract_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/scenarios/contract"
	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/appserver"
)

var _ = Describe("a backend that misbehaves", func() {
	handler := func(f http.HandlerFunc) func(*sim.World) http.Handler {
		return func(*sim.World) http.Handler { return f }
	}

	DescribeTable("cannot be examined, and that is said",
		func(backend func(*sim.World) http.Handler, why string) {
			r := run(profile("reference"), backend)
			Expect(r.Problem).NotTo(BeNil())
			Expect(r.Problem.Text).To(ContainSubstring(why))
			Expect(r.Results).To(BeEmpty())
			Expect(r.ExitCode()).To(Equal(2))
			Expect(shown(r)).To(ContainSubstring("could not run"))
		},
		Entry("when it panics", handler(func(http.ResponseWriter, *http.Request) { panic("nil map") }), "nil map"),
		Entry("when making it panics", func(*sim.World) http.Handler { panic("no database") }, "no database"),
		Entry("when there is none", func(*sim.World) http.Handler { return nil }, "brought none"),
		Entry("when it breaks off", handler(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "does not answer the start"),
		Entry("when it speaks HTML", handler(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }), "not JSON"),
		Entry("when it speaks another JSON", handler(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"ok":true}`)) }), `no "check_id"`),
		Entry("when it never stops speaking", handler(func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write([]byte(strings.Repeat("x", 1<<16))); err != nil {
					return
				}
			}
		}), "not JSON"),
		Entry("when it redirects in a circle", handler(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/v0.2/phone-check", http.StatusTemporaryRedirect)
		}), "refuses"),
		Entry("when it hijacks", handler(func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = c.Write([]byte("SSH-2.0\r\n"))
				_ = c.Close()
			}
		}), "does not answer"),
		Entry("when everybody is verified", handler(func(w http.ResponseWriter, r *http.Request) {
			say(w, map[string]any{"verified": true})
		}), "verified nothing"),
		Entry("when it makes checks without the platform", handler(func(w http.ResponseWriter, r *http.Request) {
			say(w, map[string]any{"check_id": "1", "check_url": "https://eu.api.idlayr.com/x"})
		}), "without asking the platform"),
	)

	It("cannot be examined when it never answers, nor hears that its caller has gone", func() {
		release := make(chan struct{})
		DeferCleanup(func() { close(release) })
		r := run(profile("reference"), handler(func(http.ResponseWriter, *http.Request) { <-release }))
		Expect(r.Problem).NotTo(BeNil())
		Expect(r.Problem.Text).To(ContainSubstring("does not answer"))
		Expect(r.ExitCode()).To(Equal(2))
	})

	It("is reported when it panics only now and then, and everything else is still said", func() {
		r := run(profile("reference"), func(w *sim.World) http.Handler {
			ref := clean(w)
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				rec := behind(ref, r)
				if rec.Code == http.StatusGatewayTimeout {
					panic("timeout is nil")
				}
				forward(rw, rec)
			})
		})
		Expect(fired(r)).To(HaveKeyWithValue("B1", contract.Fail), "%s", shown(r))
		Expect(fired(r)).To(HaveKeyWithValue("C17", contract.Fail), "%s", shown(r))
		Expect(fired(r)).NotTo(HaveKey("C1"))
	})

	It("is waited for in virtual time when it waits for timers", func() {
		r := run(profile("reference"), func(w *sim.World) http.Handler {
			ref := clean(w)
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if isFinish(r) {
					done := make(chan struct{})
					w.Clock().AfterFunc(3*time.Second, func() { close(done) })
					<-done
				}
				ref.ServeHTTP(rw, r)
			})
		}, "C1", "C3")
		Expect(fired(r)).To(BeEmpty(), "%s", shown(r))
		Expect(r.ExitCode()).To(Equal(0))
	})
})

// A backend that knows nothing of simulated clocks.
func TestMachineClock(t *testing.T) {
	p, err := contract.Ready("reference")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		contract.RunT(t, contract.Config{Profile: p, RealTime: true, New: func(w *sim.World) http.Handler {
			return appserver.New(appserver.Config{ClientID: w.Project().ClientID, ClientSecret: w.Project().ClientSecret, Client: w.Client()})
		}})
	})
}

// A deadline of the machine's is one, though virtual time passes it by.
var _ = Describe("a backend with a deadline by the machine's clock", func() {
	backend := func(d time.Duration) func(w *sim.World) http.Handler {
		return func(w *sim.World) http.Handler {
			return reference(w, nil, func(c *appserver.Config) { c.Client.Timeout, c.CallTimeout = d, time.Hour })
		}
	}

	It("is tried again in real time", func() {
		Expect(fired(run(profile("reference"), backend(50*time.Millisecond), "C17"))).To(BeEmpty())
	})

	It("is found out when that is too long", func() {
		Expect(fired(run(profile("reference"), backend(time.Hour), "C17"))).To(HaveKeyWithValue("C17", contract.Fail))
	})
})

type tb struct{ logs, errors []string }

func (*tb) Helper()                        {}
func (t *tb) Logf(f string, args ...any)   { t.logs = append(t.logs, fmt.Sprintf(f, args...)) }
func (t *tb) Errorf(f string, args ...any) { t.errors = append(t.errors, fmt.Sprintf(f, args...)) }

var _ = Describe("RunT", func() {
	It("says each defect once, with its evidence", func() {
		t := new(tb)
		for _, m := range mutants {
			if m.check == "C5" {
				contract.RunT(t, contract.Config{Profile: profile("reference"), New: m.make, Replay: "go test -run TestContract/"})
			}
		}
		Expect(t.errors).To(HaveLen(1))
		Expect(t.errors[0]).To(And(ContainSubstring("C5 What a client says"), ContainSubstring("→ Server  POST https://backend.test/v0.2/phone-check"),
			ContainSubstring("replay  go test -run TestContract/ C5")))
		Expect(t.logs).To(ContainElement(ContainSubstring("C24 was not run")))
	})

	It("says nothing wrong of the reference server", func() {
		t := new(tb)
		contract.RunT(t, contract.Config{Profile: profile("reference"), New: clean})
		Expect(t.errors).To(BeEmpty())
		Expect(t.logs).To(ContainElement(ContainSubstring("no defect found by these checks")))
	})
})
