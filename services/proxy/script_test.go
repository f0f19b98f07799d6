package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

// A scripted provider answers as a test says, and remembers what it was asked.
type scripted struct {
	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request)
	asked  []string // verb and path
}

// newScripted starts a proxy in front of one.
func newScripted(t testing.TB, answer http.HandlerFunc, change ...func(*Config, *Deps)) (*bench, *scripted) {
	t.Helper()
	p := &scripted{answer: answer}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return newBench(t, emulator.Options{}, append(change, func(cfg *Config, _ *Deps) {
		cfg.BaseURLs = map[string]string{"torii": server.URL}
		cfg.Upstream.Breaker.Failures = 0
	})...), p
}

func (p *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.URL.Path)
	answer := p.answer
	p.mu.Unlock()
	answer(w, r)
}

// script has the provider answer otherwise from now on, and forget what it was
// asked.
func (p *scripted) script(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer, p.asked = answer, nil
}

// times counts the calls whose verb and path begin so.
func (p *scripted) times(prefix string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, call := range p.asked {
		if strings.HasPrefix(call, prefix) {
			n++
		}
	}
	return n
}

// replies makes a provider that always answers the same.
func replies(status int, mediaType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if mediaType != "" {
			w.Header().Set("Content-Type", mediaType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}
