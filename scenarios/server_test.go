package scenarios_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/sim/appserver"
	"github.com/phonechecksim/phonechecksim/sim/journal"
)

var _ = Describe("A server outside", func() {
	It("is played against, whatever it calls the platform by", func(ctx context.Context) {
		var current atomic.Pointer[http.Handler]
		platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*current.Load()).ServeHTTP(w, r) }))
		defer platform.Close()
		project := struct{ id, secret string }{"sim-client", "sim-secret-of-the-default-project"}
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		backend := appserver.New(appserver.Config{APIBase: platform.URL, ClientID: project.id, ClientSecret: project.secret, Client: &http.Client{Transport: transport}})
		defer backend.Close()
		server := httptest.NewServer(backend)
		defer server.Close()

		outside := scenarios.ServerProfile{}.Server(server.URL)
		outside.Serve = func(h http.Handler) { current.Store(&h) }
		played := 0
		for _, name := range []string{"match", "mismatch", "expired-ttl", "wifi-path", "spoofed-header-cellular", "vpn", "mno-user-not-found", "token-dies", "number-swap"} {
			s, err := scenarios.Named(name)
			Expect(err).NotTo(HaveOccurred())
			began := time.Now()
			r, err := scenarios.Run(ctx, s, scenarios.Options{Seed: 1, Server: outside})
			Expect(err).NotTo(HaveOccurred())
			Expect(r.Failures).To(BeEmpty(), name)
			Expect(time.Since(began)).To(BeNumerically("<", 10*time.Second), name)
			Expect(slices.ContainsFunc(r.Exchanges, func(x journal.Entry) bool { return x.To == "IDlayr" && x.From == "Server" })).To(BeTrue(), name)
			played++
		}
		Expect(played).To(Equal(9))
	})

	It("is found wrong when it is", func(ctx context.Context) {
		var current atomic.Pointer[http.Handler]
		naive := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(`{"match":true}`)) }))
		defer naive.Close()
		outside := scenarios.ServerProfile{}.Server(naive.URL)
		outside.Serve = func(h http.Handler) { current.Store(&h) }
		s, err := scenarios.Named("mismatch")
		Expect(err).NotTo(HaveOccurred())
		r, err := scenarios.Run(ctx, s, scenarios.Options{Seed: 1, Server: outside})
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Passed).To(BeFalse())
	})
})
