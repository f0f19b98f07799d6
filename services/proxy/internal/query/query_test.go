package query

import "testing"

func TestQueryKeepsWhatItPassesOn(t *testing.T) {
	const raw = "b=%7E&a=1&limit=5&a=+x%2b&flag&e="
	q, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := q.String(); got != raw {
		t.Errorf("String = %q, want %q", got, raw)
	}
	limit, given, rest := q.Take("limit")
	if limit != "5" || !given {
		t.Errorf("Take(limit) = %q, %v", limit, given)
	}
	if _, given, same := rest.Take("limit"); given || len(same) != len(rest) {
		t.Error("limit is still there")
	}
	rest.Rename("flag", "is flag")
	rest.Rename("b", "β")
	rest = rest.Add("size", "5 0")
	const want = "%CE%B2=%7E&a=1&a=+x%2b&is+flag&e=&size=5+0"
	if got := rest.String(); got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
}

func TestBindingIgnoresOrderAndSpelling(t *testing.T) {
	binding := func(raw string) string {
		t.Helper()
		q, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		return q.Binding("fields")
	}
	if a, b := binding("x=%41&y=1+2&fields=id"), binding("y=1%202&x=A"); a != b {
		t.Errorf("%q and %q differ", a, b)
	}
	for _, other := range []string{"", "x=A", "x=A&y=1", "x=A&y=1+2&y=1+2", "x=A%26y=1+2"} {
		if binding(other) == binding("x=A&y=1+2") {
			t.Errorf("%q binds like another query", other)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, raw := range []string{"a=%", "%zz=1", "a=1;b=2", "a=1#b", "a b=1", "a=\r\nx"} {
		if q, err := Parse(raw); err == nil {
			t.Errorf("Parse(%q) = %v", raw, q)
		}
	}
}
