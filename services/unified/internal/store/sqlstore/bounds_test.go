package sqlstore

import (
	"testing"

	"github.com/sando-dev/sando/kit/kittest/pgtest"
)

// TestPostgresBounds: a serving process waits for no statement without end; whoever needs longer says so in the URL.
func TestPostgresBounds(t *testing.T) {
	url := pgtest.Start(t).Database(t, "")
	if err := MigratePostgres(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	for more, want := range map[string]string{"": "1min", "?statement_timeout=300000": "5min"} {
		s, err := OpenPostgres(t.Context(), url+more)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := s.db.QueryRowContext(t.Context(), `SHOW statement_timeout`).Scan(&got); err != nil || got != want {
			t.Errorf("with %q: statement_timeout %q, %v, want %q", more, got, err, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
