// Package nearest finds the names that a mistyped one was probably meant to be.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

const (
	maxNames  = 3
	maxLength = 100 // longer names are not compared: the distance costs their product
)

// Names returns at most three of the candidates, the closest first. A candidate counts when its edit distance (insertions, deletions,
// substitutions, neighbours swapped; case ignored) is at most a third of the longer name, or when one contains the other.
func Names(name string, of []string) []string {
	if name == "" || len(name) > maxLength {
		return nil
	}
	type scored struct {
		name string
		cost int
	}
	var found []scored
	lower := strings.ToLower(name)
	for _, candidate := range of {
		if len(candidate) > maxLength {
			continue
		}
		c := strings.ToLower(candidate)
		bound := max(1, max(len(lower), len(c))/3)
		cost := distance(lower, c)
		if cost > bound && !related(lower, c) {
			continue
		}
		found = append(found, scored{candidate, cost})
	}
	slices.SortFunc(found, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.name, b.name))
	})
	out := make([]string, 0, maxNames)
	for _, f := range found[:min(len(found), maxNames)] {
		out = append(out, f.name)
	}
	return out
}

// Hint words the nearest names as the end of a sentence, e.g. `; did you mean "users"?`, or returns nothing.
func Hint(name string, of []string) string {
	near := Names(name, of)
	if len(near) == 0 {
		return ""
	}
	return `; did you mean "` + strings.Join(near, `" or "`) + `"?`
}

func related(a, b string) bool {
	return min(len(a), len(b)) >= 3 && (strings.Contains(a, b) || strings.Contains(b, a))
}

// distance is the optimal string alignment distance over bytes.
func distance(a, b string) int {
	before := make([]int, len(b)+1)
	last := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
