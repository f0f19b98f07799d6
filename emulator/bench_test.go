package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

// BenchmarkPage measures one page in process, without compression.
func BenchmarkPage(b *testing.B) {
	for _, bm := range []struct {
		name, path string
		options    emulator.Options
	}{
		{"1000 users", "/users", emulator.Options{Users: 1000}},
		{"1000 of 100000 users", "/users", emulator.Options{Users: 100_000}},
		{"1000 of 100000 users filtered", "/users?view=currentEmployees", emulator.Options{Users: 100_000}},
		{"1000 of 100000 users sorted", "/users?sort=lastName:desc", emulator.Options{Users: 100_000}},
		{"1000 app users of 100000", "/apps/1003/users", emulator.Options{Users: 100_000}},
		{"1000 users pre-rendered", "/users", emulator.Options{Users: 1000, Bench: true}},
	} {
		bm.options.NoRateLimits = true
		e := emulator.New(bm.options)
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, emulator.BasePath+bm.path, nil)
				r.Header.Set("Authorization", "Bearer "+emulator.DefaultKey)
				w := httptest.NewRecorder()
				e.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
