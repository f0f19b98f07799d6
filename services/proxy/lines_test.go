package proxy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sando-dev/sando/catalog"
)

// TestD4LinesOrRefused asks every operation for lines alone: a list comes as lines,
// and what is no list is refused with the header's name, before anything is done.
func TestD4LinesOrRefused(t *testing.T) {
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	provider := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		answering(`{"one":1}`).ServeHTTP(w, r)
	})
	swapped := &swap{}
	b := newProviderBench(t, swapped, unlimited(t))
	for _, op := range data.Operations("torii") {
		if op.GetBinary() {
			continue
		}
		r := callOf(op, nil)
		r.header = map[string]string{"Accept": "application/x-ndjson"}
		if catalog.Pages(op) && op.GetResponse().GetShape() == catalog.ShapeArray {
			swapped.to(newShelf(op, 3))
			if got := b.stream(op, 2); len(got) != 3 {
				t.Errorf("%s: %v", op.GetId(), got)
			}
			continue
		}
		swapped.to(provider)
		calls = 0
		if e := b.refused(b.do(r), 400, "VALIDATION_FAILED"); !strings.Contains(e.Fix, "application/x-ndjson") {
			t.Errorf("%s: %+v", op.GetId(), e)
		}
		if calls > 0 && !catalog.Pages(op) {
			t.Errorf("%s: the provider was called", op.GetId())
		}
	}
}

// TestD4LinesOrJSON is a client that takes both on every call.
func TestD4LinesOrJSON(t *testing.T) {
	b := newProviderBench(t, answering(`{"user":{"id":1}}`), unlimited(t))
	a := b.do(request{
		method: http.MethodGet, path: "/proxy/users/1",
		header: map[string]string{"Accept": "application/json, application/x-ndjson"},
	})
	if got := string(b.ok(a).Result); got != `{"id":1}` {
		t.Error(got)
	}
}
