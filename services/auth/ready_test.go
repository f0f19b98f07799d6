package auth_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
	"github.com/sando-dev/sando/services/auth"
)

// Who asks whether auth is ready learns that the database is away; why, with its host and user, is for the log.
func TestWhyAuthIsNotReadyIsForTheLog(t *testing.T) {
	cfg := newConfig(t)
	server := pgtest.Start(t)
	url := server.Database(t, "")
	cfg.Store.URL = config.Secret(url)
	if err := auth.Migrate(t.Context(), cfg.Store); err != nil {
		t.Fatal(err)
	}
	w := startWith(t, cfg)
	if err := w.service.Ready(); err != nil {
		t.Fatal(err)
	}
	server.Kill(t)
	defer server.Restart(t) // for what is closed at the end
	said := ""
	eventually(t, func() error {
		if err := w.service.Ready(); err != nil {
			said = err.Error()
		}
		// The first look may meet a connection that breaks, later ones a port where nobody listens.
		if lines := w.log.Lines(`"msg":"not ready"`); len(lines) == 0 || !strings.Contains(lines[len(lines)-1], "connection refused") {
			return errors.New("the cause is not in the log")
		}
		return nil
	})
	if said != "the database does not answer" {
		t.Errorf("whoever asks learns %q", said)
	}
	last := w.log.Lines(`"msg":"not ready"`)
	if line := last[len(last)-1]; !strings.Contains(line, "127.0.0.1") || !strings.Contains(line, `"level":"WARN"`) {
		t.Errorf("the log says %s, want a warning with the cause", line)
	}
}
