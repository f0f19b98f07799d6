package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/emulator"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

// newProviderBench starts a proxy in front of a provider of the test's own.
func newProviderBench(t testing.TB, provider http.Handler, change ...func(*Config, *Deps)) *bench {
	t.Helper()
	server := httptest.NewServer(provider)
	t.Cleanup(server.Close)
	change = append(change, func(cfg *Config, _ *Deps) { cfg.BaseURLs = map[string]string{"torii": server.URL} })
	return newBench(t, emulator.Options{}, change...)
}

// answering is a provider that answers every call with one body.
func answering(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	})
}

// lists are the operations of the catalog that answer lists for certain.
func lists(t testing.TB) []*catalogv1.Operation {
	t.Helper()
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(data.Operations("torii"), func(op *catalogv1.Operation) bool {
		return !catalog.Pages(op) || op.GetResponse().GetShape() != catalog.ShapeArray
	})
}

// callOf makes a request of an operation: with all that it needs, and a query.
func callOf(op *catalogv1.Operation, query url.Values) request {
	verb, path := catalog.PublicRoute(op)
	values := url.Values{}
	for _, p := range op.GetRequest().GetParameters() {
		if p.GetRequired() && p.GetName() != "id" {
			values.Set(p.GetName(), "1")
		}
	}
	for name, v := range query {
		values[name] = v
	}
	r := request{method: verb, path: strings.ReplaceAll(path, "{id}", "1") + "?" + values.Encode()}
	if body := op.GetRequest().GetBody(); body != nil {
		members := map[string]int{}
		for _, f := range body.GetFields() {
			if f.GetRequired() {
				members[f.GetName()] = 1
			}
		}
		text, _ := json.Marshal(members) // a map of numbers can be written
		r.body = string(text)
	}
	return r
}

// A shelf is a provider with one list, that changes while it is read. It pages
// the way an operation says.
type shelf struct {
	op *catalogv1.Operation

	mu     sync.Mutex
	rows   []shelved // by key
	served int
	// change is called with the number of pages served so far, before each one.
	change func(s *shelf, served int)
	// repeats has each page by cursor begin with the last row of the one before.
	repeats bool
	// tight has the repeated row take the place of another one.
	tight bool
}

// A shelved row has a place among the others and a name that never changes.
type shelved struct {
	key  float64
	name int
}

func newShelf(op *catalogv1.Operation, n int) *shelf {
	s := &shelf{op: op}
	for i := range n {
		s.rows = append(s.rows, shelved{float64(i), i + 1})
	}
	return s
}

// text is a row as the provider writes it.
func (s *shelf) text(r shelved) string {
	if key := s.op.GetResponse().GetIdKey(); key != "" {
		return fmt.Sprintf(`{"x":{"id":0}, %q:%d,"name":%d}`, key, r.name, r.name)
	}
	return fmt.Sprintf(`{"name":%d}`, r.name)
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.change != nil {
		s.change(s, s.served)
	}
	s.served++
	paging, q := s.op.GetPaging(), r.URL.Query()
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(q.Get(name)); err == nil && name != "" {
			return n
		}
		return otherwise
	}
	size := number(paging.GetSizeParameter(), max(1, int(paging.GetDefaultSize())))
	if most := int(paging.GetMaxSize()); most > 0 && size > most {
		http.Error(w, `{"error":"too large"}`, http.StatusBadRequest)
		return
	}
	from, to, next := 0, len(s.rows), "null"
	switch paging.GetStyle() {
	case catalogv1.PagingStyle_PAGING_STYLE_CURSOR:
		if after, err := strconv.ParseFloat(q.Get(paging.GetPositionParameter()), 64); err == nil {
			from = slices.IndexFunc(s.rows, func(r shelved) bool { return r.key > after })
			if from < 0 {
				from = len(s.rows)
			}
		}
		to = min(len(s.rows), from+size)
		if s.repeats && from > 0 {
			if from--; s.tight {
				to = min(len(s.rows), from+size)
			}
		}
		if to < len(s.rows) {
			next = fmt.Sprintf("%q", fmt.Sprint(s.rows[to-1].key))
		}
	case catalogv1.PagingStyle_PAGING_STYLE_OFFSET:
		from = min(len(s.rows), number(paging.GetPositionParameter(), 0))
		to = min(len(s.rows), from+size)
	case catalogv1.PagingStyle_PAGING_STYLE_INDEX:
		from = min(len(s.rows), number(paging.GetPositionParameter(), 1)-1)
		to = min(len(s.rows), from+size)
	case catalogv1.PagingStyle_PAGING_STYLE_LIMIT_ONLY:
		to = min(len(s.rows), size)
	}
	var texts []string
	for _, row := range s.rows[from:to] {
		texts = append(texts, s.text(row))
	}
	array := "[" + strings.Join(texts, " ,") + "]"
	w.Header().Set("Content-Type", "application/json")
	if keys := s.op.GetResponse().GetDataKeys(); len(keys) > 0 {
		array = fmt.Sprintf(`{%q:%s`, keys[0], array)
		if key := paging.GetTotalKey(); key != "" {
			array += fmt.Sprintf(`,%q:%d`, key, len(s.rows))
		}
		if key := paging.GetNextKey(); key != "" {
			array += fmt.Sprintf(`,%q:%s`, key, next)
		}
		array += "}"
	}
	_, _ = w.Write([]byte(array))
}

// insert puts rows with these names at the head.
func (s *shelf) insert(names ...int) {
	for _, name := range names {
		s.rows = slices.Insert(s.rows, 0, shelved{s.rows[0].key - 1, name})
	}
}

// remove takes rows out.
func (s *shelf) remove(names ...int) {
	s.rows = slices.DeleteFunc(s.rows, func(r shelved) bool { return slices.Contains(names, r.name) })
}

// moveToHead and moveToEnd move a row.
func (s *shelf) moveToHead(name int) { s.remove(name); s.insert(name) }

func (s *shelf) moveToEnd(name int) {
	s.remove(name)
	s.rows = append(s.rows, shelved{s.rows[len(s.rows)-1].key + 1, name})
}

// A walked list is what came of it.
type walked struct {
	names   []int
	pages   int
	shifted bool
}

// walk follows next_cursor to the end, which must come.
func (b *bench) walk(op *catalogv1.Operation, limit int, query url.Values) walked {
	b.t.Helper()
	values := url.Values{catalog.ArgumentLimit: {strconv.Itoa(limit)}}
	for name, v := range query {
		values[name] = v
	}
	var w walked
	for {
		e := b.ok(b.do(callOf(op, values)))
		w.names = append(w.names, names(b.t, e.Result)...)
		if len(names(b.t, e.Result)) != e.Count || e.Count > limit || e.Limit != limit {
			b.t.Errorf("%s: a page of %d rows says %d, of at most %d, asked for %d", op.GetId(), len(names(b.t, e.Result)), e.Count, e.Limit, limit)
		}
		w.shifted = w.shifted || e.Meta.Shifted
		if w.pages++; w.pages > 500 {
			b.t.Fatalf("%s: the walk does not end: %v", op.GetId(), w.names)
		}
		if e.NextCursor == nil {
			return w
		}
		values.Set(catalog.ArgumentCursor, *e.NextCursor)
	}
}

// names are those of rows.
func names(t testing.TB, result json.RawMessage) []int {
	t.Helper()
	var rows []struct{ Name int }
	if err := json.Unmarshal(result, &rows); err != nil {
		t.Fatalf("%s: %v", result, err)
	}
	out := make([]int, len(rows))
	for i, row := range rows {
		out[i] = row.Name
	}
	return out
}
