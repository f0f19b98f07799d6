package store_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/unified/internal/store"
)

// broken is a store whose operations end with err, or hang where there is none.
type broken struct {
	store.Store
	err error
}

func (b broken) fail(ctx context.Context) error {
	if b.err != nil {
		return b.err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (b broken) Append(ctx context.Context, v store.Version, _ *int32) (store.Version, error) {
	return v, b.fail(ctx)
}

func (b broken) Revision(ctx context.Context) (int64, error) { return 0, b.fail(ctx) }

func (b broken) Since(ctx context.Context, _ int64) ([]store.Version, error) { return nil, b.fail(ctx) }

func (b broken) Version(ctx context.Context, _ store.Scope, _ int32) (store.Version, error) {
	return store.Version{}, b.fail(ctx)
}

func (b broken) Versions(ctx context.Context, _ store.Query) ([]store.Version, error) {
	return nil, b.fail(ctx)
}

func operations(s store.Store) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"append":   func(ctx context.Context) error { _, err := s.Append(ctx, store.Version{}, nil); return err },
		"revision": func(ctx context.Context) error { _, err := s.Revision(ctx); return err },
		"since":    func(ctx context.Context) error { _, err := s.Since(ctx, 0); return err },
		"version":  func(ctx context.Context) error { _, err := s.Version(ctx, store.Scope{}, 1); return err },
		"versions": func(ctx context.Context) error { _, err := s.Versions(ctx, store.Query{}); return err },
	}
}

// TestE4DatabaseAway: an operation that the database does not answer ends within
// two seconds, and says what it means for the caller.
func TestE4DatabaseAway(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		code rpcerr.Code
		same bool // the error is passed on
	}{
		{"hangs", nil, rpcerr.Unavailable, false},
		{"broken off", io.ErrUnexpectedEOF, rpcerr.Unavailable, false},
		{"in doubt", store.ErrInDoubt, access.CodeOutcomeUnknown, false},
		{"conflict", store.ErrConflict, "", true},
		{"not found", store.ErrNotFound, "", true},
	} {
		for name, do := range operations(store.Impatient(broken{err: tt.err})) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				err := do(t.Context())
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("%s, %s: took %s", tt.name, name, took)
				}
				if tt.same {
					if !errors.Is(err, tt.err) {
						t.Errorf("%s, %s: %v", tt.name, name, err)
					}
					return
				}
				e, ok := errors.AsType[*rpcerr.Error](err)
				if !ok || e.Code != tt.code {
					t.Fatalf("%s, %s: %v, want %s", tt.name, name, err, tt.code)
				}
				if e.Code == rpcerr.Unavailable && e.RetryAfter != 2*time.Second {
					t.Errorf("%s, %s: retry after %s", tt.name, name, e.RetryAfter)
				}
			})
		}
	}
}

// A caller whose own time is over hears of that, not of the database.
func TestE4TheCallersTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := store.Impatient(broken{}).Revision(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// However many wait for one another, each hears within the bound.
func TestE4WaitersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn := make(chan struct{}, 1)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				began := time.Now()
				_, err := store.Within(t.Context(), func(ctx context.Context) (int, error) {
					select {
					case turn <- struct{}{}:
						defer func() { <-turn }()
						n, err := store.Impatient(broken{}).Revision(ctx)
						return int(n), err
					case <-ctx.Done():
						return 0, ctx.Err()
					}
				})
				if e, ok := errors.AsType[*rpcerr.Error](err); !ok || e.Code != rpcerr.Unavailable || time.Since(began) > 2*time.Second {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		}
		wg.Wait()
	})
}
