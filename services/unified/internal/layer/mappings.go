// Package layer keeps the mappings in force: the catalog's, and over it what environments and accounts change.
//
// Overrides live in a store that all replicas share. Each replica holds the current ones in memory, asks twice a second whether anything
// changed, and compiles a mapping when it is first asked for it. A read therefore never waits for the store.
package layer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/resource"
	"github.com/sando-dev/sando/services/unified/internal/store"
)

// Interval is how often a replica looks for changes of others.
const Interval = 500 * time.Millisecond

// Mappings finds the mapping in force for an account. It is safe for concurrent use.
type Mappings struct {
	base    map[resource.Name]*resource.Resource
	store   store.Store
	log     *slog.Logger
	current atomic.Pointer[state]
	loading chan struct{} // full while changes are taken over
}

// state is what is in force at a revision.
type state struct {
	revision  int64
	overrides map[store.Scope]store.Version

	mu       sync.Mutex
	compiled map[versions]*compiled
}

// versions identify a mapping: the override of the environment and that of the account, 0 for none.
type versions struct {
	environment, account store.Scope
	numbers              [2]int32
}

// compiled is a mapping that is made once.
type compiled struct {
	once     sync.Once
	resource *resource.Resource
	err      error
}

// New compiles the catalog's mappings of an integration and loads the overrides.
func New(ctx context.Context, data *catalog.Catalog, integration string, s store.Store, log *slog.Logger) (*Mappings, error) {
	m := &Mappings{base: make(map[resource.Name]*resource.Resource), store: s, log: log, loading: make(chan struct{}, 1)}
	for _, u := range data.UnifiedResources(integration) {
		d := resource.FromCatalog(u)
		r, err := resource.Compile(d, data)
		if err != nil {
			return nil, fmt.Errorf("the catalog's mapping of %s: %w", d.Name(), err)
		}
		m.base[d.Name()] = r
	}
	m.current.Store(&state{overrides: make(map[store.Scope]store.Version), compiled: make(map[versions]*compiled)})
	return m, m.Refresh(ctx)
}

// Run follows the changes of other replicas until ctx ends.
func (m *Mappings) Run(ctx context.Context) error {
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := m.Refresh(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			m.log.WarnContext(ctx, "changes of mappings cannot be followed; the last known ones stay in force", "error", err)
		}
		failing = err != nil
	}
}

// Refresh takes over what has changed in the store. It waits for no longer than one operation of the store may take, however many want it.
func (m *Mappings) Refresh(ctx context.Context) error {
	_, err := store.Within(ctx, func(ctx context.Context) (struct{}, error) {
		select {
		case m.loading <- struct{}{}:
			defer func() { <-m.loading }()
			return struct{}{}, m.load(ctx)
		case <-ctx.Done():
			return struct{}{}, ctx.Err()
		}
	})
	return err
}

func (m *Mappings) load(ctx context.Context) error {
	old := m.current.Load()
	revision, err := m.store.Revision(ctx)
	if err != nil || revision == old.revision {
		return err
	}
	changed, err := m.store.Since(ctx, old.revision)
	if err != nil {
		return err
	}
	next := &state{revision: old.revision, overrides: maps.Clone(old.overrides)}
	for _, v := range changed {
		next.overrides[v.Scope] = v
		next.revision = max(next.revision, v.Revision)
	}
	next.compiled = old.stillValid(next)
	m.current.Store(next)
	return nil
}

// stillValid keeps the mappings that a change did not touch.
func (s *state) stillValid(next *state) map[versions]*compiled {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := make(map[versions]*compiled, len(s.compiled))
	for key, c := range s.compiled {
		if next.overrides[key.environment].Number == key.numbers[0] && next.overrides[key.account].Number == key.numbers[1] {
			kept[key] = c
		}
	}
	return kept
}

// Scopes are the places where the overrides for an account stand; without an account the second is empty.
func Scopes(name resource.Name, environment, account string) (env, acct store.Scope) {
	env = store.Scope{Environment: environment, Model: name.Model, Resource: name.Resource}
	if account != "" {
		acct = env
		acct.Account = account
	}
	return env, acct
}

// Effective is the mapping in force for an account, or for an environment when account is empty.
func (m *Mappings) Effective(name resource.Name, environment, account string) (*resource.Resource, error) {
	base, err := m.Base(name)
	if err != nil {
		return nil, err
	}
	s := m.current.Load()
	env, acct := Scopes(name, environment, account)
	first, second := s.overrides[env], s.overrides[acct]
	if first.Body == "" && second.Body == "" {
		return base, nil
	}
	key := versions{environment: env, account: acct, numbers: [2]int32{first.Number, second.Number}}
	if second.Number == 0 {
		key.account = store.Scope{} // all accounts without an override share one mapping
	}
	s.mu.Lock()
	c, ok := s.compiled[key]
	if !ok {
		c = &compiled{}
		s.compiled[key] = c
	}
	s.mu.Unlock()
	c.once.Do(func() { c.resource, c.err = build(base, first.Body, second.Body, "") })
	return c.resource, c.err
}

// Base is the catalog's mapping of a resource.
func (m *Mappings) Base(name resource.Name) (*resource.Resource, error) {
	r, ok := m.base[name]
	if !ok {
		return nil, rpcerr.Newf(rpcerr.NotFound, "there is no unified resource %s", name)
	}
	return r, nil
}

// Current is the override in force at a scope; the zero version when there never was one.
func (m *Mappings) Current(s store.Scope) store.Version { return m.current.Load().overrides[s] }

// Try compiles the mapping that would be in force with another override at a layer, without keeping it.
func (m *Mappings) Try(name resource.Name, environment, account, layer, body string) (*resource.Resource, error) {
	base, err := m.Base(name)
	if err != nil {
		return nil, err
	}
	env, acct := Scopes(name, environment, account)
	first, second := m.Current(env).Body, ""
	if account != "" {
		second = m.Current(acct).Body
	}
	if layer == resource.LayerEnvironment {
		first = body
	} else {
		second = body
	}
	return build(base, first, second, layer)
}

// Check makes sure that an override can be put in force: by itself, and for an environment's under the overrides of its accounts.
func (m *Mappings) Check(name resource.Name, environment, account, layer, body string) error {
	if layer == resource.LayerAccount {
		_, err := m.Try(name, environment, account, layer, body)
		return err
	}
	if _, err := m.Try(name, environment, "", layer, body); err != nil {
		return err
	}
	for scope, v := range m.current.Load().overrides {
		if v.Body == "" || scope.Account == "" || scope.Environment != environment || scope.Model != name.Model || scope.Resource != name.Resource {
			continue
		}
		if _, err := m.Try(name, environment, scope.Account, layer, body); err != nil {
			if e, ok := errors.AsType[*rpcerr.Error](err); ok {
				return e.WithDetail("integrated_account_id", scope.Account).
					WithFix("The override of this account rests on what is changed here; change that one first.")
			}
			return err
		}
	}
	return nil
}

// build puts the overrides over the base; an empty one changes nothing. The layer named strict is the one being written.
func build(base *resource.Resource, environment, account, strict string) (*resource.Resource, error) {
	d := base.Definition
	for _, o := range []struct{ layer, body string }{{resource.LayerEnvironment, environment}, {resource.LayerAccount, account}} {
		if o.body == "" {
			continue
		}
		parsed, err := resource.ParseOverride(o.layer, []byte(o.body))
		if err != nil {
			return nil, invalid(err)
		}
		if d, err = d.Apply(o.layer, parsed, o.layer == strict); err != nil {
			return nil, invalid(err)
		}
	}
	r, err := base.With(d)
	return r, invalid(err)
}

// invalid shows what is wrong with an override, each fault with its place and the fix.
func invalid(err error) error {
	var faults plan.Faults
	if !errors.As(err, &faults) {
		return err
	}
	e := rpcerr.Newf(access.CodeOverrideInvalid, "%s (layer %s): %s", faults[0].Place, faults[0].Layer, faults[0].Text)
	for _, f := range faults {
		text := f.Text
		if f.Fix != "" {
			text += ". " + f.Fix
		}
		e.Violations = append(e.Violations, rpcerr.Violation{Field: f.Place, Description: text})
	}
	if faults[0].Fix != "" {
		e.Fix = faults[0].Fix
	}
	return e.WithDetail("layer", faults[0].Layer)
}
