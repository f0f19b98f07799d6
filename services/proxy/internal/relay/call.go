package relay

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/quantity"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/credential"
	"github.com/sando-dev/sando/services/proxy/internal/query"
	"github.com/sando-dev/sando/services/proxy/internal/route"
)

// Request headers of ours.
const (
	headerIdempotencyKey = "Idempotency-Key"
	headerMaxWait        = "Sando-Max-Wait"
	headerRaw            = "Sando-Raw"
)

// A call is one call under way.
type call struct {
	caller *access.Caller
	lease  *credential.Lease
	op     *route.Operation
	bound  route.Binding
	header *connect.Header // of the answer
	began  time.Time

	id      string // of the record; empty for none
	limit   int    // rows asked for; 0 when the caller does not say
	cursor  string
	binding string // the part of the query that a cursor is bound to
	body    []byte
	media   string // type of the body
	verb    string // HTTP method of the caller, or of an RPC's route

	key     string        // Idempotency-Key
	maxWait time.Duration // for rate budget, all attempts together
	raw     bool          // the provider's bytes are wanted

	upstreamStatus int
	waited         time.Duration // for rate budget, all attempts together
}

// begin finds out what is called and whether the caller may. A refusal of what
// the grant does not name is on record before it is answered.
func (s *Service) begin(ctx context.Context, aim *Aim) (*call, error) {
	c, q, err := s.admit(ctx, aim.Account, aim.Query)
	if err != nil {
		return nil, err
	}
	op, id, err := aim.aimed(c.lease.Provider)
	if err != nil {
		return nil, err
	}
	c.op, c.id, c.body, c.media, c.verb = op, id, aim.Body, aim.ContentType, verbOf(aim.HTTPMethod, op)
	interceptor.Note(ctx, slog.String("account", c.lease.Account), slog.String("operation", op.GetId()))
	if aim.HTTPMethod != "" && !op.Reads(aim.HTTPMethod) {
		return nil, rpcerr.Newf(rpcerr.MethodNotAllowed, "%s changes something, which a GET must not", op.GetId()).
			WithFix("Use POST.")
	}
	if err := s.allow(ctx, c, op.GetId(), op.Writes); err != nil {
		return nil, err
	}
	return c, c.bind(q, aim)
}

// admit reads what every call has: who calls, for which account, and how.
func (s *Service) admit(ctx context.Context, account, rawQuery string) (*call, query.Query, error) {
	caller, ok := access.FromContext(ctx)
	if !ok {
		return nil, nil, rpcerr.New(rpcerr.Unauthenticated, "")
	}
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return nil, nil, rpcerr.New(rpcerr.Internal, "")
	}
	q, err := query.Parse(rawQuery)
	if err != nil {
		return nil, nil, rpcerr.Invalid("query", err.Error())
	}
	for _, ours := range []string{catalog.ArgumentAccount, catalog.ArgumentLimit, catalog.ArgumentCursor} {
		if q.Repeats(ours) {
			return nil, nil, rpcerr.Invalid(ours, "is given more than once")
		}
	}
	fromQuery, given, q := q.Take(catalog.ArgumentAccount)
	if given {
		if err := access.CheckID(catalog.ArgumentAccount, fromQuery); err != nil {
			return nil, nil, err
		}
		account = cmp.Or(account, fromQuery)
	}
	account, err = accountOf(caller, account)
	if err != nil {
		return nil, nil, err
	}
	c := &call{caller: caller, header: info.ResponseHeader(), began: s.Now(), maxWait: s.Limits.MaxWait}
	if err := c.options(info.RequestHeader(), s.Limits); err != nil {
		return nil, nil, err
	}
	c.lease, err = s.Credentials.Lease(ctx, caller.Grant.EnvironmentID, account)
	return c, q, err
}

// accountOf is the account that a call is about.
func accountOf(caller *access.Caller, asked string) (string, error) {
	g := caller.Grant
	switch {
	case asked != "" && !g.MayAccount(asked):
		return "", rpcerr.New(access.CodeAccountNotFound, "")
	case asked != "":
		return asked, nil
	case len(g.Accounts) == 1 && (g.Kind == access.KindAccount || g.Kind == access.KindMCP):
		return g.Accounts[0], nil
	default:
		return "", rpcerr.New(access.CodeAccountRequired, "")
	}
}

// options reads our request headers.
func (c *call) options(h *connect.Header, limits Limits) error {
	if h.Has(headerMaxWait) {
		wait, err := quantity.Duration(h.Get(headerMaxWait), limits.MostWait)
		if err != nil {
			return rpcerr.Invalid(headerMaxWait, err.Error())
		}
		c.maxWait = wait
	}
	if c.key = h.Get(headerIdempotencyKey); len(c.key) > 255 {
		return rpcerr.Invalid(headerIdempotencyKey, "must not be longer than 255 characters")
	}
	switch raw := h.Get(headerRaw); raw {
	case "", "true", "false":
		c.raw = raw == "true"
	default:
		return rpcerr.Invalid(headerRaw, "must be true or false")
	}
	return nil
}

// allow holds an operation against the grant.
func (s *Service) allow(ctx context.Context, c *call, operation string, writes bool) error {
	if !c.caller.Grant.MayOperation(operation, writes) {
		refused := rpcerr.New(access.CodeOperationNotGranted, "").WithDetail("operation", operation)
		if writes || c.caller.Grant.MCPServerID != "" {
			if err := s.Audit.Record(ctx, s.outcome(ctx, c, operation, refused)); err != nil {
				return err
			}
		}
		return refused
	}
	if writes {
		return s.Watch.AllowWrite()
	}
	return nil
}

// bind takes our parameters out of the query and sorts the rest.
func (c *call) bind(q query.Query, aim *Aim) error {
	limit, limited, q := q.Take(catalog.ArgumentLimit)
	next, continued, q := q.Take(catalog.ArgumentCursor)
	if aim.Limit != nil {
		limit, limited = strconv.Itoa(int(*aim.Limit)), true
	}
	if aim.Cursor != "" {
		next, continued = aim.Cursor, true
	}
	if err := c.page(limit, limited, next, continued); err != nil {
		return err
	}
	if c.op.List {
		c.binding = c.rows(q)
	}
	bound, err := c.op.Bind(c.id, slices.Clone(q), c.body)
	c.bound = bound
	return err
}

// rows is what chooses the rows of a list, in one fixed form: cursors are bound
// to it.
func (c *call) rows(q query.Query) string {
	binding := q.Binding("fields")
	if c.id != "" {
		binding += " id " + c.id
	}
	if len(c.body) > 0 {
		binding = fmt.Sprintf("%s body %x", binding, sha256.Sum256(c.body))
	}
	return binding
}

// page reads limit and next_cursor.
func (c *call) page(limit string, limited bool, next string, continued bool) error {
	switch {
	case limited && !c.op.List:
		return rpcerr.Invalid(catalog.ArgumentLimit, "this operation answers no list").WithFix("Leave limit out.")
	case next != "" && c.op.GetKind() == catalogv1.Kind_KIND_LIST && !c.op.List:
		return invalidCursor(nil)
	case continued && !c.op.List:
		return rpcerr.Invalid(catalog.ArgumentCursor, "this operation answers no list").WithFix("Leave next_cursor out.")
	}
	c.cursor = next
	if !limited {
		return nil
	}
	most := c.maxSize()
	n, err := quantity.Count(limit, most)
	if errors.Is(err, quantity.ErrTooLarge) {
		return rpcerr.Invalid(catalog.ArgumentLimit, err.Error()).
			WithDetail("maximum", most).WithFix("Ask for at most " + strconv.Itoa(most) + " and continue with next_cursor.")
	}
	if err != nil || n < 1 {
		return rpcerr.Invalid(catalog.ArgumentLimit, "must be a whole number from 1 on")
	}
	c.limit = n
	return nil
}

// maxSize is the largest page that may be asked for.
func (c *call) maxSize() int {
	if most := int(c.op.GetPaging().GetMaxSize()); most > 0 {
		return most
	}
	return catalog.LocalPageSize
}

// defaultSize is the page size when the caller does not say.
func (c *call) defaultSize() int {
	if size := int(c.op.GetPaging().GetDefaultSize()); size > 0 {
		return size
	}
	return c.maxSize()
}

func invalidCursor(cause error) error {
	return rpcerr.New(access.CodeCursorInvalid, "").WithCause(cause)
}
