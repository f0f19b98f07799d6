// Package query reads and rewrites query strings without decoding what is
// passed on: order, repetitions and escapes of a caller's parameters reach the
// provider as given.
package query

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A Pair is one parameter. Raw is what stands in the query string; Key and
// Value are decoded.
type Pair struct {
	Raw        string
	Key, Value string
}

// A Query is a query string in the order in which it was given.
type Query []Pair

// Parse reads a query string. A broken escape, and a semicolon, which some
// servers take for a separator, are errors.
func Parse(raw string) (Query, error) {
	if raw == "" {
		return nil, nil
	}
	q := make(Query, 0, 1+strings.Count(raw, "&"))
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		if i := strings.IndexFunc(part, unsafe); i >= 0 {
			return nil, fmt.Errorf("the query has the character %q, which must be percent-encoded", part[i])
		}
		key, value, _ := strings.Cut(part, "=")
		k, err := url.QueryUnescape(key)
		if err != nil {
			return nil, fmt.Errorf("the parameter name %q is not percent-encoded correctly", key)
		}
		v, err := url.QueryUnescape(value)
		if err != nil {
			return nil, fmt.Errorf("the value of %q is not percent-encoded correctly", k)
		}
		q = append(q, Pair{Raw: part, Key: k, Value: v})
	}
	return q, nil
}

// unsafe says what may not stand in a query string sent to a provider.
func unsafe(r rune) bool { return r <= ' ' || r == ';' || r == '#' || r == 0x7f }

// Take removes every parameter of a name and returns the value of the first.
func (q Query) Take(key string) (value string, given bool, rest Query) {
	if !q.Has(key) {
		return "", false, q
	}
	rest = make(Query, 0, len(q))
	for _, p := range q {
		switch {
		case p.Key != key:
			rest = append(rest, p)
		case !given:
			value, given = p.Value, true
		}
	}
	return value, given, rest
}

// Has says whether a parameter is given.
func (q Query) Has(key string) bool {
	return slices.ContainsFunc(q, func(p Pair) bool { return p.Key == key })
}

// Repeats says whether a parameter is given more than once.
func (q Query) Repeats(key string) bool {
	n := 0
	for _, p := range q {
		if p.Key == key {
			n++
		}
	}
	return n > 1
}

// Rename gives a parameter the name that the provider knows.
func (q Query) Rename(from, to string) {
	for i, p := range q {
		if p.Key != from {
			continue
		}
		_, value, hasValue := strings.Cut(p.Raw, "=")
		q[i].Key, q[i].Raw = to, url.QueryEscape(to)
		if hasValue {
			q[i].Raw += "=" + value
		}
	}
}

// Add appends a parameter.
func (q Query) Add(key, value string) Query {
	return append(q, Pair{Key: key, Value: value, Raw: url.QueryEscape(key) + "=" + url.QueryEscape(value)})
}

// String is the query string.
func (q Query) String() string {
	switch len(q) {
	case 0:
		return ""
	case 1:
		return q[0].Raw
	}
	n := len(q) - 1
	for _, p := range q {
		n += len(p.Raw)
	}
	var b strings.Builder
	b.Grow(n)
	for i, p := range q {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.Raw)
	}
	return b.String()
}

// Binding is the fixed form that cursors are bound to: every parameter except
// those given, decoded and sorted, so that neither order nor spelling matters.
func (q Query) Binding(except ...string) string {
	if len(q) == 0 {
		return ""
	}
	parts := make([]string, 0, len(q))
	for _, p := range q {
		if !slices.Contains(except, p.Key) {
			parts = append(parts, url.QueryEscape(p.Key)+"="+url.QueryEscape(p.Value))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "&")
}
