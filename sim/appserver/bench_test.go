package appserver_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("broken off") }

// stalledBody gives nothing until the request ends.
type stalledBody struct{ r *http.Request }

func (s stalledBody) Read([]byte) (int, error) {
	<-s.r.Context().Done()
	return 0, s.r.Context().Err()
}

// cancelled returns a request and what makes its sender go away.
func cancelled(method, target, body string) (*http.Request, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	return httptest.NewRequest(method, target, strings.NewReader(body)).WithContext(ctx), cancel
}

func BenchmarkStart(b *testing.B) {
	bench := newBench()
	defer bench.server.Close()
	for _, typed := range []string{"447700900001", "+447911123456"} {
		b.Run(typed, func(b *testing.B) {
			body := `{"phone_number":"` + typed + `"}`
			for b.Loop() {
				w := httptest.NewRecorder()
				bench.server.ServeHTTP(w, httptest.NewRequest("POST", "/phone-check", strings.NewReader(body)))
				bench.calls = bench.calls[:0]
			}
		})
	}
}
