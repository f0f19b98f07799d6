package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
)

// The doctor finds what is missing in every store, without making or migrating one, and is content after `sando migrate`.
func TestDoctor(t *testing.T) {
	server := pgtest.Start(t)
	dir := filepath.Join(t.TempDir(), "data")
	start(t, nil, "sando", "keys", "generate", "--data-dir", dir).succeed(t)
	for name, stores := range map[string][]string{
		"SQLite": nil,
		"PostgreSQL": {
			"SANDO_AUTH_STORE_URL=" + server.Database(t, ""), "SANDO_PROXY_STORE_URL=" + server.Database(t, ""), "SANDO_UNIFIED_STORE_URL=" + server.Database(t, ""),
		},
	} {
		t.Run(name, func(t *testing.T) {
			about := []string{"--data-dir", dir, "--edge.listen", kittest.FreeAddr(t)}
			doctor := func() string {
				p := start(t, stores, "sando", append([]string{"doctor"}, about...)...)
				if err := <-p.exited; err == nil {
					t.Error("the doctor is content although no server runs")
				}
				p.exited <- nil
				return p.stdout.String()
			}
			found := doctor()
			for _, want := range []string{"ok    settings", "ok    data folder", "ok    key ring", "FAIL  server"} {
				if !strings.Contains(found, want) {
					t.Errorf("not said: %q\n%s", want, found)
				}
			}
			if n := strings.Count(found, "sando migrate"); n != 3 {
				t.Errorf("%d stores are to be migrated, want 3:\n%s", n, found)
			}
			if made, err := filepath.Glob(filepath.Join(dir, "*.db")); err != nil || len(made) > 0 {
				t.Errorf("the doctor made %v (%v)", made, err)
			}
			start(t, stores, "sando", append([]string{"migrate"}, about...)...).succeed(t)
			found = doctor()
			for _, want := range []string{"ok    keys and database of auth", "ok    database of proxy", "ok    database of unified"} {
				if !strings.Contains(found, want) {
					t.Errorf("not said: %q\n%s", want, found)
				}
			}
			for file := range strings.FieldsSeq("auth.db proxy.db unified.db") {
				if err := os.Remove(filepath.Join(dir, file)); err != nil && !os.IsNotExist(err) {
					t.Error(err)
				}
			}
		})
	}
}
