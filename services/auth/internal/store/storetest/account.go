package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

func accounts(t *testing.T, f *fixture) {
	e, other := f.environment(), f.environment()
	want := f.account(e.ID)
	got, err := f.Account(f.ctx, e.ID, want.ID)
	f.must(err)
	diff(t, "stored account", want, got)
	_, err = f.Account(f.ctx, other.ID, want.ID)
	notFound(t, "from another environment", err)

	want.Status, want.LastError, want.Version, want.TenantID = store.StatusNeedsReauth, "refused", 2, "tenant-2"
	want.Forbidden = &store.Forbidden{Resource: "users", Method: "list", MissingScopes: []string{"users:read"}, OccurredAt: f.now}
	want.UpdatedAt = f.now.Add(time.Minute)
	f.write(func(w store.Writer) error { return w.UpdateAccount(f.ctx, want) })
	got, err = f.AccountByID(f.ctx, want.ID)
	f.must(err)
	diff(t, "updated account", want, got)

	want.EnvironmentID = other.ID
	notFound(t, "updating from another environment", f.Update(f.ctx, func(w store.Writer) error { return w.UpdateAccount(f.ctx, want) }))
	notFound(t, "deleting from another environment", f.Update(f.ctx, func(w store.Writer) error {
		return w.DeleteAccount(f.ctx, other.ID, want.ID)
	}))
}

func accountFilters(t *testing.T, f *fixture) {
	e, foreign := f.environment(), f.environment()
	f.account(foreign.ID)
	var ids []string
	for i := range 4 {
		a := f.account(e.ID)
		a.TenantID = []string{"even", "odd"}[i%2]
		a.CreatedAt = f.now.Add(time.Duration(i) * time.Second)
		if i == 3 {
			a.Status = store.StatusNeedsReauth
		}
		f.write(func(w store.Writer) error {
			if err := w.DeleteAccount(f.ctx, e.ID, a.ID); err != nil {
				return err
			}
			return w.InsertAccount(f.ctx, a)
		})
		ids = append(ids, a.ID)
	}
	for _, c := range []struct {
		name   string
		filter store.AccountFilter
		want   []int
	}{
		{"all", store.AccountFilter{}, []int{3, 2, 1, 0}},
		{"tenant", store.AccountFilter{TenantID: "odd"}, []int{3, 1}},
		{"status", store.AccountFilter{Status: store.StatusActive}, []int{2, 1, 0}},
		{"integration", store.AccountFilter{Integration: "other"}, nil},
		{"ids", store.AccountFilter{IDs: []string{ids[1], ids[2], "x"}}, []int{2, 1}},
		{"no ids", store.AccountFilter{IDs: []string{}}, nil},
		{"after", store.AccountFilter{CreatedAfter: f.now.Add(time.Second)}, []int{3, 2}},
		{"before", store.AccountFilter{CreatedBefore: f.now.Add(time.Second)}, []int{0}},
		{"both", store.AccountFilter{TenantID: "even", Status: store.StatusActive, CreatedAfter: f.now}, []int{2}},
	} {
		c.filter.EnvironmentID = e.ID
		rows, err := f.Accounts(f.ctx, c.filter, store.Page{Limit: 10})
		f.must(err)
		var got []int
		for _, a := range rows {
			got = append(got, slices.Index(ids, a.ID))
		}
		diff(t, c.name, c.want, got)
	}
	page, err := f.Accounts(f.ctx, store.AccountFilter{EnvironmentID: e.ID}, store.Page{After: ids[2], Limit: 1})
	f.must(err)
	if len(page) != 1 || page[0].ID != ids[1] {
		t.Errorf("the page after the third account is %v", page)
	}
}

func credentials(t *testing.T, f *fixture) {
	e := f.environment()
	a := f.account(e.ID)
	_, err := f.Credential(f.ctx, a.ID)
	notFound(t, "before there is one", err)
	want := f.credential(a)
	got, err := f.Credential(f.ctx, a.ID)
	f.must(err)
	diff(t, "credential", want, got)

	want.Version, want.Wrapped, want.Fields = 2, []byte("other key"), map[string][]byte{"api_key": []byte("second")}
	f.write(func(w store.Writer) error { return w.PutCredential(f.ctx, want) })
	got, err = f.Credential(f.ctx, a.ID)
	f.must(err)
	diff(t, "replaced credential", want, got)
}

func rewraps(t *testing.T, f *fixture) {
	e := f.environment()
	first, second := f.credential(f.account(e.ID)), f.credential(f.account(e.ID))
	keys, err := f.DataKeys(f.ctx, "k2", "", 10)
	f.must(err)
	diff(t, "keys to rewrap", []store.DataKey{first.DataKey, second.DataKey}, keys)
	rest, err := f.DataKeys(f.ctx, "k2", first.AccountID, 10)
	f.must(err)
	diff(t, "keys after the first", []store.DataKey{second.DataKey}, rest)

	fresh := first.DataKey
	fresh.WrappedBy, fresh.Wrapped = "k2", []byte("again")
	for _, want := range []bool{true, false} {
		f.write(func(w store.Writer) error {
			done, err := w.RewrapDataKey(f.ctx, first.DataKey, fresh)
			if done != want {
				t.Errorf("rewrapped: %v, want %v", done, want)
			}
			return err
		})
	}
	keys, err = f.DataKeys(f.ctx, "k2", "", 10)
	f.must(err)
	diff(t, "keys left", []store.DataKey{second.DataKey}, keys)
	if n, err := f.CountDataKeys(f.ctx, "k2"); n != 1 || err != nil {
		t.Errorf("%d keys are left, %v", n, err)
	}
	held, err := f.WrappingKeys(f.ctx)
	f.must(err)
	diff(t, "keys in use", []string{"k1", "k2"}, held)
}

func unlink(t *testing.T, f *fixture) {
	e := f.environment()
	a := f.account(e.ID)
	f.credential(a)
	f.token(e.ID, store.KindAPI, []string{a.ID}, "api")
	server := f.token(e.ID, store.KindMCP, []string{a.ID}, "mcp")
	f.write(func(w store.Writer) error {
		ids, err := w.DeleteTokensOf(f.ctx, a.ID)
		diff(t, "revoked with the account", []string{server.ID}, ids)
		if err != nil {
			return err
		}
		return w.DeleteAccount(f.ctx, e.ID, a.ID)
	})
	_, err := f.Credential(f.ctx, a.ID)
	notFound(t, "the credential", err)
	keys, err := f.DataKeys(f.ctx, "", "", 10)
	f.must(err)
	if len(keys) != 0 {
		t.Errorf("%d data keys are left", len(keys))
	}
	_, err = f.TokenByHash(f.ctx, []byte("mcp"))
	notFound(t, "the MCP server's secret", err)
	if _, err = f.TokenByHash(f.ctx, []byte("api")); err != nil {
		t.Errorf("the API token went with the account: %v", err)
	}
}

func refreshLeases(t *testing.T, f *fixture) {
	e := f.environment()
	a := f.account(e.ID)
	var dead store.RefreshLease
	claim := func(holder string, now time.Time, want bool) {
		t.Helper()
		f.write(func(w store.Writer) error {
			got, err := w.ClaimRefresh(f.ctx, a.ID, store.RefreshLease{Holder: holder, Until: now.Add(time.Minute)}, now, dead)
			if got != want {
				t.Errorf("claim by %s: %v, want %v", holder, got, want)
			}
			return err
		})
	}
	f.write(func(w store.Writer) error { return w.SetRefresh(f.ctx, a.ID, f.now) })
	due := func(now time.Time, want int) {
		t.Helper()
		ids, err := f.DueForRefresh(f.ctx, now, 10)
		f.must(err)
		if len(ids) != want {
			t.Errorf("%d accounts are due, want %d", len(ids), want)
		}
	}
	due(f.now.Add(-time.Second), 0)
	due(f.now, 1)
	claim("one", f.now, true)
	due(f.now, 0)
	claim("two", f.now.Add(time.Second), false)
	claim("one", f.now.Add(time.Second), true)
	claim("two", f.now.Add(2*time.Minute), true)

	// A lease that is known to be dead is taken over, as long as it is still that one.
	dead = store.RefreshLease{Holder: "two", Until: f.now.Add(3*time.Minute - time.Second)}
	claim("three", f.now.Add(2*time.Minute), false)
	dead.Until = f.now.Add(3 * time.Minute)
	claim("three", f.now.Add(2*time.Minute), true)
	claim("four", f.now.Add(2*time.Minute), false)
	dead = store.RefreshLease{}
	f.write(func(w store.Writer) error {
		got, err := w.RefreshLease(f.ctx, a.ID)
		diff(t, "lease", store.RefreshLease{Holder: "three", Until: f.now.Add(3 * time.Minute)}, got)
		return err
	})
	f.write(func(w store.Writer) error { return w.SetRefresh(f.ctx, a.ID, time.Time{}) })
	due(f.now.Add(time.Hour), 0)
	claim("three", f.now, true)
}

func keyChecks(t *testing.T, f *fixture) {
	insert := func(c store.KeyCheck) error {
		return f.Update(f.ctx, func(w store.Writer) error { return w.InsertKeyCheck(f.ctx, c) })
	}
	want := []store.KeyCheck{{Family: "pepper", ID: "k1", Value: []byte{1, 2}}, {Family: "sealing", ID: "k1", Value: []byte{3}}}
	f.must(errors.Join(insert(want[1]), insert(want[0])))
	if err := insert(store.KeyCheck{Family: "pepper", ID: "k1", Value: []byte{9}}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a second value for one key: %v, want a conflict", err)
	}
	got, err := f.KeyChecks(f.ctx)
	f.must(err)
	diff(t, "key checks", want, got)
}
