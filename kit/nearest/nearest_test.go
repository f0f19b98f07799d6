package nearest_test

import (
	"testing"

	"github.com/sando-dev/sando/kit/nearest"
)

func TestOf(t *testing.T) {
	names := []string{"limit", "next_cursor", "status", "users", "user_applications"}
	tests := map[string]string{
		"limt":             "limit",
		"limti":            "limit",
		"user":             "users",
		"usres":            "users",
		"user_aplication":  "user_applications",
		"nextCursor":       "next_cursor",
		"zebra":            "",
		"":                 "",
		"completely_other": "",
	}
	for word, want := range tests {
		if got := nearest.Of(word, names); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	if got := nearest.Of("x", nil); got != "" {
		t.Errorf("no names: %q", got)
	}
}
