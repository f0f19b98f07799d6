// Package relay carries a caller's call to a provider and the answer back: it
// checks the grant, borrows the credential, keeps the rate budget, sends, and
// takes the data out of the answer. It knows no transport: what comes back is
// written to a writer, and the facts around it are returned.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/proxy/internal/budget"
	"github.com/sando-dev/sando/services/proxy/internal/credential"
	"github.com/sando-dev/sando/services/proxy/internal/cursor"
	"github.com/sando-dev/sando/services/proxy/internal/route"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
)

// An Auditor records who did what; *access.Auditor is one.
type Auditor interface {
	// Record returns once the entries are durable.
	Record(ctx context.Context, entries ...*authv1.LogEntry) error
	// Later records an entry soon.
	Later(e *authv1.LogEntry)
}

// Limits bound what one call may take.
type Limits struct {
	// MaxWait is how long a call may queue for rate budget when it does not
	// say; MostWait is the most it may ask for, and what a stream gets.
	MaxWait, MostWait time.Duration
	// Answer is the most bytes of an answer that are held in memory: those of
	// writes, which are kept for their Idempotency-Key.
	Answer int64
}

// Deps are what a Service works with. All are needed.
type Deps struct {
	Routes      *route.Table
	Credentials *credential.Store
	Budget      budget.Budget
	Upstream    upstream.Client
	Ledger      *writes.Ledger
	Audit       Auditor
	Watch       access.Watch
	Cursors     *cursor.Sealer
	Errors      *rpcerr.Table
	Telemetry   telemetry.Telemetry
	Log         *slog.Logger
	Now         func() time.Time
	Limits      Limits
}

// A Service carries calls. It is safe for concurrent use.
type Service struct {
	Deps
	observer *observer
}

// New makes a service.
func New(d Deps) (*Service, error) {
	o, err := newObserver(d.Telemetry)
	if err != nil {
		return nil, err
	}
	return &Service{Deps: d, observer: o}, nil
}

// An Aim says what a caller wants.
type Aim struct {
	// Account is the integrated account; empty where the token implies it.
	Account string
	// Resource and Method name the operation.
	Resource, Method string
	// Name is a method of the resource or, when it has none of that name, the
	// id of a record; used where a route does not tell them apart.
	Name string
	// ID is the record.
	ID string
	// HTTPMethod is the verb of a REST call; empty for RPC.
	HTTPMethod string
	// Query is the caller's query string, with our own parameters in it.
	Query string
	// Limit and Cursor are those of an RPC; they win over the query.
	Limit  *int32
	Cursor string
	// Body is what to send, of type ContentType, which is JSON when empty; nil
	// for none.
	Body        []byte
	ContentType string
}

// aimed finds the operation of an aim, and the id.
func (a *Aim) aimed(p *route.Provider) (*route.Operation, string, error) {
	method, id := a.Method, a.ID
	if a.Name != "" {
		if op, ok := p.Custom(a.Resource, a.Name); ok {
			return op, id, nil
		}
		id = a.Name
	}
	op, err := p.Method(a.Resource, method)
	return op, id, err
}

// interrupted says whether a call ended because its own time did.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}
