// Package definitions knows which fields of its own an organisation has defined. It asks the provider and remembers the answer for a
// minute, so that a page of records does not cost a second call.
package definitions

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/sando-dev/sando/access"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/records"
	"github.com/sando-dev/sando/services/unified/internal/upstream"
)

const (
	// Life is how long an answer is remembered.
	Life = time.Minute
	// most bounds the accounts remembered at a time.
	most = 10_000
	// pages bounds the reading of definitions; page is the size asked for.
	pages, page = 5, 1000
	// patience bounds one reading, which may serve several callers.
	patience = 30 * time.Second
)

// ErrTooMany says that an organisation has more definitions than are read.
var ErrTooMany = errors.New("definitions: more than 5000 fields are defined")

// Cache reads and remembers definitions. It is safe for concurrent use.
type Cache struct {
	client *upstream.Client
	errors *rpcerr.Table
	now    func() time.Time
	flight singleflight.Group

	hits, misses atomic.Int64

	mu      sync.Mutex
	known   map[string]entry
	changed uint64
}

// entry is an answer, or the provider's refusal to give one.
type entry struct {
	fields  []plan.CustomField
	refusal error
	until   time.Time
}

// New makes an empty cache.
func New(client *upstream.Client, errs *rpcerr.Table, now func() time.Time) *Cache {
	return &Cache{client: client, errors: errs, now: now, known: make(map[string]entry)}
}

// Fields lists the fields in use, in the provider's order. A refusal for lack of permission is remembered too.
func (c *Cache) Fields(ctx context.Context, op *catalogv1.Operation, spec *catalogv1.CustomFields, account string) ([]plan.CustomField, error) {
	key := account + "\x00" + op.GetId()
	c.mu.Lock()
	e, ok := c.known[key]
	c.mu.Unlock()
	if ok && c.now().Before(e.until) {
		c.hits.Add(1)
		return e.fields, e.refusal
	}
	c.misses.Add(1)
	result := c.flight.DoChan(key, func() (any, error) {
		// The answer serves others too, so it must outlive this caller.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		return c.read(ctx, op, spec, account, key)
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		e := r.Val.(entry)
		return e.fields, e.refusal
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Usage counts the look-ups that were answered from memory, those that were not, and the entries.
func (c *Cache) Usage() (hits, misses, entries int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits.Load(), c.misses.Load(), int64(len(c.known))
}

// Forget drops what is known about accounts; nil means all.
func (c *Cache) Forget(accounts []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed++
	if accounts == nil {
		clear(c.known)
		return
	}
	for key := range c.known {
		for _, account := range accounts {
			if len(key) > len(account) && key[:len(account)] == account && key[len(account)] == 0 {
				delete(c.known, key)
			}
		}
	}
}

func (c *Cache) read(ctx context.Context, op *catalogv1.Operation, spec *catalogv1.CustomFields, account, key string) (entry, error) {
	c.mu.Lock()
	changed := c.changed
	c.mu.Unlock()
	fields, err := c.list(ctx, op, spec, account)
	e := entry{fields: fields, until: c.now().Add(Life)}
	if err != nil {
		if code := c.errors.From(err).Code; code != access.CodeUpstreamForbidden {
			return entry{}, err
		}
		e.refusal = err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= most {
		clear(c.known)
	}
	if c.changed == changed {
		c.known[key] = e
	}
	return e, nil
}

func (c *Cache) list(ctx context.Context, op *catalogv1.Operation, spec *catalogv1.CustomFields, account string) ([]plan.CustomField, error) {
	r, err := newReader(spec)
	if err != nil {
		return nil, err
	}
	cursor := ""
	for range pages {
		p, err := c.client.List(ctx, upstream.Call{Operation: op, Account: account}, page, cursor)
		if err != nil {
			return nil, err
		}
		if err := r.rows(p.Rows); err != nil {
			return nil, rpcerr.New(access.CodeUpstreamBadResponse, "").WithCause(err)
		}
		if cursor = p.Next; cursor == "" {
			return r.fields, nil
		}
	}
	return nil, rpcerr.New(access.CodeScanLimit, "").WithCause(ErrTooMany)
}

// reader collects definitions.
type reader struct {
	key, kind, deleted records.Pointer
	fields             []plan.CustomField
	seen               map[string]bool
}

func newReader(spec *catalogv1.CustomFields) (*reader, error) {
	r := &reader{seen: make(map[string]bool), fields: []plan.CustomField{}}
	for text, into := range map[string]*records.Pointer{
		spec.GetKeyPointer(): &r.key, spec.GetTypePointer(): &r.kind, spec.GetDeletedPointer(): &r.deleted,
	} {
		p, err := records.ParsePointer(text)
		if err != nil {
			return nil, err
		}
		*into = p
	}
	return r, nil
}

func (r *reader) rows(array []byte) error {
	walk := records.ElementsOf(array)
	for {
		row, ok := walk.Next()
		if !ok {
			return walk.Err()
		}
		key := textAt(row, r.key)
		if key == "" || r.seen[key] || string(records.Find(row, r.deleted)) == "true" {
			continue
		}
		r.seen[key] = true
		r.fields = append(r.fields, plan.CustomField{Key: key, Type: textAt(row, r.kind)})
	}
}

func textAt(row []byte, p records.Pointer) string {
	v := records.Find(row, p)
	if records.KindOf(v) != records.String {
		return ""
	}
	return string(records.AppendText(nil, v))
}
