package edge_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkEdge is what a call costs before and after its handler: routing,
// the chain, the log line, the answer.
func BenchmarkEdge(b *testing.B) {
	h := newFixture(b).mux.Handler()
	for _, route := range []struct{ name, method, path, body string }{
		{"stream", "GET", "/stream/ok?integrated_account_id=x&limit=100", ""},
		{"rest", "POST", "/v1/call", `{"payload":{"body":"b2s="}}`},
		{"connect", "POST", "/grpc.testing.TestService/UnaryCall", `{"payload":{"body":"b2s="}}`},
	} {
		b.Run(route.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(route.method, route.path, strings.NewReader(route.body))
				r.Header.Set("Authorization", "Bearer good")
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
