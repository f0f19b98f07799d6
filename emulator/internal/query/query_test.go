package query

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sando-dev/sando/emulator/internal/wire"
)

// row is a record for the tests: an id and its fields.
type row struct {
	id     int64
	fields map[string]any
}

func find(key string) (Field[row], bool) {
	if !slices.Contains([]string{"id", "n", "s", "d", "list", "owner", "none", "b", "big"}, key) {
		return Field[row]{}, false
	}
	return Field[row]{Key: key, Get: func(r row) any {
		if key == "id" {
			return r.id
		}
		return r.fields[key]
	}}, true
}

var now = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

func TestOperators(t *testing.T) {
	r := row{7, map[string]any{
		"n": int64(5), "s": "Größe", "d": "2026-11-18T23:59:00.000Z", "list": []string{"a", "b"}, "b": true, "big": int64(9007199254740993),
		"owner": wire.Obj("id", int64(3), "name", "Ada"), "none": nil,
	}}
	for _, tt := range []struct {
		key, op, value string
		want           bool
	}{
		{"n", "equals", "5", true},
		{"n", "equals", "5.0", true},
		{"n", "equals", `"5"`, false},
		{"n", "notEquals", "4", true},
		{"s", "contains", `"RÖSS"`, false},
		{"s", "contains", `"RÖ"`, true},
		{"s", "notContains", `"x"`, true},
		{"list", "contains", `"a"`, true},
		{"list", "contains", `"c"`, false},
		{"list", "anyOf", `["c","b"]`, true},
		{"list", "noneOf", `["c"]`, true},
		{"list", "allOf", `["a","b"]`, true},
		{"list", "allOf", `["a","c"]`, false},
		{"list", "isExactly", `["b","a"]`, true},
		{"list", "isExactly", `["a"]`, false},
		{"list", "equals", `["a","b"]`, true},
		{"n", "anyOf", "[4,5]", true},
		{"n", "anyOf", "5", true},
		{"none", "isSet", "null", false},
		{"none", "isNotSet", "null", true},
		{"n", "exists", "null", true},
		{"none", "notExists", "null", true},
		{"none", "equals", "null", true},
		{"none", "lt", "5", false},
		{"none", "notEquals", "5", true},
		{"n", "gt", "4", true},
		{"n", "gte", "5", true},
		{"n", "lt", "5", false},
		{"n", "lte", "5", true},
		{"b", "equals", "true", true},
		{"big", "equals", "9007199254740993", true},
		{"big", "equals", "9007199254740992", false},
		{"big", "gt", "9007199254740992", true},
		{"d", "gt", `"2026-11-18"`, true},
		{"d", "lt", `"2026-11-18T23:59:01Z"`, true},
		{"d", "dayAfter", `"2026-11-18"`, false},
		{"d", "dayOnOrAfter", `"2026-11-18"`, true},
		{"d", "dayBefore", `"2026-11-19"`, true},
		{"d", "dayOnOrBefore", `"2026-11-17"`, false},
		{"d", "relativeDateOn", "-2", true},
		{"d", "relativeDateOn", "2", false},
		{"d", "relativeDateToday", "null", false},
		{"d", "relativeDateLess", "-3", true},
		{"d", "relativeDateLess", "-1", false},
		{"d", "relativeDateMore", "-1", true},
		{"d", "relativeDateMore", "3", false},
		{"owner", "equals", "3", true},
		{"owner", "nested", `[{"key":"name","op":"equals","value":"Ada"}]`, true},
		{"owner", "nested", `[{"key":"name","op":"equals","value":"Bob"}]`, false},
		{"n", "nested", `[]`, false},
		{"", "or", `[{"key":"n","op":"equals","value":1},{"key":"n","op":"equals","value":5}]`, true},
		{"", "or", `[]`, false},
		{"", "and", `[{"key":"n","op":"equals","value":1},{"key":"n","op":"equals","value":5}]`, false},
		{"", "and", `[]`, true},
	} {
		text := fmt.Sprintf(`[{"key":%q,"op":%q,"value":%s}]`, tt.key, tt.op, tt.value)
		match, err := ParseFilters(find, text, now)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := match(r); got != tt.want {
			t.Errorf("%s: %v, want %v", text, got, tt.want)
		}
	}
}

func TestRefusedFilters(t *testing.T) {
	deep := strings.Repeat(`[{"op":"and","value":`, 12) + "[]" + strings.Repeat("}]", 12)
	for text, mention := range map[string]string{
		`{}`: "array", `[1]`: "array", `[{"key":"n","op":"equals","value":1}] x`: "array", `[{"key":"n","op":"equals","value":1,"x":2}]`: "array",
		`[{"key":"zzz","op":"equals","value":1}]`: "zzz", `[{"key":"n","op":"like","value":1}]`: "like", `[{"key":"n","op":"equals"}]`: "value",
		`[{"key":"d","op":"dayAfter","value":"soon"}]`: "date", `[{"key":"d","op":"relativeDateOn","value":"x"}]`: "days", `[{"key":"n","op":"equals","value":{}}]`: "scalar", `[{"key":"n","op":"anyOf","value":[[1]]}]`: "scalar",
		`[{"op":"or","value":1}]`: "array", `[{"key":"owner","op":"nested","value":1}]`: "array", deep: "deep",
	} {
		if _, err := ParseFilters(find, text, now); err == nil || !strings.Contains(err.Error(), mention) {
			t.Errorf("%.60s: error %v, want one that mentions %q", text, err, mention)
		}
	}
}

func rows(n int) []row {
	list := make([]row, n)
	for i := range list {
		list[i] = row{int64(i), map[string]any{"n": int64(i % 7), "s": fmt.Sprint(i % 3)}}
		if i%5 == 0 {
			list[i].fields["n"] = nil
		}
	}
	return list
}

func TestEveryOrderPagesEachRecordOnce(t *testing.T) {
	for _, order := range []string{"", "n", "n:desc", "s:asc,n:desc", "n:desc,s", "none:desc", "id:desc"} {
		for size := 1; size < 12; size++ {
			o, err := ParseOrder(find, order)
			if err != nil {
				t.Fatal(err)
			}
			list := List[row]{Source: Slice[row](rows(40)), ID: func(r row) int64 { return r.id }, Order: o, Size: size, Match: func(r row) bool { return r.id != 13 }}
			var ids []int64
			for range 100 {
				page, err := list.Page()
				if err != nil || page.Total != 39 {
					t.Fatalf("total %d, %v", page.Total, err)
				}
				for _, r := range page.Rows {
					ids = append(ids, r.id)
				}
				if list.Cursor = page.Next; page.Next == "" {
					break
				}
			}
			slices.Sort(ids)
			if len(ids) != 39 || len(slices.Compact(ids)) != 39 {
				t.Errorf("sort %q, size %d: ids %v", order, size, ids)
			}
		}
	}
}

func TestOrderPutsNullLastAndKeepsDirections(t *testing.T) {
	o, err := ParseOrder(find, "n:asc,id:desc")
	if err != nil {
		t.Fatal(err)
	}
	page, err := List[row]{Source: Slice[row](rows(10)), ID: func(r row) int64 { return r.id }, Order: o, Size: 10}.Page()
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, r := range page.Rows {
		ids = append(ids, r.id)
	}
	if want := []int64{7, 8, 1, 9, 2, 3, 4, 6, 5, 0}; !slices.Equal(ids, want) {
		t.Errorf("order %v, want %v", ids, want)
	}
}

func TestRestatedCursorsMeanTheSame(t *testing.T) {
	for _, cursor := range []string{"", base64.StdEncoding.EncodeToString([]byte(`["5"]`))} {
		other := Restate(cursor)
		a, errA := decodeCursor(cursor, 0)
		b, errB := decodeCursor(other, 0)
		if errA != nil || errB != nil || other == cursor || cmp.Diff(a, b, cmp.AllowUnexported(position{})) != "" {
			t.Errorf("%q and %q: %v %v %v %v", cursor, other, a, b, errA, errB)
		}
	}
}

func TestAggregateRanges(t *testing.T) {
	list := []row{{1, map[string]any{"d": "2026-01-15T00:00:00.000Z", "n": int64(4)}}, {2, map[string]any{"d": "2026-02-01T00:00:00.000Z", "n": int64(6)}}, {3, map[string]any{"d": nil}}}
	for text, want := range map[string]string{
		`{"field":"d","aggregationType":"date_range","options":{"ranges":[{"from":"2026-01-01","to":"2026-02-01"},{"from":"2026-02-01"},{"to":"2026-03-01"}]}}`: `[{"key":"2026-01-01-2026-02-01","value":1,"groupCount":1},{"key":"2026-02-01-","value":1,"groupCount":1},{"key":"-2026-03-01","value":2,"groupCount":2}]`,
		`{"field":"d","aggregationType":"date_histogram","options":{"datePeriod":"monthly"}}`:                                                                   `[{"key":"2026-01-01T00:00:00.000Z","value":1,"groupCount":1},{"key":"2026-02-01T00:00:00.000Z","value":1,"groupCount":1}]`,
		`{"field":"d","aggregationType":"date_histogram","options":{"dateHistogramOptions":{"datePeriod":"quarterly"}}}`:                                        `[{"key":"2026-01-01T00:00:00.000Z","value":2,"groupCount":2}]`,
		`{"field":"d","aggregationType":"date_histogram","options":{"datePeriod":"weekly","hardBounds":{"min":"2026-01-20"}}}`:                                  `[{"key":"2026-01-26T00:00:00.000Z","value":1,"groupCount":1}]`,
		`{"field":"d","aggregationType":"date_histogram","options":{"datePeriod":"monthly","extendedBounds":{"min":"2025-12-05","max":"2026-02-02"}}}`:          `[{"key":"2025-12-01T00:00:00.000Z","value":0,"groupCount":0},{"key":"2026-01-01T00:00:00.000Z","value":1,"groupCount":1},{"key":"2026-02-01T00:00:00.000Z","value":1,"groupCount":1}]`,
		`{"field":"n","aggregationType":"metric","options":{"metricFunction":"avg"}}`:                                                                           `[{"key":"n","value":5,"groupCount":3}]`,
		`{"field":"n","aggregationType":"metric","options":{"metricFunction":"sum"}}`:                                                                           `[{"key":"n","value":10,"groupCount":3}]`,
		`{"field":"none","aggregationType":"metric","options":{"metricFunction":"min"}}`:                                                                        `[{"key":"none","value":null,"groupCount":3}]`,
		`{"field":"n","aggregationType":"groupBy","options":{"size":1,"sort":{"order":"desc"}}}`:                                                                `[{"key":4,"value":1,"groupCount":1}]`,
	} {
		buckets, err := Aggregate(find, text, slices.Values(list))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := string(wire.Append(nil, buckets)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
	for _, text := range []string{
		`{"field":"d","aggregationType":"date_histogram","options":{"datePeriod":"daily"}}`, `{"field":"d","aggregationType":"date_range","options":{"ranges":[{"from":"x"}]}}`,
		`{"field":"n","aggregationType":"metric","options":{"metricFunction":"median"}}`, `{"field":"n","aggregationType":"groupBy","x":1}`,
		`{"field":"d","aggregationType":"date_histogram","options":{"datePeriod":"monthly","extendedBounds":{"min":"1900-01-01","max":"9000-01-01"}}}`,
	} {
		if _, err := Aggregate(find, text, slices.Values(list)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func FuzzFilters(f *testing.F) {
	f.Add(`[{"key":"n","op":"equals","value":5}]`)
	f.Add(`[{"op":"or","value":[{"key":"list","op":"allOf","value":["a"]}]}]`)
	f.Add(`[{"key":"owner","op":"nested","value":[{"key":"id","op":"gt","value":1e400}]}]`)
	f.Add(`[{"key":"owner","op":"anyOf","value":[{}]}]`)
	list := rows(8)
	f.Fuzz(func(t *testing.T, text string) {
		match, err := ParseFilters(find, text, now)
		if err != nil {
			return
		}
		for _, r := range list {
			match(r)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("WyIxMDE1MTkiXQ==", 0)
	f.Add("WzE0NjM1Mzg4NTcsIjY1NDMyMyJd", 1)
	f.Add(base64.StdEncoding.EncodeToString([]byte(`[{},"1"]`)), 1)
	f.Fuzz(func(t *testing.T, text string, fields int) {
		if fields < 0 || fields > 3 {
			return
		}
		p, err := decodeCursor(text, fields)
		if err == nil && p != nil && len(p.values) != fields {
			t.Errorf("%q gives %d values, want %d", text, len(p.values), fields)
		}
	})
}
