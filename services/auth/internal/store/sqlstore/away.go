package sqlstore

import (
	"context"
	"errors"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sando-dev/sando/kit/postgres"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// answerWithin is how long an operation of a call may take, waiting for a connection included. A database that takes longer counts as away: whoever calls
// is better served by an answer that says so.
const answerWithin = 2 * time.Second

// errSlow is why the context of an operation has ended when answerWithin is over.
var errSlow = errors.New("store: the database did not answer in time")

// within bounds an operation, unless nobody waits for it.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 || store.IsPatient(ctx) {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, limit, errSlow)
}

// judged tells apart, for every operation alike, what means that the database is away. ctx is the one that bounded the operation.
func judged(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		return err
	}
	if _, ok := errors.AsType[*rpcerr.Error](err); ok {
		return err // judged already, or the verdict of whoever uses the store
	}
	if context.Cause(ctx) == errSlow || ctx.Err() == nil && (postgres.Away(err) || sqliteAway(err)) {
		return store.Away(err)
	}
	return err
}

// locked recognises that another process holds the file.
func locked(err error) bool {
	code := sqliteCode(err) & 0xff
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

// sqliteAway recognises that the file cannot be used for now: another process holds it, or the disk is full or fails.
func sqliteAway(err error) bool {
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL:
		return true
	default:
		return locked(err)
	}
}
