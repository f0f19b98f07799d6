package proxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect/v2/connecthttp"

	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/emulator"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
)

// unlimited lifts the rate limits of the catalog, which a walk of many pages
// would have to wait for.
func unlimited(t testing.TB) func(*Config, *Deps) {
	t.Helper()
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range data.Operations("torii") {
		op.RateLimitPerMinute = math.MaxInt32
	}
	return func(_ *Config, d *Deps) { d.Catalog = data }
}

// idOf reads the id of a row.
func idOf(t testing.TB, row []byte) int64 {
	t.Helper()
	var user struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal(row, &user); err != nil {
		t.Fatalf("%s: %v", row, err)
	}
	return user.ID
}

func TestWalkOfHundredThousandUsersSeesEachOnce(t *testing.T) {
	b := newBench(t, emulator.Options{Users: emulator.MaxUsers, NoRateLimits: true}, unlimited(t))
	ways := map[string]func(see func(row []byte)){
		"pages": func(see func([]byte)) {
			for query := "limit=1000&fields=id"; query != ""; {
				e := b.ok(b.get("/proxy/users?" + query))
				var rows []json.RawMessage
				if err := json.Unmarshal(e.Result, &rows); err != nil {
					t.Fatal(err)
				}
				for _, row := range rows {
					see(row)
				}
				query = ""
				if e.NextCursor != nil {
					query = "limit=1000&fields=id&next_cursor=" + *e.NextCursor
				}
			}
		},
		"lines": func(see func([]byte)) { b.eachLine("limit=1000&fields=id", see) },
	}
	for name, walk := range ways {
		t.Run(name, func(t *testing.T) {
			b.t = t
			seen := make(map[int64]bool, emulator.MaxUsers)
			walk(func(row []byte) {
				id := idOf(t, row)
				if seen[id] {
					t.Errorf("user %d came twice", id)
				}
				seen[id] = true
			})
			if len(seen) != emulator.MaxUsers {
				t.Errorf("%d users, want %d", len(seen), emulator.MaxUsers)
			}
		})
	}
}

// eachLine reads a stream of lines to its summary.
func (b *bench) eachLine(query string, see func(row []byte)) {
	b.t.Helper()
	a := b.do(request{path: "/proxy/users?" + query, header: map[string]string{"Accept": "application/x-ndjson"}})
	if a.status != http.StatusOK || a.err != nil {
		b.t.Fatalf("%d, %v", a.status, a.err)
	}
	lines := bufio.NewScanner(bytes.NewReader(a.body))
	for lines.Scan() {
		line := lines.Bytes()
		switch {
		case bytes.HasPrefix(line, []byte(`{"page":`)):
		case bytes.HasPrefix(line, []byte(`{"summary":`)):
			return
		default:
			see(line)
		}
	}
	b.t.Error("the stream has no summary")
}

func TestLinesGoOnWhereTheyBrokeOff(t *testing.T) {
	b := newBench(t, emulator.Options{NoRateLimits: true}, impatient)
	b.fault(emulator.Fault{Kind: emulator.FaultCut, Operation: "users.list", Skip: 1, Times: -1})
	a := b.do(request{path: "/proxy/users?limit=100", header: map[string]string{"Accept": "application/x-ndjson"}})
	if a.err == nil {
		t.Fatal("a stream that broke off looks whole")
	}
	seen := map[int64]bool{}
	var resume string
	for line := range strings.Lines(string(a.body)) {
		var page struct {
			Page *struct {
				NextCursor string `json:"next_cursor"`
			} `json:"page"`
		}
		if json.Unmarshal([]byte(line), &page) == nil && page.Page != nil {
			resume = page.Page.NextCursor
			break
		}
		seen[idOf(t, []byte(line))] = true
	}
	if resume == "" || len(seen) != 100 {
		t.Fatalf("cursor %q after %d users", resume, len(seen))
	}
	b.emulator.ClearFaults()
	b.eachLine("limit=100&next_cursor="+resume, func(row []byte) {
		id := idOf(t, row)
		if seen[id] {
			t.Errorf("user %d came twice", id)
		}
		seen[id] = true
	})
	if len(seen) != 250 {
		t.Errorf("%d users, want 250", len(seen))
	}
}

func TestListAllOverGRPC(t *testing.T) {
	b := newBench(t, emulator.Options{})
	limit := int32(100)
	stream, err := b.over(nil, connecthttp.WithGRPC()).ListAll(t.Context(), &proxyv1.ListAllRequest{Resource: "users", Limit: &limit})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var pages []string
	for {
		part, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if sum := part.GetSummary(); sum != nil {
			pages = append(pages, fmt.Sprintf("sum %d in %d", sum.GetResultCount(), sum.GetPages()))
			continue
		}
		page := part.GetPage()
		pages = append(pages, fmt.Sprintf("%d, more %v", page.GetResultCount(), page.NextCursor != nil))
	}
	if got, want := strings.Join(pages, "; "), "100, more true; 100, more true; 50, more false; sum 250 in 3"; got != want {
		t.Errorf("parts: %s, want %s", got, want)
	}
}

// TestDriftIsSurvived changes the list while it is walked: rows move, but the
// walk ends, and no page is an error.
func TestDriftIsSurvived(t *testing.T) {
	for _, kind := range []emulator.FaultKind{emulator.FaultRowInserted, emulator.FaultRowRemoved, emulator.FaultDuplicateRows} {
		t.Run(string(kind), func(t *testing.T) {
			b := newBench(t, emulator.Options{NoRateLimits: true})
			b.fault(emulator.Fault{Kind: kind, Operation: "users.list", Times: -1})
			n := 0
			b.eachLine("limit=100", func([]byte) { n++ })
			if n < 240 || n > 260 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

func TestBigNumbersAndDuplicateKeysPassUnchanged(t *testing.T) {
	b := newBench(t, emulator.Options{NoRateLimits: true})
	b.fault(emulator.Fault{Kind: emulator.FaultBigNumbers, Operation: "users.list", Times: -1})
	const beyond = 1 << 53
	for name, read := range map[string]func() []byte{
		"REST": func() []byte { return b.ok(b.get("/proxy/users?limit=1")).Result },
		"RPC": func() []byte {
			page, err := b.rpc(tokenAccount).List(t.Context(), &proxyv1.ListRequest{Resource: "users"})
			if err != nil {
				t.Fatal(err)
			}
			return page.GetResult().GetJson()
		},
	} {
		var rows []struct {
			ID json.Number `json:"id"`
		}
		if err := json.Unmarshal(read(), &rows); err != nil {
			t.Fatal(err)
		}
		id, err := rows[0].ID.Int64()
		if err != nil || id <= beyond {
			t.Errorf("%s: id %s", name, rows[0].ID)
		}
	}
}
