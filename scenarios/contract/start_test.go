package contract_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/scenarios/contract"
	"github.com/phonechecksim/phonechecksim/sim/appserver"
)

var _ = Describe("a backend in another process", func() {
	// It is on a real socket of this process, which is as far away.
	start := func(change ...func(*appserver.Config)) func(context.Context, contract.Surroundings) (string, error) {
		return func(_ context.Context, s contract.Surroundings) (string, error) {
			cfg := appserver.Config{APIBase: s.APIBase, ClientID: s.ClientID, ClientSecret: s.ClientSecret}
			for _, c := range change {
				c(&cfg)
			}
			backend := appserver.New(cfg)
			server := httptest.NewServer(backend)
			DeferCleanup(func() {
				server.CloseClientConnections()
				server.Close()
				backend.Close()
			})
			return server.URL, nil
		}
	}

	only := []string{"C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C11", "C15", "C16", "C23"}
	if os.Getenv("CONTRACT_ALL") != "" {
		only = nil // waits for real, about a minute
	}

	It("is examined in real time", func() {
		at := time.Now()
		r, err := contract.Run(GinkgoT().Context(), contract.Config{Profile: profile("reference"), Start: start(), Only: only})
		Expect(err).NotTo(HaveOccurred())
		Expect(fired(r)).To(BeEmpty(), "%s", shown(r))
		Expect(r.ExitCode()).To(Equal(0), "%s", shown(r))
		if only == nil {
			GinkgoWriter.Println(shown(r), time.Since(at))
		}
	})

	It("is examined in less than two minutes, naive as it may be", func() {
		if os.Getenv("CONTRACT_ALL") == "" {
			Skip("waits for real; set CONTRACT_ALL")
		}
		at := time.Now()
		r, err := contract.Run(GinkgoT().Context(), contract.Config{Profile: profile("dev-server"), Start: func(_ context.Context, s contract.Surroundings) (string, error) {
			server := httptest.NewServer(naiveAt(s.APIBase, s.ClientID, s.ClientSecret, http.DefaultClient))
			DeferCleanup(func() {
				server.CloseClientConnections()
				server.Close()
				http.DefaultClient.CloseIdleConnections()
			})
			return server.URL, nil
		}})
		Expect(err).NotTo(HaveOccurred())
		Expect(fired(r)).To(HaveKey("C17"))
		Expect(time.Since(at)).To(BeNumerically("<", 2*time.Minute))
		GinkgoWriter.Println(shown(r), time.Since(at))
	})

	It("is found out", func() {
		leaky := func(c *appserver.Config) { c.Scopes = []string{"phone_check", "coverage"} }
		r, err := contract.Run(GinkgoT().Context(), contract.Config{Profile: profile("reference-v0.1"), Start: start(leaky), Only: []string{"C15", "C29"}})
		Expect(err).NotTo(HaveOccurred())
		Expect(fired(r)).To(And(HaveKey("C15"), HaveKey("C29")), "%s", shown(r))
	})

	It("is shown a certificate that it must not trust", func() {
		for _, trusting := range []bool{false, true} {
			begin := func(ctx context.Context, s contract.Surroundings) (string, error) {
				pool := x509.NewCertPool()
				Expect(pool.AppendCertsFromPEM(s.CA)).To(BeTrue())
				tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, InsecureSkipVerify: trusting}}
				DeferCleanup(tr.CloseIdleConnections)
				s.APIBase = s.APIBaseTLS
				return start(func(c *appserver.Config) { c.Client = &http.Client{Transport: tr} })(ctx, s)
			}
			r, err := contract.Run(GinkgoT().Context(), contract.Config{Profile: profile("reference"), Start: begin, Only: []string{"C1", "C26"}})
			Expect(err).NotTo(HaveOccurred())
			Expect(r.Summary.Pass+r.Summary.Fail).To(Equal(2), "%s", shown(r))
			if trusting {
				Expect(fired(r)).To(Equal(map[string]contract.Verdict{"C26": contract.Fail}), "%s", shown(r))
			} else {
				Expect(fired(r)).To(BeEmpty(), "%s", shown(r))
			}
		}
	})

	It("cannot be examined when it does not start, or is not there", func() {
		r, err := contract.Run(GinkgoT().Context(), contract.Config{Profile: profile("reference"), Start: func(context.Context, contract.Surroundings) (string, error) {
			return "", errors.New("exit status 1")
		}})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Problem.Text).To(ContainSubstring("exit status 1"))
		Expect(r.ExitCode()).To(Equal(2))
		r, err = contract.Run(GinkgoT().Context(), contract.Config{Profile: profile("reference"), Start: func(context.Context, contract.Surroundings) (string, error) {
			return "http://127.0.0.1:1", nil
		}})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Problem.Text).To(ContainSubstring("does not answer"))
	})
})
