package store

import (
	"context"
	"errors"
	"time"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// retryAfter is what callers are told to wait while the database is away: about as long as a fail-over or a restart of it takes.
const retryAfter = 2 * time.Second

// Away is the error of an operation that the database did not answer, or refused because it cannot serve now: it starts, stops, is full, or hangs. Nothing
// was done, and the same operation may work soon.
func Away(cause error) error {
	return rpcerr.New(rpcerr.Unavailable, "the database does not answer; nothing was done").WithRetryAfter(retryAfter).WithCause(cause)
}

// InDoubt is the error of a transaction whose commit was sent and never answered.
func InDoubt(cause error) error {
	return rpcerr.New(access.CodeOutcomeUnknown, "the database went away while the change was being stored; either all of it took effect or nothing").
		WithFix("Read what was to be changed before you decide to repeat it.").WithCause(cause)
}

// IsAway recognises both.
func IsAway(err error) bool {
	e, ok := errors.AsType[*rpcerr.Error](err)
	return ok && (e.Code == rpcerr.Unavailable || e.Code == access.CodeOutcomeUnknown)
}

type patient struct{}

// Patient marks work that no caller waits for, such as upkeep and the operator's commands: it may take as long as it takes, where a call is given up when
// the database does not answer for a moment.
func Patient(ctx context.Context) context.Context { return context.WithValue(ctx, patient{}, true) }

// IsPatient says whether ctx has been marked by Patient.
func IsPatient(ctx context.Context) bool { return ctx.Value(patient{}) != nil }
