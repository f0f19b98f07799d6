// Package storetest is the contract of store.Store as a suite. Every backend runs it; whatever a backend gets wrong later is added here.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// Run checks a backend. open gives an empty store, closed by the test's end.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name  string
		check func(t *testing.T, f *fixture)
	}{
		{"environments", environments},
		{"update is all or nothing", atomic},
		{"tokens", tokens},
		{"tokens are listed newest first", tokenPages},
		{"a token is found by its secret", identities},
		{"secrets can be replaced", rotation},
		{"times of last use only grow", touches},
		{"accounts", accounts},
		{"accounts are filtered", accountFilters},
		{"credentials", credentials},
		{"data keys are rewrapped by comparison", rewraps},
		{"keys are known again", keyChecks},
		{"unlinking destroys the data key", unlink},
		{"refreshing is leased", refreshLeases},
		{"links", links},
		{"what has expired is cleared", expiry},
		{"the log is filtered", logFilters},
		{"the chain has one head", chain},
		{"the log is pruned", prune},
		{"many entries at once", manyAtOnce},
		{"E3 the log is followed", followLog},
		{"many entries are pruned", pruneMany},
		{"events have no gaps", events},
		{"concurrent writers lose nothing", concurrent},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			c.check(t, &fixture{Store: s, t: t, ctx: t.Context(), now: time.Date(2026, 11, 23, 9, 0, 0, 123456000, time.UTC)})
		})
	}
}

// fixture makes rows with little ado.
type fixture struct {
	store.Store
	t   *testing.T
	ctx context.Context
	now time.Time
}

func (f *fixture) id() string {
	f.t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		f.t.Fatal(err)
	}
	return id.String()
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// write runs one change.
func (f *fixture) write(change func(store.Writer) error) {
	f.t.Helper()
	f.must(f.Update(f.ctx, change))
}

func (f *fixture) environment() store.Environment {
	f.t.Helper()
	e := store.Environment{ID: f.id(), Name: "Acme", CreatedAt: f.now, UpdatedAt: f.now}
	f.write(func(w store.Writer) error { return w.InsertEnvironment(f.ctx, e) })
	return e
}

func (f *fixture) account(environmentID string) store.Account {
	f.t.Helper()
	a := store.Account{
		ID: f.id(), EnvironmentID: environmentID, TenantID: "tenant-1", Integration: "torii", Method: "api_key", Status: store.StatusActive,
		Context: []byte(`{"plan":9007199254740993}`), OrganizationID: "77", OrganizationName: "Acme Inc", Version: 1, CreatedAt: f.now, UpdatedAt: f.now,
	}
	f.write(func(w store.Writer) error { return w.InsertAccount(f.ctx, a) })
	return a
}

func (f *fixture) token(environmentID, kind string, accounts []string, hash string) store.Token {
	f.t.Helper()
	t := store.Token{
		ID: f.id(), Kind: kind, EnvironmentID: environmentID, Name: "ci", Accounts: accounts, Read: true, CreatedAt: f.now, UpdatedAt: f.now, Config: []byte{},
	}
	f.write(func(w store.Writer) error { return w.InsertToken(f.ctx, t, []byte(hash)) })
	return t
}

func (f *fixture) credential(a store.Account) store.Credential {
	f.t.Helper()
	c := store.Credential{
		DataKey: store.DataKey{AccountID: a.ID, EnvironmentID: a.EnvironmentID, WrappedBy: "k1", Wrapped: []byte("wrapped " + a.ID)},
		Version: a.Version, Fields: map[string][]byte{"api_key": []byte("sealed"), "region": []byte("sealed too")},
	}
	f.write(func(w store.Writer) error { return w.PutCredential(f.ctx, c) })
	return c
}
