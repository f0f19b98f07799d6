package credential

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"
	"golang.org/x/sync/singleflight"

	"github.com/sando-dev/sando/access"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/proxy/internal/route"
)

const (
	// leaseMargin is how long before its end a lease is fetched again.
	leaseMargin = 10 * time.Second
	// leaseTimeout bounds one question to auth.
	leaseTimeout = 5 * time.Second
	// refusedFor is how long a refusal is remembered, so that an account that
	// must be reconnected costs auth nothing; an account event ends it earlier.
	refusedFor = 5 * time.Second
	// DefaultAccounts is how many accounts are kept by default.
	DefaultAccounts = 100_000
)

// A Store keeps leases. It is safe for concurrent use.
type Store struct {
	auth    internalauthv1connect.CredentialServiceClient
	table   *route.Table
	errors  *rpcerr.Table
	ring    *sealed.Ring
	now     func() time.Time
	most    int
	flights singleflight.Group

	hits, misses atomic.Int64

	mu       sync.RWMutex
	leases   map[string]*Lease // by account
	refusals map[key]refusal
	// generation counts events, so that an answer that was under way while its
	// account changed is not kept.
	generation uint64
}

// key names what was asked for: an account that is foreign to one environment
// is at home in another.
type key struct{ environment, account string }

// flight names a question to auth that is under way.
func (k key) flight() string { return k.environment + "\x00" + k.account }

type refusal struct {
	err   error
	until time.Time
}

// NewStore makes an empty store over auth's internal mount, which must pass the
// caller's grant on (see access.Outgoing). Now is the clock.
func NewStore(auth *connect.Client, table *route.Table, errs *rpcerr.Table, accounts int, now func() time.Time) (*Store, error) {
	// The key lives as long as the process, and every lease holds its id.
	own := sealed.Generate()
	own.ID = "1"
	ring, err := sealed.ParseRing([]sealed.Key{own})
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	if accounts <= 0 {
		accounts = DefaultAccounts
	}
	return &Store{
		auth: internalauthv1connect.NewCredentialServiceClient(auth), table: table, errors: errs,
		ring: ring, now: now, most: accounts, leases: map[string]*Lease{}, refusals: map[key]refusal{},
	}, nil
}

// Lease gives the credential of an account in the environment of the caller.
// The error is ACCOUNT_NOT_FOUND, NEEDS_REAUTH, ACCOUNT_NOT_ACTIVE or
// UNAVAILABLE. A warm call asks nobody.
func (s *Store) Lease(ctx context.Context, environment, account string) (*Lease, error) {
	k, now := key{environment, account}, s.now()
	s.mu.RLock()
	lease, refused := s.leases[account], s.refusals[k]
	s.mu.RUnlock()
	switch {
	case lease != nil && lease.Environment != environment:
		return nil, rpcerr.New(access.CodeAccountNotFound, "")
	case lease != nil && !lease.expired(now):
		s.hits.Add(1)
		return lease, nil
	case refused.err != nil && now.Before(refused.until):
		s.hits.Add(1)
		return nil, refused.err
	}
	s.misses.Add(1)
	// Callers of one environment ask with grants that reach different accounts,
	// but each was checked against this one before; one answer is good for all.
	answer := s.flights.DoChan(k.flight(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTimeout)
		defer cancel()
		return s.fetch(ctx, k)
	})
	select {
	case r := <-answer:
		if r.Err != nil {
			return nil, r.Err
		}
		lease, _ := r.Val.(*Lease)
		return lease, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Store) fetch(ctx context.Context, k key) (*Lease, error) {
	s.mu.RLock()
	generation := s.generation
	s.mu.RUnlock()
	answer, err := s.auth.LeaseCredential(ctx, &internalauthv1.LeaseCredentialRequest{IntegratedAccountId: k.account})
	if err != nil {
		return nil, s.refuse(k, generation, err)
	}
	p, ok := s.table.Provider(answer.GetIntegration())
	if !ok {
		return nil, rpcerr.Newf(rpcerr.Unavailable, "this replica does not know the integration %q yet", answer.GetIntegration())
	}
	if answer.GetEnvironmentId() != k.environment {
		return nil, rpcerr.New(access.CodeAccountNotFound, "")
	}
	lease, err := newLease(s.ring, p, answer)
	if err != nil {
		return nil, err
	}
	s.change(generation, func() {
		if _, known := s.leases[k.account]; !known {
			makeRoom(s.leases, s.most)
		}
		// The text of the caller's account may be a piece of its request.
		s.leases[lease.Account] = lease
	})
	return lease, nil
}

// refuse turns auth's error into ours and remembers a verdict on the account.
func (s *Store) refuse(k key, generation uint64, err error) error {
	e := s.errors.From(err)
	switch e.Code {
	case access.CodeAccountNotFound, access.CodeNeedsReauth, access.CodeAccountNotActive:
		refused := rpcerr.Relay(err)
		s.change(generation, func() {
			makeRoom(s.refusals, s.most)
			s.refusals[k] = refusal{err: refused, until: s.now().Add(refusedFor)}
		})
		return refused
	default:
		return rpcerr.New(rpcerr.Unavailable, "credentials cannot be had at the moment").WithCause(err)
	}
}

// Usage counts the calls that were answered from memory, those that were not,
// and what is remembered.
func (s *Store) Usage() (hits, misses, entries int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.hits.Load(), s.misses.Load(), int64(len(s.leases) + len(s.refusals))
}

// change keeps an answer unless an event has made it old.
func (s *Store) change(generation uint64, keep func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation == generation {
		keep()
	}
}

// makeRoom drops one entry, whichever, when there are too many.
func makeRoom[K comparable, V any](m map[K]V, most int) {
	if len(m) < most {
		return
	}
	for k := range m {
		delete(m, k)
		return
	}
}

// Forget drops what is known about accounts, or everything for nil. Register it
// with access.Client.OnAccounts.
func (s *Store) Forget(accounts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	clear(s.refusals)
	if accounts == nil {
		clear(s.leases)
	}
	for _, account := range accounts {
		delete(s.leases, account)
	}
}

// A Verdict is what a provider thought of a credential.
type Verdict struct {
	// Unauthorized says that it was refused altogether, Forbidden that it lacks
	// a permission.
	Unauthorized, Forbidden bool
	Resource, Method        string
	MissingScopes           []string
	Message                 string
}

// Report tells auth what a provider thought of a lease's credential. It changes
// nothing when the credential has been replaced meanwhile.
func (s *Store) Report(ctx context.Context, l *Lease, v Verdict) error {
	verdict := internalauthv1.CredentialVerdict_CREDENTIAL_VERDICT_FORBIDDEN
	if v.Unauthorized {
		verdict = internalauthv1.CredentialVerdict_CREDENTIAL_VERDICT_UNAUTHORIZED
	}
	_, err := s.auth.ReportCredential(ctx, &internalauthv1.ReportCredentialRequest{
		IntegratedAccountId: l.Account, Version: l.Version, Verdict: verdict,
		Resource: v.Resource, Method: v.Method, MissingScopes: v.MissingScopes, Message: v.Message,
	})
	if v.Unauthorized {
		s.Forget([]string{l.Account})
		// Whoever asks from now on wants to know what came of the report.
		s.flights.Forget(key{l.Environment, l.Account}.flight())
	}
	if err != nil {
		return fmt.Errorf("credential: report: %w", err)
	}
	return nil
}

// Probe makes a lease of a credential that is not stored yet.
func (s *Store) Probe(p *route.Provider, method string, values map[string]string) (*Lease, error) {
	return newLease(s.ring, p, &internalauthv1.LeaseCredentialResponse{AuthenticationMethod: method, Values: values})
}
