package sqlstore_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/store/sqlstore"
)

func newEnvironment(ctx context.Context, s store.Store, id string) error {
	return s.Update(ctx, func(w store.Writer) error {
		return w.InsertEnvironment(ctx, store.Environment{ID: id, Name: id, CreatedAt: time.Now(), UpdatedAt: time.Now()})
	})
}

// TestE4SQLiteHeld: another process that holds the file keeps nobody waiting for long, and whoever can wait does.
func TestE4SQLiteHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	serving, err := sqlstore.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer serving.Close()
	other, err := sqlstore.OpenSQLite(store.Patient(t.Context()), path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	waited := make(chan error, 1)
	err = other.Update(t.Context(), func(store.Writer) error {
		go func() { waited <- newEnvironment(store.Patient(t.Context()), serving, "waits") }()
		began := time.Now()
		errs := make(chan error, 20)
		for range cap(errs) {
			go func() { errs <- newEnvironment(t.Context(), serving, "refused") }()
		}
		for range cap(errs) {
			wantCode(t, <-errs, rpcerr.Unavailable)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("20 callers were told after %v", took)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Errorf("who can wait was told %v", err)
	}
	if _, err := serving.Environment(t.Context(), "refused"); err == nil {
		t.Error("what was refused has been done")
	}
}

// TestE4CommitInDoubt: a connection that breaks while a commit is under way leaves open what became of the change, which is said and not tried again.
func TestE4CommitInDoubt(t *testing.T) {
	database := pgtest.Start(t).Database(t, "")
	if err := sqlstore.MigratePostgres(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	s, err := sqlstore.OpenPostgres(t.Context(), breaking(t, database, "commit"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wantCode(t, newEnvironment(t.Context(), s, "e"), access.CodeOutcomeUnknown)
}

func wantCode(t *testing.T, err error, code rpcerr.Code) {
	t.Helper()
	table, bad := access.ErrorTable()
	if bad != nil {
		t.Fatal(bad)
	}
	if err == nil || table.From(err).Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// breaking is the URL of a way to a database that breaks off as soon as a word is sent over it.
func breaking(t *testing.T, database, word string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				onward, err := net.Dial("tcp", server)
				if err != nil {
					return
				}
				defer onward.Close()
				go func() { _, _ = io.Copy(client, onward) }()
				for buf := make([]byte, 64<<10); ; {
					n, err := client.Read(buf)
					if err != nil || bytes.Contains(buf[:n], []byte(word)) {
						return
					}
					if _, err := onward.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	u.Host = listener.Addr().String()
	return u.String()
}
