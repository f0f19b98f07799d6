package proxy

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

// A provider answers every call in one way, which a test may change.
type provider struct {
	answers atomic.Pointer[http.HandlerFunc]
}

// newProvider makes a bench whose provider is one.
func newProvider(t *testing.T, change ...func(*Config, *Deps)) (*bench, *provider) {
	t.Helper()
	p := &provider{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*p.answers.Load())(w, r) }))
	t.Cleanup(server.Close)
	p.answer(http.NotFound)
	base := func(cfg *Config, _ *Deps) {
		cfg.BaseURLs = map[string]string{"torii": server.URL}
		cfg.Upstream.Breaker.Failures = 0
		cfg.Upstream.Retry.Attempts = 1
	}
	return newBench(t, emulator.Options{}, append([]func(*Config, *Deps){base}, change...)...), p
}

func (p *provider) answer(f http.HandlerFunc) { p.answers.Store(&f) }

// say answers with a status and a body of JSON.
func (p *provider) say(status int, body string) {
	p.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

// write answers with bytes that may be no HTTP, and ends the connection.
func (p *provider) write(raw string) {
	p.answer(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Write([]byte(raw))
	})
}
