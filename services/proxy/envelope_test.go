package proxy

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/emulator"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
)

// envelopeMembers are those of every list.
var envelopeMembers = []string{"result", "next_cursor", "prev_cursor", "result_count", "limit"} //nolint:gochecknoglobals // a table of the test

// TestD4LimitIsPagedOrRefused calls every operation of the catalog with a limit of
// one: either a walk collects what the whole answer holds, or the limit is refused
// by its name.
func TestD4LimitIsPagedOrRefused(t *testing.T) {
	b := newBench(t, emulator.Options{NoRateLimits: true}, unlimited(t))
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	b.uploadFirst(found)
	word := regexp.MustCompile(`<([\w ]+)>`)
	fill := func(text string) string {
		return word.ReplaceAllStringFunc(text, func(w string) string { return found[w[1:len(w)-1]] })
	}
	for _, s := range steps() {
		op, ok := data.Operation("torii." + s.operation)
		if !ok {
			t.Fatalf("there is no %s", s.operation)
		}
		r := request{method: s.method, path: "/proxy/" + fill(s.path), body: fill(s.body)}
		limited := b.with(r, url.Values{"limit": {"1"}})
		if !catalog.Pages(op) {
			if e := b.refused(limited, 400, "VALIDATION_FAILED"); !strings.Contains(e.Message, "limit") {
				t.Errorf("%s: %s", op.GetId(), e.Message)
			}
		}
		answer := b.do(r)
		if answer.status != http.StatusOK {
			t.Fatalf("%s: %d %s", op.GetId(), answer.status, answer.body)
		}
		if s.keep != "" {
			found[s.keep] = pick(t, s, b.ok(answer).Result)
		}
		if op.GetEffect() != catalogv1.Effect_EFFECT_READ {
			continue
		}
		isList := strings.HasPrefix(string(b.ok(answer).Result), "[")
		if isList != catalog.Pages(op) && op.GetResponse().GetShape() != catalog.ShapeAny {
			t.Errorf("%s: a list: %v", op.GetId(), isList)
		}
		if !isList {
			if catalog.Pages(op) {
				b.refused(limited, 400, "VALIDATION_FAILED")
			}
			continue
		}
		whole, _ := b.rowsOfAll(r, "")
		small, pages := b.rowsOfAll(r, "1")
		if len(whole) == 0 || !slices.Equal(whole, small) || pages < len(whole) {
			t.Errorf("%s: %d rows in all, %d in %d pages of one", op.GetId(), len(whole), len(small), pages)
		}
		// Page by page the size may change.
		if large, _ := b.rowsOfAll(r, "3"); !slices.Equal(whole, large) {
			t.Errorf("%s: %d rows in all, %d in pages of three", op.GetId(), len(whole), len(large))
		}
	}
}

// with sends a request with further parameters in place of those of their names.
func (b *bench) with(r request, values url.Values) answer {
	b.t.Helper()
	u, err := url.Parse(r.path)
	if err != nil {
		b.t.Fatal(err)
	}
	query := u.Query()
	maps.Copy(query, values)
	u.RawQuery = query.Encode()
	r.path = u.String()
	return b.do(r)
}

// rowsOfAll walks a list and gives its rows as they stand there.
func (b *bench) rowsOfAll(r request, limit string) (rows []string, pages int) {
	b.t.Helper()
	values := url.Values{}
	u, err := url.Parse(r.path)
	if err != nil {
		b.t.Fatal(err)
	}
	query := u.Query()
	query.Del("limit")
	u.RawQuery = query.Encode()
	r.path = u.String()
	if limit != "" {
		values.Set("limit", limit)
	}
	for {
		a := b.with(r, values)
		e := b.ok(a)
		var members map[string]json.RawMessage
		var page []json.RawMessage
		if err := json.Unmarshal(a.body, &members); err != nil {
			b.t.Fatal(err)
		}
		for _, name := range envelopeMembers {
			if members[name] == nil {
				b.t.Errorf("%s: the envelope has no %s", r.path, name)
			}
		}
		if err := json.Unmarshal(e.Result, &page); err != nil {
			b.t.Fatal(err)
		}
		for _, row := range page {
			rows = append(rows, string(row))
		}
		if pages++; e.NextCursor == nil {
			return rows, pages
		}
		if pages > 5000 {
			b.t.Fatalf("%s: no end", r.path)
		}
		values.Set("next_cursor", *e.NextCursor)
	}
}

// TestD4CustomMethodsOverRPC pages what custom methods answer.
func TestD4CustomMethodsOverRPC(t *testing.T) {
	provider := &swap{}
	b := newProviderBench(t, provider, unlimited(t))
	for _, op := range lists(t) {
		if op.GetKind() == catalogv1.Kind_KIND_LIST {
			continue
		}
		provider.to(newShelf(op, 7))
		u, err := url.Parse(callOf(op, nil).path)
		if err != nil {
			t.Fatal(err)
		}
		_, resource, method := catalog.SplitID(op.GetId())
		req := &proxyv1.InvokeRequest{Resource: resource, Method: method, Query: &u.RawQuery, Limit: new(int32(3))}
		if op.GetRequest().GetBody() != nil {
			req.Body = rawJSON(`{"apps":[{"name":"a"}]}`)
		}
		var got []int
		for {
			res, err := b.rpc(tokenAccount).Invoke(t.Context(), req)
			if err != nil {
				t.Fatalf("%s: %v", op.GetId(), err)
			}
			got = append(got, names(t, res.GetResult().GetJson())...)
			if res.GetLimit() != 3 || int(res.GetResultCount()) > 3 || res.PrevCursor != nil {
				t.Errorf("%s: %v", op.GetId(), res)
			}
			if req.NextCursor = res.NextCursor; req.NextCursor == nil {
				break
			}
		}
		if !slices.Equal(got, []int{1, 2, 3, 4, 5, 6, 7}) {
			t.Errorf("%s: %v", op.GetId(), got)
		}
	}
}

// TestD4CursorsAreBoundToTheBody takes a cursor of one body to another.
func TestD4CursorsAreBoundToTheBody(t *testing.T) {
	b := newBench(t, emulator.Options{NoRateLimits: true}, unlimited(t))
	post := func(body, cursor string) answer {
		return b.do(request{method: "POST", path: "/proxy/apps/match?limit=1" + cursor, body: body})
	}
	const body = `{"apps":[{"name":"Slack"},{"name":"Zoom"}]}`
	first := b.ok(post(body, ""))
	if first.NextCursor == nil {
		t.Fatal("there is no second page")
	}
	cursor := "&next_cursor=" + *first.NextCursor
	b.ok(post(body, cursor))
	b.refused(post(`{"apps":[{"name":"Slack"},{"name":"Jira"}]}`, cursor), 400, "CURSOR_INVALID")
}

// TestD4RawPages refuses to cut the provider's own bytes.
func TestD4RawPages(t *testing.T) {
	b := newBench(t, emulator.Options{NoRateLimits: true}, unlimited(t))
	raw := func(path string) answer {
		return b.do(request{path: path, header: map[string]string{"Sando-Raw": "true"}})
	}
	for _, path := range []string{"/proxy/roles?limit=1", "/proxy/user_custom_fields?limit=1"} {
		if e := b.refused(raw(path), 400, "VALIDATION_FAILED"); !strings.Contains(e.Message, "limit") {
			t.Errorf("%s: %s", path, e.Message)
		}
		cursor := *b.ok(b.get(path)).NextCursor
		before, _, _ := strings.Cut(path, "?")
		b.refused(raw(before+"?next_cursor="+cursor), 400, "VALIDATION_FAILED")
	}
	if a := raw("/proxy/users?limit=1"); a.status != 200 || !strings.Contains(string(a.body), `"nextCursor"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.do(request{path: "/proxy/users", header: map[string]string{"Sando-Raw": "true", "Accept": "application/x-ndjson"}}); a.status != 400 {
		t.Errorf("a raw stream: %d %s", a.status, a.body)
	}
}

// TestD2Aggregations asks every operation that takes it for an aggregation, on
// every surface and over all pages.
func TestD2Aggregations(t *testing.T) {
	b := newBench(t, emulator.Options{NoRateLimits: true}, unlimited(t))
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{"users": "lifecycleStatus", "apps": "state", "contracts": "status"}
	for _, op := range data.Operations("torii") {
		_, resource, _ := catalog.SplitID(op.GetId())
		parameter := op.GetResponse().GetAggregationsParameter()
		if takes := slices.ContainsFunc(op.GetRequest().GetParameters(), func(p *catalogv1.Parameter) bool { return p.GetName() == "aggs" }); takes != (parameter == "aggs") {
			t.Errorf("%s takes aggs: %v, keeps the answer: %v", op.GetId(), takes, parameter != "")
		}
		if parameter == "" {
			continue
		}
		query := url.Values{parameter: {`{"field":"` + fields[resource] + `","aggregationType":"groupBy"}`}, "limit": {"2"}}
		e := b.ok(b.do(callOf(op, query)))
		want := string(e.Aggregations)
		var buckets []map[string]any
		if err := json.Unmarshal(e.Aggregations, &buckets); err != nil || len(buckets) == 0 || buckets[0]["key"] == nil {
			t.Fatalf("%s: %s: %v", op.GetId(), e.Aggregations, err)
		}
		// The next page has it as well.
		query.Set("next_cursor", *e.NextCursor)
		if again := b.ok(b.do(callOf(op, query))); string(again.Aggregations) != want {
			t.Errorf("%s: the second page has %s", op.GetId(), again.Aggregations)
		}
		query.Del("next_cursor")
		text := query.Encode()
		page, err := b.rpc(tokenAccount).List(t.Context(), &proxyv1.ListRequest{Resource: resource, Query: &text})
		if err != nil || string(page.GetAggregations().GetJson()) != want {
			t.Errorf("%s: RPC has %s, %v", op.GetId(), page.GetAggregations().GetJson(), err)
		}
		stream, err := b.rpc(tokenAccount).ListAll(t.Context(), &proxyv1.ListAllRequest{Resource: resource, Query: &text})
		if err != nil {
			t.Fatal(err)
		}
		for {
			part, err := stream.Receive()
			if err != nil {
				t.Fatal(err)
			}
			if part.GetSummary() != nil {
				break
			}
			if got := string(part.GetPage().GetAggregations().GetJson()); got != want {
				t.Errorf("%s: ListAll has %s", op.GetId(), got)
			}
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
		r := callOf(op, query)
		r.header = map[string]string{"Accept": "application/x-ndjson"}
		lines := string(b.do(r).body)
		if strings.Count(lines, `"aggregations":`+want+`}}`+"\n") != strings.Count(lines, `{"page":`) {
			t.Errorf("%s: lines have %s", op.GetId(), lines)
		}
		// Without the argument there is none.
		if e := b.ok(b.do(callOf(op, nil))); e.Aggregations != nil {
			t.Errorf("%s: %s comes unasked", op.GetId(), e.Aggregations)
		}
	}
}

// TestD2LargeAggregations are refused with a reason, before anything is answered
// where that is possible.
func TestD2LargeAggregations(t *testing.T) {
	b := newProviderBench(t, answering(`{"aggregations":["`+strings.Repeat("a", 1<<20)+`"],"users":[],"nextCursor":null}`))
	if e := b.refused(b.get("/proxy/users?aggs=%7B%7D"), 413, "RESULT_TOO_LARGE"); !strings.Contains(e.Message, "aggregations") {
		t.Error(e.Message)
	}
}
