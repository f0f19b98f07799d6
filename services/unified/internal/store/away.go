package store

import (
	"context"
	"errors"
	"time"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
)

const (
	// answerWithin is how long an operation may take. A database that takes longer counts as away: whoever calls is better served by an answer
	// that says so.
	answerWithin = 2 * time.Second
	// retryAfter is what callers are told to wait meanwhile.
	retryAfter = 2 * time.Second
)

// ErrInDoubt says that a commit was sent and never answered: the version is stored or not.
var ErrInDoubt = errors.New("store: the end of the change is not known")

// Impatient gives a store whose operations end soon, and whose errors say what they mean for a caller: 503 when the database does not answer, with nothing
// done, and an unknown outcome for a change that may have been stored. ErrConflict and ErrNotFound stay what they are.
func Impatient(s Store) Store { return impatient{s} }

type impatient struct{ Store }

func (s impatient) Append(ctx context.Context, v Version, expected *int32) (Version, error) {
	return Within(ctx, func(ctx context.Context) (Version, error) { return s.Store.Append(ctx, v, expected) })
}

func (s impatient) Revision(ctx context.Context) (int64, error) { return Within(ctx, s.Store.Revision) }

func (s impatient) Since(ctx context.Context, revision int64) ([]Version, error) {
	return Within(ctx, func(ctx context.Context) ([]Version, error) { return s.Store.Since(ctx, revision) })
}

func (s impatient) Version(ctx context.Context, scope Scope, number int32) (Version, error) {
	return Within(ctx, func(ctx context.Context) (Version, error) { return s.Store.Version(ctx, scope, number) })
}

func (s impatient) Versions(ctx context.Context, q Query) ([]Version, error) {
	return Within(ctx, func(ctx context.Context) ([]Version, error) { return s.Store.Versions(ctx, q) })
}

// Within bounds what do has to do with a store, and judges its error.
func Within[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	v, err := do(bounded)
	switch {
	case err == nil, errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound):
		return v, err
	case errors.Is(err, ErrInDoubt):
		return v, rpcerr.New(access.CodeOutcomeUnknown, "the database went away while the change was being stored; either all of it took effect or nothing").
			WithFix("Read the mapping before you decide to repeat the change.").WithCause(err)
	case ctx.Err() != nil:
		return v, err // the caller has gone, or its time is over
	default:
		return v, rpcerr.New(rpcerr.Unavailable, "the database does not answer; nothing was done").WithRetryAfter(retryAfter).WithCause(err)
	}
}
