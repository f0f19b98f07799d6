// Package storetest is the contract of the store, run by every backend with a fresh instance per test.
package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/services/unified/internal/store"
)

// Run runs the contract. Open gives an empty store; the second one it gives for the same test sees the same data.
func Run(t *testing.T, open func(t *testing.T) (first, second store.Store)) {
	for name, test := range map[string]func(*testing.T, store.Store, store.Store){
		"numbers and revisions": numbers, "optimistic concurrency": concurrency, "what changed": since, "listing": listing, "bytes": bytes,
		"writers take turns": turns,
	} {
		t.Run(name, func(t *testing.T) {
			first, second := open(t)
			test(t, first, second)
		})
	}
}

var users = store.Scope{Environment: "env", Model: "user-directory", Resource: "users"}

func of(s store.Scope, account string) store.Scope {
	s.Account = account
	return s
}

var clock = time.Date(2026, 11, 23, 10, 0, 0, 123456000, time.UTC)

func add(t *testing.T, s store.Store, scope store.Scope, body string) store.Version {
	t.Helper()
	v, err := s.Append(t.Context(), store.Version{
		Scope: scope, ID: fmt.Sprintf("%s/%s/%d", scope.Account, body, time.Now().UnixNano()), Body: body, Author: "token:1", Reason: "because", CreatedAt: clock,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func numbers(t *testing.T, s, other store.Store) {
	if n, err := s.Revision(t.Context()); err != nil || n != 0 {
		t.Fatalf("a new store has revision %d, %v", n, err)
	}
	a, b, c := add(t, s, users, "{}"), add(t, s, of(users, "acct"), "{}"), add(t, s, users, "")
	if a.Number != 1 || b.Number != 1 || c.Number != 2 || a.Revision >= b.Revision || b.Revision >= c.Revision {
		t.Errorf("%+v %+v %+v", a, b, c)
	}
	if n, err := other.Revision(t.Context()); err != nil || n != c.Revision {
		t.Errorf("the other sees revision %d, %v", n, err)
	}
	got, err := other.Version(t.Context(), users, 2)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Version(t.Context(), users, 3); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown version: %v", err)
	}
}

func concurrency(t *testing.T, s, other store.Store) {
	zero, one := int32(0), int32(1)
	v := store.Version{Scope: users, ID: "1", Body: "{}", CreatedAt: clock}
	if _, err := s.Append(t.Context(), v, &one); !errors.Is(err, store.ErrConflict) {
		t.Errorf("on a version that is not there: %v", err)
	}
	if _, err := s.Append(t.Context(), v, &zero); err != nil {
		t.Error(err)
	}
	v.ID = "2"
	if _, err := other.Append(t.Context(), v, &zero); !errors.Is(err, store.ErrConflict) {
		t.Errorf("on an old version: %v", err)
	}
	if _, err := other.Append(t.Context(), v, &one); err != nil {
		t.Error(err)
	}
}

func since(t *testing.T, s, other store.Store) {
	add(t, s, users, `{"a":1}`)
	second := add(t, s, of(users, "acct"), `{"b":1}`)
	third := add(t, s, users, `{"a":2}`)
	all, err := other.Since(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]store.Version{second, third}, all); diff != "" {
		t.Error(diff)
	}
	if last, err := other.Since(t.Context(), second.Revision); err != nil || len(last) != 1 || last[0].Body != `{"a":2}` {
		t.Errorf("after the second: %v, %v", last, err)
	}
	if none, err := other.Since(t.Context(), third.Revision); err != nil || len(none) != 0 {
		t.Errorf("after the last: %v, %v", none, err)
	}
}

func listing(t *testing.T, s, _ store.Store) {
	a, b, c := add(t, s, users, "1"), add(t, s, of(users, "acct"), "2"), add(t, s, of(users, "else"), "3")
	d := add(t, s, store.Scope{Environment: "other", Model: users.Model, Resource: users.Resource}, "4")
	q := store.Query{Environment: "env", Model: users.Model, Resource: users.Resource, Limit: 10}
	for name, test := range map[string]struct {
		change func(*store.Query)
		want   []store.Version
	}{
		"of the environment": {func(*store.Query) {}, []store.Version{a}},
		"and an account":     {func(q *store.Query) { q.Account = "acct" }, []store.Version{b, a}},
		"page":               {func(q *store.Query) { q.Account, q.Limit = "acct", 1 }, []store.Version{b}},
		"next page":          {func(q *store.Query) { q.Account, q.Before = "acct", b.Revision }, []store.Version{a}},
		"another account":    {func(q *store.Query) { q.Account = "else" }, []store.Version{c, a}},
		"another":            {func(q *store.Query) { q.Environment = "other" }, []store.Version{d}},
	} {
		query := q
		test.change(&query)
		got, err := s.Versions(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func bytes(t *testing.T, s, other store.Store) {
	body := "{ \"fields\" : {\"title\":{\"constant\":\"\\\"\u00e9\\u0041\\\"\"}},\n\t\"n\":9007199254740993 }"
	add(t, s, users, body)
	if got, err := other.Version(t.Context(), users, 1); err != nil || got.Body != body {
		t.Errorf("%q, %v", got.Body, err)
	}
}

func turns(t *testing.T, s, other store.Store) {
	var wait sync.WaitGroup
	for n := range 20 {
		wait.Go(func() {
			one := map[bool]store.Store{true: s, false: other}[n%2 == 0]
			_, err := one.Append(t.Context(), store.Version{Scope: users, ID: fmt.Sprint(n), Body: "{}", CreatedAt: clock}, nil)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n, err := s.Revision(t.Context()); err != nil || n != 20 {
		t.Errorf("revision %d, %v", n, err)
	}
	if v, err := s.Version(t.Context(), users, 20); err != nil || v.Number != 20 {
		t.Errorf("%v, %v", v, err)
	}
}
