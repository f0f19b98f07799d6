package nearest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	resources := []string{"users", "user_applications", "application_users", "apps", "roles", "contracts", "audit_logs"}
	tests := []struct {
		name string
		want []string
	}{
		{"user", []string{"users", "application_users", "user_applications"}},
		{"uesrs", []string{"users"}},
		{"Contracts", []string{"contracts"}},
		{"aps", []string{"apps"}},
		{"zebra", []string{}},
		{"", nil},
		{strings.Repeat("u", maxLength+1), nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, Names(tt.name, resources)); diff != "" {
			t.Errorf("Names(%q) (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"kitten", "sitting", 3},
		{"ab", "ba", 1},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

func TestHint(t *testing.T) {
	if got, want := Hint("titel", []string{"title", "tags"}), `; did you mean "title"?`; got != want {
		t.Errorf("Hint = %q, want %q", got, want)
	}
	if got := Hint("zebra", []string{"title"}); got != "" {
		t.Errorf("Hint = %q, want nothing", got)
	}
}
