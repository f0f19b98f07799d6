package e2e

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The six recipes do what their comments say, against a running product.
func TestRecipes(t *testing.T) {
	_, s := startDev(t)
	bin := t.TempDir()
	command(t, "../..", nil, "go", "build", "-o", bin, "./examples/...")
	recipe := func(t *testing.T, name string, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
		c.Env = append(os.Environ(), "SANDO_URL="+s.baseURL, "SANDO_TOKEN="+s.apiToken, "SANDO_ACCOUNT="+s.account)
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, err.(*exec.ExitError).Stderr)
		}
		return string(out)
	}
	t.Run("renewals", func(t *testing.T) {
		table := strings.Split(strings.TrimSpace(recipe(t, "renewals", "-within", "17520h")), "\n")
		if len(table) < 2 || !strings.HasPrefix(table[0], "ENDS") {
			t.Errorf("no contract ends within two years:\n%s", strings.Join(table, "\n"))
		}
	})
	t.Run("accessreview", func(t *testing.T) {
		rows, err := csv.NewReader(strings.NewReader(recipe(t, "accessreview"))).ReadAll()
		if err != nil || len(rows) < 100 {
			t.Fatalf("%d rows: %v", len(rows), err)
		}
		for _, row := range rows[1:] {
			if (row[0] == "remove access") == (row[2] == "active") {
				t.Errorf("finding %q for a user who is %s", row[0], row[2])
			}
		}
	})
	t.Run("shadowit", func(t *testing.T) {
		state := filepath.Join(t.TempDir(), "seen.json")
		first := jsonLines(t, recipe(t, "shadowit", "-state", state))
		again := jsonLines(t, recipe(t, "shadowit", "-state", state))
		if len(first) == 0 || len(again) != 0 {
			t.Errorf("%d tickets at first and %d again, want some and none", len(first), len(again))
		}
	})
	t.Run("workflowsync", func(t *testing.T) {
		lines := jsonLines(t, recipe(t, "workflowsync"))
		if len(lines) < 2 || lines[len(lines)-1]["since"] == nil {
			t.Errorf("%d lines, the last %v: want executions and the next start", len(lines), lines[len(lines)-1])
		}
	})
	t.Run("enrichment", func(t *testing.T) {
		profiles := jsonLines(t, recipe(t, "enrichment"))
		if len(profiles) != 250 || profiles[0]["fields"] == nil {
			t.Errorf("%d profiles, the first %v", len(profiles), profiles[0])
		}
	})
	t.Run("deprovision", func(t *testing.T) {
		out := recipe(t, "deprovision", "-email", "tony@stark.com", "-every", "200ms")
		if !strings.Contains(out, "is now offboarding") || !strings.Contains(out, "0 open") {
			t.Errorf("printed:\n%s", out)
		}
	})
}

func jsonLines(t *testing.T, text string) []map[string]any {
	t.Helper()
	var lines []map[string]any
	dec := json.NewDecoder(strings.NewReader(text))
	for dec.More() {
		var line map[string]any
		if err := dec.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}
