package edge

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/kittest"
)

// TestShortcuts holds the short way to the gateway's: whatever it takes, it
// reads alike, and whatever it leaves, the gateway decides.
func TestShortcuts(t *testing.T) {
	m := NewMux(MuxOptions{Errors: kittest.Errors(t)})
	for _, pattern := range []string{"/a/{one}", "/a/{one}/{two}", "/a/{one}/{two}/last", "/fixed/path", "/deep/{rest=**}", "/x/{named=*}", "/{any}"} {
		err := m.Stream(http.MethodGet, pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, name := range []string{"one", "two", "rest", "named", "any"} {
				fmt.Fprintf(w, "%s=%q ", name, r.PathValue(name))
			}
			_, _ = io.WriteString(w, pattern) // a recorder takes it
		}))
		if err != nil {
			t.Fatal(err)
		}
	}
	h := m.Handler().(*handler)
	taken := 0
	for _, c := range []struct {
		path  string
		short bool
	}{
		{"/a/b", true},
		{"/a/b/c", true},
		{"/a/b/c/last", true},
		{"/a/b/c/other", false},
		{"/fixed/path", true},
		{"/a/b?x=%2F&y", true},
		{"/a/b/", false},
		{"/a//c", false},
		{"/a", false},
		{"/a/b:verb", false},
		{"/a/b:c/d", false},
		{"/a/b%20c", true},
		{"/a/b%2Fc", false},
		{"/a/b%2525", false},
		{"/a/%25", false},
		{"/a/b/c/d/e", false},
		{"/fixed", false},
		{"/deep/b/c", false},
		{"/x/y", false},
		{"/nothing/here/at/all", false},
		{"/a/ü", false},
		{"/a/..", true},
	} {
		ask := func(h http.Handler) (int, string) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil))
			return w.Code, w.Body.String()
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil)
		if got := h.shortcuts.find(r) != nil; got != c.short {
			t.Errorf("%s: taken = %t, want %t", c.path, got, c.short)
		}
		if !c.short {
			continue
		}
		taken++
		code, body := ask(h.gateway)
		gotCode, gotBody := ask(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.shortcuts.find(r).ServeHTTP(w, r) }))
		if gotCode != code || gotBody != body {
			t.Errorf("%s: the shortcut says %d %s, the gateway %d %s", c.path, gotCode, gotBody, code, body)
		}
	}
	if taken == 0 {
		t.Error("no path was taken")
	}
	for _, r := range []*http.Request{
		httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/a/b", nil),
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/a/b", strings.NewReader("body")),
	} {
		if h.shortcuts.find(r) != nil {
			t.Errorf("%s with a body of %d was taken", r.Method, r.ContentLength)
		}
	}
}

// TestIsPlain makes sure that leaving the plain router out never changes who
// answers.
func TestIsPlain(t *testing.T) {
	for _, patterns := range [][]string{{"/mcp", "/mcp/{token...}", "GET /connect/{x}"}, {"GET /page", "/{any}/plain"}, {"host.example/only"}} {
		m := NewMux(MuxOptions{Errors: kittest.Errors(t)})
		for _, p := range patterns {
			m.Handle(p, http.NotFoundHandler())
		}
		for _, path := range []string{
			"/", "/mcp", "/mcp/", "/mcp/x", "//mcp", "/mcp//x", "/./mcp", "/a/../mcp", "/..", "/connect/x", "/connect", "/page", "/page/", "/x/plain", "/only", "/proxy/users", "/proxy/a.b", "/mcpx",
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			_, pattern := m.plain.Handler(r)
			if got, want := m.isPlain(r), pattern != ""; got != want {
				t.Errorf("%v: %s: plain = %t, want %t", patterns, path, got, want)
			}
		}
	}
}
