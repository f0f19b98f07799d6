package proxy

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
)

// broken is text that is not UTF-8: a byte that is none, a surrogate, a sequence
// that is cut off, and half a pair as an escape, which is JSON and stays.
const (
	broken = "a\xff\xed\xa0\x80\xe2\x82\\ud800"
	mended = `a` + "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD" + `\ud800`
	// brokenBytes is how many bytes of it are replaced.
	brokenBytes = 6
)

// dataOf puts one record or a list of one where an operation's answer has it.
func dataOf(op *catalogv1.Operation, record string) string {
	res := op.GetResponse()
	data := record
	switch {
	case res.GetShape() == catalog.ShapeNone:
		return ""
	case res.GetShape() == catalog.ShapeArray:
		data = "[" + record + "]"
	case len(res.GetObjectKeys()) > 0:
		return fmt.Sprintf(`{%q:[%s]}`, res.GetObjectKeys()[0], record)
	}
	if keys := res.GetDataKeys(); len(keys) > 0 {
		return fmt.Sprintf(`{%q:%s}`, keys[0], data)
	}
	return data
}

// TestD7TextOfEveryOperation has the provider answer every operation with text that
// is not UTF-8, in values, names and ids, and refuse it in such words.
func TestD7TextOfEveryOperation(t *testing.T) {
	provider := &swap{}
	reader := metric.NewManualReader()
	b := newProviderBench(t, provider, unlimited(t), func(_ *Config, d *Deps) {
		d.Telemetry.Metrics, d.Telemetry.MeterProvider = true, metric.NewMeterProvider(metric.WithReader(reader))
	})
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	record := `{"id":"` + broken + `","idUser":"` + broken + `","k` + broken + `":"` + broken + `"}`
	for _, op := range data.Operations("torii") {
		if op.GetBinary() || op.GetRequest().GetBody().GetUpload() != nil {
			continue
		}
		want := int64(0)
		provider.to(answering(dataOf(op, record)))
		r := callOf(op, nil)
		if op.GetResponse().GetShape() != catalog.ShapeNone {
			e := b.ok(b.do(r))
			if n := bytes.Count(e.Result, []byte(mended)); !utf8.Valid(e.Result) || n != 4 {
				t.Errorf("%s: %q", op.GetId(), e.Result)
			}
			want += 4 * brokenBytes
		}
		for _, status := range []int{http.StatusBadRequest, http.StatusNotFound} {
			for _, body := range []string{`{"message":"` + broken + `"}`, "sorry: " + broken} {
				provider.to(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(status)
					_, _ = w.Write([]byte(body))
				}))
				a := b.do(r)
				if e := b.decode(a); !utf8.Valid(a.body) || a.status != status || !strings.Contains(e.Message+string(e.RawResponse), "a\uFFFD\uFFFD") {
					t.Errorf("%s: %d %q", op.GetId(), a.status, a.body)
				}
				want += brokenBytes
			}
		}
		if got := replaced(t, reader, op.GetId()); got != want {
			t.Errorf("%s: %d bytes counted, want %d", op.GetId(), got, want)
		}
	}
}

// replaced reads the counter of an operation.
func replaced(t *testing.T, reader metric.Reader, operation string) int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			sum, ok := m.Data.(metricdata.Sum[int64])
			if !ok || m.Name != "sando.proxy.text.replaced" {
				continue
			}
			for _, point := range sum.DataPoints {
				if of, _ := point.Attributes.Value("operation"); of.AsString() == operation {
					return point.Value
				}
			}
		}
	}
	return 0
}

// TestD7TextOnEverySurface compares the surfaces; raw answers are the provider's.
func TestD7TextOnEverySurface(t *testing.T) {
	provider := &swap{}
	b := newProviderBench(t, provider, unlimited(t))
	provider.to(answering(`{"users":[{"id":1,"name":"` + broken + `"}],"nextCursor":null}`))
	row := `{"id":1,"name":"` + mended + `"}`
	if e := b.ok(b.get("/proxy/users")); string(e.Result) != "["+row+"]" {
		t.Errorf("REST: %q", e.Result)
	}
	page, err := b.rpc(tokenAccount).List(t.Context(), &proxyv1.ListRequest{Resource: "users"})
	if err != nil || string(page.GetResult().GetJson()) != "["+row+"]" {
		t.Errorf("RPC: %q, %v", page.GetResult().GetJson(), err)
	}
	if a := b.do(request{path: "/proxy/users", header: map[string]string{"Accept": "application/x-ndjson"}}); !strings.HasPrefix(string(a.body), row+"\n") {
		t.Errorf("lines: %q", a.body)
	}
	for _, method := range []string{"GET", "POST", "PUT"} {
		if e := b.ok(b.do(request{method: method, path: "/custom/users", body: map[string]string{"POST": "{}", "PUT": "{}"}[method]})); !strings.Contains(string(e.Result), row) {
			t.Errorf("%s /custom: %q", method, e.Result)
		}
	}
	for _, path := range []string{"/proxy/users", "/custom/users"} {
		a := b.do(request{path: path, header: map[string]string{"Sando-Raw": "true"}})
		if !bytes.Contains(a.body, []byte(broken)) {
			t.Errorf("%s, raw: %q", path, a.body)
		}
	}
	// Broken ids are ids: a list is walked by them.
	provider.to(answering(`{"roles":[{"id":"` + broken + `"},{"id":"x` + broken + `"},{"id":"y"}]}`))
	first := b.ok(b.get("/proxy/roles?limit=1"))
	second := b.ok(b.get("/proxy/roles?limit=1&next_cursor=" + *first.NextCursor))
	if second.Meta.Shifted || string(second.Result) != `[{"id":"x`+mended+`"}]` {
		t.Errorf("the second row is %s", second.Result)
	}
}

// TestD7NextCursorIsTextOrNull has every list by cursor answer with a next cursor
// that is something else.
func TestD7NextCursorIsTextOrNull(t *testing.T) {
	provider := &swap{}
	b := newProviderBench(t, provider, unlimited(t), impatient)
	for _, op := range lists(t) {
		key := op.GetPaging().GetNextKey()
		if key == "" {
			continue
		}
		for next, fine := range map[string]bool{
			"null": true, `""`: true, `"more"`: true,
			"true": false, "false": false, "0": false, "12": false, "-1.5e3": false, "{}": false, "[]": false, `["x"]`: false,
		} {
			body := dataOf(op, `{"id":1}`)
			after := strings.TrimSuffix(body, "}") + fmt.Sprintf(`,%q:%s}`, key, next)
			before := fmt.Sprintf(`{%q:%s,`, key, next) + strings.TrimPrefix(body, "{")
			for _, body := range []string{after, before} {
				provider.to(answering(body))
				r := callOf(op, nil)
				if fine {
					if e := b.ok(b.do(r)); (e.NextCursor != nil) != (next == `"more"`) {
						t.Errorf("%s: %s", op.GetId(), body)
					}
					continue
				}
				if e := b.refused(b.do(r), http.StatusBadGateway, "UPSTREAM_BAD_RESPONSE"); !strings.Contains(e.Message, "next cursor") {
					t.Errorf("%s: %s: %s", op.GetId(), next, e.Message)
				}
				_, resource, _ := catalog.SplitID(op.GetId())
				query := ""
				if _, text, ok := strings.Cut(r.path, "?"); ok {
					query = text
				}
				if _, err := b.rpc(tokenAccount).List(t.Context(), &proxyv1.ListRequest{Resource: resource, Query: &query}); err == nil {
					t.Errorf("%s: %s passes over RPC", op.GetId(), next)
				}
			}
		}
	}
	// Where pages go by position, a member of that name means nothing.
	if i := slices.IndexFunc(lists(t), func(op *catalogv1.Operation) bool {
		return op.GetResponse().GetShape() == catalog.ShapeArray && op.GetPaging() == nil && len(op.GetResponse().GetDataKeys()) > 0
	}); i >= 0 {
		op := lists(t)[i]
		provider.to(answering(strings.TrimSuffix(dataOf(op, `{"id":1}`), "}") + `,"nextCursor":true}`))
		b.ok(b.do(callOf(op, url.Values{})))
	}
}
