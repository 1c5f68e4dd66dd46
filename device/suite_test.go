package device_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Ginkgo keeps its signal handler for the life of the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(
		"github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func2"))
}

func TestDevice(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "device")
}

const (
	aliceNumber = "447700900001"
	bobNumber   = "447700900002"
)

// network is a bearer in memory: hosts are handlers, and every request is kept.
type network struct {
	hosts map[string]http.HandlerFunc

	mu   sync.Mutex
	seen []*http.Request
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	n.seen = append(n.seen, r)
	n.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	h, ok := n.hosts[r.URL.Scheme+"://"+r.URL.Host]
	if !ok {
		return nil, errors.New("no such host")
	}
	w := httptest.NewRecorder()
	h(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func (n *network) DialContext(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("no sockets here")
}

func (n *network) requests() []*http.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.seen)
}

// urls are the addresses requested so far.
func (n *network) urls() []string {
	var out []string
	for _, r := range n.requests() {
		out = append(out, r.URL.String())
	}
	return out
}

func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func redirect(status int, location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Location"] = []string{location}
		w.WriteHeader(status)
	}
}

// manual is a clock that moves when told and runs what is due on the way.
type manual struct {
	mu     sync.Mutex
	now    time.Time
	timers map[*timer]bool
}

type timer struct {
	at time.Time
	f  func()
}

func newManual() *manual {
	return &manual{now: time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC), timers: map[*timer]bool{}}
}

func (m *manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *manual) AfterFunc(d time.Duration, f func()) func() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &timer{m.now.Add(d), f}
	m.timers[t] = true
	return func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		defer delete(m.timers, t)
		return m.timers[t]
	}
}

func (m *manual) pending() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.timers)
}

func (m *manual) advance(d time.Duration) {
	m.mu.Lock()
	m.now = m.now.Add(d)
	var due []func()
	for t := range m.timers {
		if !t.at.After(m.now) {
			due = append(due, t.f)
			delete(m.timers, t)
		}
	}
	m.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// counting is a source of randomness that always says the same.
func counting() *bytes.Reader {
	b := make([]byte, 1<<10)
	for i := range b {
		b[i] = byte(i)
	}
	return bytes.NewReader(b)
}

const firstUUID = "00010203-0405-4607-8809-0a0b0c0d0e0f"
