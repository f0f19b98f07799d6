package edge

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

func TestCompress(t *testing.T) {
	page := strings.Repeat(`{"id":1}`, 1000)
	h, err := compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, page)
	}))
	if err != nil {
		t.Fatal(err)
	}
	for accepts, want := range map[string]string{"gzip": "gzip", "": "", "br": ""} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", accepts)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: Content-Encoding %q, want %q", accepts, got, want)
		}
		if length := w.Header().Get("Content-Length"); want != "" && length != "" && length != strconv.Itoa(w.Body.Len()) {
			t.Errorf("Accept-Encoding %q: Content-Length %s of %d bytes", accepts, length, w.Body.Len())
		}
	}
}
