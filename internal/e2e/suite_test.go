package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAllInOne(t *testing.T) {
	_, s := startDev(t)
	runSuite(t, s)
}

// runSuite replays every case file over every transport.
func runSuite(t *testing.T, s stack) {
	t.Helper()
	files := caseFiles(t)
	ways := transports(t, s)
	for _, way := range slices.Sorted(maps.Keys(ways)) {
		for _, file := range slices.Sorted(maps.Keys(files)) {
			t.Run(way+"/"+file, func(t *testing.T) { replay(t, s, ways[way], files[file]) })
		}
	}
}

// replay runs the cases of a file in order; a later one may use what an earlier one saved.
func replay(t *testing.T, s stack, way transport, cases []testCase) {
	values := map[string]any{"account": s.account, "environment": s.environment, "torii_api_key": s.toriiKey}
	_, rest := way.(restOver)
	for _, c := range cases {
		if c.RESTOnly && !rest {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			c = substitute(t, c, values)
			got := way.call(t, c, tokenOf(t, c, s, values))
			for end := time.Now().Add(time.Second); c.Soon && !c.Want.met(got) && time.Now().Before(end); {
				got = way.call(t, c, tokenOf(t, c, s, values))
			}
			c.Want.check(t, got)
			for name, path := range c.Save {
				v, ok := lookup(got.body, path)
				if !ok {
					t.Fatalf("nothing to save at %s", path)
				}
				values[name] = v
			}
		})
	}
}

func tokenOf(t *testing.T, c testCase, s stack, values map[string]any) string {
	t.Helper()
	switch c.Token {
	case "", "api":
		return s.apiToken
	case "none":
		return ""
	case "wrong":
		return "sando_api_" + strings.Repeat("w", 43)
	}
	token, ok := values[c.Token].(string)
	if !ok {
		t.Fatalf("no token %q was saved", c.Token)
	}
	return token
}

// substitute puts saved values into a case. A value that is all of a string keeps its type in bodies; inside of other text, and where the
// request wants text, it is written out.
func substitute(t *testing.T, c testCase, values map[string]any) testCase {
	t.Helper()
	c.REST = expand(c.REST, values)
	c.Request, _ = fill(c.Request, values, false).(map[string]any)
	has := make(map[string]any, len(c.Want.Has))
	for path, v := range c.Want.Has {
		has[path] = fill(v, values, true)
	}
	c.Want.Has = has
	return c
}

func fill(v any, values map[string]any, typed bool) any {
	switch x := v.(type) {
	case map[string]any:
		filled := make(map[string]any, len(x))
		for k, e := range x {
			// A body is the provider's: its numbers stay numbers. The rest of a request is ours: its ids are text.
			filled[k] = fill(e, values, typed || k == "body")
		}
		return filled
	case []any:
		filled := make([]any, len(x))
		for i, e := range x {
			filled[i] = fill(e, values, typed)
		}
		return filled
	case string:
		if name, ok := strings.CutPrefix(x, "$"); ok && typed {
			if saved, ok := values[name]; ok {
				return saved
			}
		}
		return expand(x, values)
	}
	return v
}

// expand writes values into text, longest names first.
func expand(text string, values map[string]any) string {
	names := slices.SortedFunc(maps.Keys(values), func(a, b string) int { return len(b) - len(a) })
	for _, name := range names {
		v := values[name]
		if n, ok := v.(json.Number); ok {
			v = n.String()
		}
		text = strings.ReplaceAll(text, "$"+name, fmt.Sprint(v))
	}
	return text
}
