package layer

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/kit/kittest"

	"github.com/sando-dev/sando/services/unified/internal/resource"
	"github.com/sando-dev/sando/services/unified/internal/store"
	"github.com/sando-dev/sando/services/unified/internal/store/sqlstore"
)

var users = resource.Name{Model: "user-directory", Resource: "users"}

// failing is a store that can be taken away.
type failing struct {
	store.Store
	away bool
}

func (f *failing) Revision(ctx context.Context) (int64, error) {
	if f.away {
		return 0, errors.New("the database is away")
	}
	return f.Store.Revision(ctx)
}

func open(t *testing.T, path string) *failing {
	t.Helper()
	db, err := sqlstore.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return &failing{Store: db}
}

func mappings(t *testing.T, s store.Store, log *kittest.Log) *Mappings {
	t.Helper()
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(t.Context(), data, "torii", s, log.Logger)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func titled(t *testing.T, m *Mappings, account string) bool {
	t.Helper()
	r, err := m.Effective(users, "env", account)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Fields {
		if f.Mapping.GetName() == "title" {
			return true
		}
	}
	return false
}

func put(t *testing.T, s store.Store, account, id, body string) {
	t.Helper()
	scope := store.Scope{Environment: "env", Account: account, Model: users.Model, Resource: users.Resource}
	if _, err := s.Append(t.Context(), store.Version{Scope: scope, ID: id, Body: body, CreatedAt: time.Now()}, nil); err != nil {
		t.Fatal(err)
	}
}

const withTitle = `{"fields":{"title":{"path":["/departmentName"]}}}`

func TestReplicasFollowWithinASecond(t *testing.T) {
	log := kittest.Logger(t)
	path := filepath.Join(t.TempDir(), "unified.db")
	synctest.Test(t, func(t *testing.T) {
		first, second := open(t, path), open(t, path)
		defer first.Close()
		defer second.Close()
		replica := mappings(t, second, log)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- replica.Run(ctx) }()

		put(t, first, "", "1", withTitle)
		if titled(t, replica, "acct") {
			t.Error("the change was there before anybody looked")
		}
		time.Sleep(time.Second) // simulated
		synctest.Wait()
		if !titled(t, replica, "acct") || !titled(t, replica, "other") {
			t.Error("a second later the change is not in force")
		}

		second.away = true
		put(t, first, "", "2", "")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !titled(t, replica, "acct") {
			t.Error("without the store the last known mapping is not in force")
		}
		if lines := log.Lines("cannot be followed"); len(lines) != 1 {
			t.Errorf("%d lines about it", len(lines))
		}
		second.away = false
		time.Sleep(time.Second)
		synctest.Wait()
		if titled(t, replica, "acct") {
			t.Error("the removal was not taken over after the store came back")
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAccountsWithoutAnOverrideShareOneMapping(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "unified.db"))
	t.Cleanup(func() { s.Close() })
	m := mappings(t, s, kittest.Logger(t))
	effective := func(account string) *resource.Resource {
		r, err := m.Effective(users, "env", account)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if base, err := m.Base(users); err != nil || effective("a") != base {
		t.Errorf("without overrides it is not the catalog's: %v", err)
	}
	put(t, s, "", "1", withTitle)
	put(t, s, "own", "2", `{"fields":{"title":{"convert":"lower"}}}`)
	if err := m.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	shared, own := effective("a"), effective("own")
	if shared != effective("b") || shared == own {
		t.Error("mappings are not shared as they should be")
	}
	put(t, s, "own", "3", `{}`)
	if err := m.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if effective("a") != shared {
		t.Error("a mapping was made again though nothing changed in it")
	}
	if effective("own") == own {
		t.Error("an old mapping is still in force")
	}
}
