// Package engine answers the typed calls of every unified resource: it reads the request, asks the provider through the proxy, maps the
// records and fills the response. It knows requests and responses by the names of their fields only, so that a resource is data.
//
// Requests share the fields integrated_account_id, limit, next_cursor, fields, remote_data, sort, filters, custom_fields and id; every
// other field of a list or get is a filter, and of an update a change.
package engine

import (
	"context"
	"errors"
	"time"

	"github.com/sando-dev/sando/access"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/cursor"
	"github.com/sando-dev/sando/services/unified/internal/definitions"
	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/records"
	"github.com/sando-dev/sando/services/unified/internal/resource"
	"github.com/sando-dev/sando/services/unified/internal/upstream"
)

const (
	// MaxPages is how many upstream pages one call reads at most.
	MaxPages = 5
	// MaxLimit is the largest page, and the default.
	MaxLimit = 1000
)

// Mappings finds the mapping in force for an account.
type Mappings interface {
	Effective(name resource.Name, environment, account string) (*resource.Resource, error)
}

// Engine answers calls. It is safe for concurrent use.
type Engine struct {
	mappings    Mappings
	client      *upstream.Client
	definitions *definitions.Cache
	cursors     *cursor.Sealer
	errors      *rpcerr.Table
}

// New makes an engine.
func New(mappings Mappings, client *upstream.Client, cursors *cursor.Sealer, errs *rpcerr.Table, now func() time.Time) *Engine {
	return &Engine{
		mappings: mappings, client: client, cursors: cursors, errors: errs,
		definitions: definitions.New(client, errs, now),
	}
}

// Forget drops what is remembered about accounts; nil means all.
func (e *Engine) Forget(accounts []string) { e.definitions.Forget(accounts) }

// Usage counts look-ups in what is remembered of accounts' own fields.
func (e *Engine) Usage() (hits, misses, entries int64) { return e.definitions.Usage() }

// scope is whose records a call is about.
type scope struct {
	environment, account string
}

// ScopeOf finds the account of a call: the one asked for, else the only one that the caller reaches.
func ScopeOf(ctx context.Context, account string) (environment, id string, err error) {
	caller, ok := access.FromContext(ctx)
	if !ok {
		return "", "", rpcerr.New(rpcerr.Unauthenticated, "")
	}
	g := caller.Grant
	if account == "" {
		if g.Kind == access.KindAPI || len(g.Accounts) != 1 {
			return "", "", rpcerr.New(access.CodeAccountRequired, "")
		}
		account = g.Accounts[0]
	}
	if !g.MayAccount(account) {
		return "", "", rpcerr.New(access.CodeAccountNotFound, "")
	}
	return g.EnvironmentID, account, nil
}

// prepare reads a request and finds the mapping for it.
func (e *Engine) prepare(ctx context.Context, name resource.Name, r *request) (*resource.Resource, error) {
	environment, account, err := ScopeOf(ctx, r.account)
	if err != nil {
		return nil, err
	}
	r.scope = scope{environment: environment, account: account}
	return e.mappings.Effective(name, environment, account)
}

// call makes the upstream call of a source.
func (e *Engine) call(res *resource.Resource, s *catalogv1.Source, r *request) (upstream.Call, error) {
	c := upstream.Call{Operation: res.Operation(s.GetOperation()), Account: r.account, Parameters: make(map[string]string), Query: make(map[string][]string)}
	for parameter, from := range s.GetParameters() {
		v, ok := r.parameter(from)
		if !ok {
			return c, rpcerr.Invalid(from, "is required")
		}
		c.Parameters[parameter] = v
	}
	for name, v := range s.GetQuery() {
		c.Query.Set(name, v)
	}
	return c, nil
}

// failure turns what the mapper says about a record into an error for the caller.
func failure(err error, id string) error {
	var mapping *plan.Error
	var syntax *records.SyntaxError
	switch {
	case errors.As(err, &mapping):
		e := rpcerr.Newf(access.CodeMappingFailed, "the field %s could not be mapped (layer %s): %s", mapping.Field, mapping.Layer, mapping.Text).
			WithDetail("layer", mapping.Layer).WithDetail("field", mapping.Field).WithDetail("expression", mapping.Expression)
		if mapping.Source != "" {
			e = e.WithDetail("source_value", mapping.Source)
		}
		if id != "" {
			e = e.WithDetail("record_id", id)
		}
		return e
	case errors.As(err, &syntax):
		return rpcerr.New(access.CodeUpstreamBadResponse, "").WithCause(err)
	default:
		return err
	}
}
