package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// diff tells lists that are nil from empty ones, which mean different things, but not bytes.
func diff(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func notFound(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%s: got %v, want ErrNotFound", what, err)
	}
}

func environments(t *testing.T, f *fixture) {
	e := f.environment()
	got, err := f.Environment(f.ctx, e.ID)
	f.must(err)
	diff(t, "stored environment", e, got)

	e.Name, e.FrameOrigins, e.RedirectURIs, e.MCPOrigins = "Acme EU", []string{"https://a.example"}, []string{}, []string{"https://b.example"}
	e.LogRetention, e.UpdatedAt = 90*24*time.Hour, f.now.Add(time.Minute)
	f.write(func(w store.Writer) error { return w.UpdateEnvironment(f.ctx, e) })
	got, err = f.Environment(f.ctx, e.ID)
	f.must(err)
	diff(t, "updated environment", e, got)

	_, err = f.Environment(f.ctx, f.id())
	notFound(t, "an unknown environment", err)
	notFound(t, "updating an unknown environment", f.Update(f.ctx, func(w store.Writer) error {
		return w.UpdateEnvironment(f.ctx, store.Environment{ID: f.id()})
	}))
	all, err := f.Environments(f.ctx)
	f.must(err)
	diff(t, "all environments", []store.Environment{e}, all)
}

func atomic(t *testing.T, f *fixture) {
	e := f.environment()
	failure := errors.New("on purpose")
	err := f.Update(f.ctx, func(w store.Writer) error {
		e.Name = "never"
		if err := w.UpdateEnvironment(f.ctx, e); err != nil {
			return err
		}
		if seen, err := w.Environment(f.ctx, e.ID); err != nil || seen.Name != "never" {
			t.Errorf("within the transaction: %q, %v", seen.Name, err)
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("got %v, want the function's own error", err)
	}
	got, err := f.Environment(f.ctx, e.ID)
	f.must(err)
	if got.Name != "Acme" {
		t.Errorf("after a failed update the name is %q", got.Name)
	}
	err = f.Update(f.ctx, func(w store.Writer) error { return w.InsertEnvironment(f.ctx, got) })
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("inserting twice: got %v, want ErrConflict", err)
	}
}

func tokens(t *testing.T, f *fixture) {
	e, other := f.environment(), f.environment()
	want := store.Token{
		ID: f.id(), Kind: store.KindMCP, EnvironmentID: e.ID, Name: "agent", Accounts: []string{"a1"}, Services: []string{"mcp", "proxy"},
		Operations: []string{"torii.users.list"}, Read: true, Write: true, ExpiresAt: f.now.Add(time.Hour), CreatedAt: f.now, UpdatedAt: f.now,
		Config: []byte(`{"methods":["read"]}`), RequireSecond: true,
	}
	f.write(func(w store.Writer) error { return w.InsertToken(f.ctx, want, []byte("h1")) })
	got, err := f.Token(f.ctx, e.ID, store.KindMCP, want.ID)
	f.must(err)
	diff(t, "stored token", want, got)

	_, err = f.Token(f.ctx, other.ID, store.KindMCP, want.ID)
	notFound(t, "from another environment", err)
	_, err = f.Token(f.ctx, e.ID, store.KindAPI, want.ID)
	notFound(t, "as another kind", err)

	want.Name, want.Operations, want.Write, want.Config, want.RequireSecond = "agent 2", nil, false, []byte(`{}`), false
	want.ExpiresAt, want.UpdatedAt = time.Time{}, f.now.Add(time.Second)
	f.write(func(w store.Writer) error { return w.UpdateToken(f.ctx, want) })
	f.write(func(w store.Writer) error { return w.TouchClient(f.ctx, e.ID, want.ID, "agent/1.2", f.now) })
	want.LastClient, want.LastUsedAt = "agent/1.2", f.now
	got, err = f.Token(f.ctx, e.ID, store.KindMCP, want.ID)
	f.must(err)
	diff(t, "updated token", want, got)

	notFound(t, "deleting from another environment", f.Update(f.ctx, func(w store.Writer) error {
		return w.DeleteToken(f.ctx, other.ID, store.KindMCP, want.ID)
	}))
	f.write(func(w store.Writer) error { return w.DeleteToken(f.ctx, e.ID, store.KindMCP, want.ID) })
	_, err = f.TokenByHash(f.ctx, []byte("h1"))
	notFound(t, "the secret of a deleted token", err)
	_, err = f.TokenByID(f.ctx, want.ID)
	notFound(t, "a deleted token", err)
}

func tokenPages(t *testing.T, f *fixture) {
	e, other := f.environment(), f.environment()
	var want []string
	for i := range 5 {
		made := f.token(e.ID, store.KindAPI, nil, fmt.Sprint("own", i))
		want = append([]string{made.ID}, want...)
		f.token(other.ID, store.KindAPI, nil, fmt.Sprint("foreign", i))
		f.token(e.ID, store.KindMCP, []string{"a1"}, fmt.Sprint("server", i))
	}
	var got []string
	p := store.Page{Limit: 2}
	for {
		page, err := f.Tokens(f.ctx, store.TokenFilter{EnvironmentID: e.ID, Kind: store.KindAPI}, p)
		f.must(err)
		for _, t := range page {
			got = append(got, t.ID)
		}
		if len(page) < p.Limit {
			break
		}
		p.After = got[len(got)-1]
	}
	diff(t, "ids", want, got)

	servers, err := f.Tokens(f.ctx, store.TokenFilter{EnvironmentID: e.ID, Kind: store.KindMCP, AccountID: "a2"}, store.Page{Limit: 10})
	f.must(err)
	if len(servers) != 0 {
		t.Errorf("another account has %d servers", len(servers))
	}
}

func identities(t *testing.T, f *fixture) {
	e := f.environment()
	e.MCPOrigins = []string{"https://agent.example"}
	f.write(func(w store.Writer) error { return w.UpdateEnvironment(f.ctx, e) })
	made := f.token(e.ID, store.KindAPI, []string{}, "hash")
	got, err := f.TokenByHash(f.ctx, []byte("hash"))
	f.must(err)
	diff(t, "identity", store.Identity{Token: made, MCPOrigins: e.MCPOrigins}, got)
	if got.Accounts == nil {
		t.Error("a list of no accounts came back as all accounts")
	}
	got, err = f.TokenByID(f.ctx, made.ID)
	f.must(err)
	diff(t, "identity by id", made, got.Token)
	_, err = f.TokenByHash(f.ctx, []byte("other"))
	notFound(t, "an unknown secret", err)

	gone, cancel := context.WithCancel(f.ctx)
	cancel()
	if _, err = f.TokenByHash(gone, []byte("hash")); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has gone: got %v, want context.Canceled", err)
	}
	err = f.Update(f.ctx, func(w store.Writer) error {
		made.ID = f.id()
		return w.InsertToken(f.ctx, made, []byte("hash"))
	})
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("a second token under one hash: got %v, want ErrConflict", err)
	}
}

func rotation(t *testing.T, f *fixture) {
	e := f.environment()
	made := f.token(e.ID, store.KindMCP, []string{"a1"}, "old")
	until := f.now.Add(time.Minute)
	f.write(func(w store.Writer) error { return w.ReplaceSecret(f.ctx, made, []byte("new"), until) })
	old, err := f.TokenByHash(f.ctx, []byte("old"))
	f.must(err)
	fresh, err := f.TokenByHash(f.ctx, []byte("new"))
	f.must(err)
	if !old.SecretExpiresAt.Equal(until) || !fresh.SecretExpiresAt.IsZero() {
		t.Errorf("the old secret ends %v, the new one %v", old.SecretExpiresAt, fresh.SecretExpiresAt)
	}
	f.write(func(w store.Writer) error { return w.ReplaceSecret(f.ctx, made, []byte("newer"), until.Add(time.Hour)) })
	old, err = f.TokenByHash(f.ctx, []byte("old"))
	f.must(err)
	if !old.SecretExpiresAt.Equal(until) {
		t.Errorf("a later rotation moved the end of the first secret to %v", old.SecretExpiresAt)
	}
}

func touches(t *testing.T, f *fixture) {
	e := f.environment()
	made := f.token(e.ID, store.KindAPI, nil, "h")
	for _, at := range []time.Time{f.now, f.now.Add(-time.Hour)} {
		f.write(func(w store.Writer) error {
			return w.TouchTokens(f.ctx, map[string]time.Time{made.ID: at, f.id(): at})
		})
	}
	got, err := f.Token(f.ctx, e.ID, store.KindAPI, made.ID)
	f.must(err)
	if !got.LastUsedAt.Equal(f.now) {
		t.Errorf("last used %v, want %v", got.LastUsedAt, f.now)
	}
}

func links(t *testing.T, f *fixture) {
	e := f.environment()
	want := store.Link{
		ID: f.id(), EnvironmentID: e.ID, TenantID: "t", Integration: "torii", Context: []byte(`{"a":1}`), Scopes: []string{"read"},
		RedirectURI: "https://a.example/done", Persist: true, CreatedBy: "token", CreatedAt: f.now, ExpiresAt: f.now.Add(time.Hour),
		SecretExpiresAt: f.now.Add(time.Hour),
	}
	f.write(func(w store.Writer) error { return w.InsertLink(f.ctx, want, []byte("link")) })
	got, err := f.LinkByHash(f.ctx, []byte("link"))
	f.must(err)
	diff(t, "link", want, got)

	f.write(func(w store.Writer) error {
		return w.AddLinkSecret(f.ctx, want.ID, []byte("handle"), f.now.Add(time.Minute))
	})
	want.CompletedAt, want.AccountID = f.now.Add(time.Second), "a1"
	f.write(func(w store.Writer) error { return w.UpdateLink(f.ctx, want) })
	want.SecretExpiresAt = f.now.Add(time.Minute)
	got, err = f.LinkByHash(f.ctx, []byte("handle"))
	f.must(err)
	diff(t, "link by its handle", want, got)
	_, err = f.TokenByHash(f.ctx, []byte("link"))
	notFound(t, "a link's secret as a token", err)
}

func expiry(t *testing.T, f *fixture) {
	e := f.environment()
	short := store.Token{ID: f.id(), Kind: store.KindAccount, EnvironmentID: e.ID, Accounts: []string{"a"}, ExpiresAt: f.now, CreatedAt: f.now, UpdatedAt: f.now}
	kept := store.Token{ID: f.id(), Kind: store.KindAPI, EnvironmentID: e.ID, ExpiresAt: f.now, CreatedAt: f.now, UpdatedAt: f.now}
	link := store.Link{ID: f.id(), EnvironmentID: e.ID, CreatedAt: f.now, ExpiresAt: f.now}
	f.write(func(w store.Writer) error {
		return errors.Join(w.InsertToken(f.ctx, short, []byte("short")), w.InsertToken(f.ctx, kept, []byte("kept")), w.InsertLink(f.ctx, link, []byte("link")),
			w.AddLinkSecret(f.ctx, link.ID, []byte("handle"), f.now.Add(-time.Minute)))
	})
	f.write(func(w store.Writer) error { return w.DeleteExpired(f.ctx, f.now, f.now) })
	if _, err := f.TokenByHash(f.ctx, []byte("short")); err != nil {
		t.Errorf("cleared at its very end: %v", err)
	}
	f.write(func(w store.Writer) error {
		return w.AddLinkSecret(f.ctx, link.ID, []byte("second handle"), f.now.Add(time.Hour))
	})
	f.write(func(w store.Writer) error { return w.DeleteExpired(f.ctx, f.now.Add(time.Second), f.now) })
	_, err := f.TokenByHash(f.ctx, []byte("short"))
	notFound(t, "an ended account token", err)
	if _, err := f.LinkByHash(f.ctx, []byte("link")); err != nil {
		t.Errorf("a link went with the tokens: %v", err)
	}
	_, err = f.LinkByHash(f.ctx, []byte("handle"))
	notFound(t, "an ended page handle", err)
	f.write(func(w store.Writer) error {
		return w.DeleteExpired(f.ctx, f.now.Add(time.Second), f.now.Add(time.Second))
	})
	_, err = f.LinkByHash(f.ctx, []byte("link"))
	notFound(t, "an ended link", err)
	if _, err := f.TokenByHash(f.ctx, []byte("kept")); err != nil {
		t.Errorf("an ended API token stays listed until it is deleted: %v", err)
	}
}
