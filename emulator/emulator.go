// Package emulator is a stand-in for the Torii SaaS-management API: all 73 documented operations, stateful, seeded
// deterministically, with Torii's envelopes, cursors, filters, limits and errors, and with faults to order.
//
// It is written from Torii's published documents alone, so that a test against it tests the client. README.md lists
// the facts it keeps to, the ones Torii leaves open with the option that switches each, and what it does not do.
package emulator

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sando-dev/sando/emulator/internal/quota"
)

// Emulator is the stand-in. It is an http.Handler, safe for concurrent use, and keeps everything in memory.
type Emulator struct {
	opts     Options
	mux      *http.ServeMux
	storage  *storage
	orgs     map[int64]*org
	keys     map[string]keyed // by token
	meter    *quota.Meter
	faults   faults
	requests requestLog
	rendered rendered

	certificate *tls.Certificate // nil without TLS
	ca          []byte           // see CA
}

// keyed is a key with the organisation it opens.
type keyed struct {
	Key
	org    *org
	digest string
}

// New returns an emulator with freshly seeded data. It panics on options that Options.Validate refuses.
func New(o Options) *Emulator {
	if err := o.Validate(); err != nil {
		panic(err)
	}
	e := &Emulator{opts: o.complete(), mux: http.NewServeMux()}
	e.meter = quota.New(quota.Window(e.opts.RateWindow))
	e.storage = newStorage(e)
	if err := e.certify(); err != nil {
		panic(err)
	}
	e.seed()
	for _, rt := range routes() {
		e.mux.HandleFunc(rt.method+" "+BasePath+rt.path, func(w http.ResponseWriter, r *http.Request) { e.serve(&rt, w, r) })
	}
	e.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { e.serve(nil, w, r) })
	if o.StorageListen == "" {
		e.mux.Handle(storagePath, e.storage)
	}
	if o.Control {
		e.mux.Handle(ControlPath+"/", e.control())
	}
	return e
}

// certify finds or makes the certificate.
func (e *Emulator) certify() (err error) {
	e.certificate = e.opts.Certificate
	if e.opts.TLS && e.certificate == nil {
		e.certificate, e.ca, err = makeCertificate(e.opts.TLSNames)
	}
	return err
}

// ServeHTTP answers one request. A path that is not clean fits no route: the mux alone would redirect it, which Torii
// does not.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := path.Clean(r.URL.Path); p != r.URL.Path && p+"/" != r.URL.Path {
		e.serve(nil, w, r)
		return
	}
	e.mux.ServeHTTP(w, r)
}

// seed makes the organisations as Options describes them.
func (e *Emulator) seed() {
	e.orgs = map[int64]*org{}
	e.keys = map[string]keyed{}
	for _, o := range e.opts.Orgs {
		org := newOrg(o, e.opts)
		e.orgs[o.ID] = org
		for _, key := range o.Keys {
			e.keys[key.Token] = keyed{Key: key, org: org, digest: digest([]byte(key.Token))}
		}
	}
}

// Reset undoes every write and forgets faults, counted calls and logged requests.
func (e *Emulator) Reset() {
	for _, o := range e.opts.Orgs {
		e.orgs[o.ID].reset(newOrg(o, e.opts))
	}
	e.ClearFaults()
	e.ClearRequests()
	e.meter.Reset()
	e.storage.reset()
	e.rendered.clear()
}

// respond is the path of a request that no fault keeps from its handler: route, key, permission, limit, handler.
func (e *Emulator) respond(rt *route, r *http.Request, in inbound, bend paging) (reply, keyed) {
	if rt == nil {
		return e.failure(r, problemf(http.StatusNotFound, "Not Found")), keyed{}
	}
	now := e.opts.Now()
	key, err := e.authenticate(r, now)
	if err != nil {
		return e.failure(r, err), key
	}
	rep, err := e.admit(rt, r, key, in, bend, now)
	if err != nil {
		failed := e.failure(r, err)
		for name, values := range rep.header {
			failed.header[name] = values
		}
		return failed, key
	}
	return rep, key
}

// authenticate finds the key of a request.
func (e *Emulator) authenticate(r *http.Request, now time.Time) (keyed, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return keyed{}, problemf(http.StatusUnauthorized, "Missing authentication")
	}
	key, ok := e.keys[token]
	if !ok || (!key.Expires.IsZero() && !now.Before(key.Expires)) {
		return keyed{}, problemf(http.StatusUnauthorized, "Invalid API key")
	}
	return key, nil
}

// permit refuses what the kind of key may not do.
func (e *Emulator) permit(rt *route, key Key) error {
	switch {
	case rt.scim() && key.Access != SCIMOnly && (e.opts.StrictSCIM || key.Access == ReadOnly && rt.writes()):
		return forbidden("missing_required_scope: scim")
	case !rt.scim() && key.Access == SCIMOnly:
		return forbidden("missing_required_scope: " + scopeOf(rt))
	case !rt.scim() && key.Access == ReadOnly && rt.writes():
		return forbidden("missing_required_scope: " + scopeOf(rt))
	}
	return nil
}

// scopeOf names a permission after the first part of the path.
func scopeOf(rt *route) string {
	resource, _, _ := strings.Cut(rt.path[1:], "/")
	if rt.writes() {
		return resource + ":write"
	}
	return resource + ":read"
}

// admit counts the call against its limit and runs the handler under the organisation's lock.
func (e *Emulator) admit(rt *route, r *http.Request, key keyed, in inbound, bend paging, now time.Time) (reply, error) {
	if err := e.permit(rt, key.Key); err != nil {
		return reply{}, err
	}
	header := http.Header{}
	if !e.opts.NoRateLimits {
		verdict := e.meter.Take(e.bucket(rt, key), rt.limit, now)
		e.rateHeaders(header, verdict, now)
		if !verdict.OK {
			return reply{header: header}, problemf(http.StatusTooManyRequests, "Rate limit exceeded: %d requests per minute", rt.limit)
		}
	}
	c := &call{e: e, org: key.org, route: rt, r: r, query: r.URL.Query(), body: in.body, now: now, paging: bend}
	if err := c.checkQuery(); err != nil {
		return reply{header: header}, err
	}
	rep, err := e.run(c, in)
	if rep.header == nil {
		rep.header = http.Header{}
	}
	for name, values := range header {
		rep.header[name] = values
	}
	return rep, err
}

// run calls the handler. Reads share the organisation, writes have it to themselves.
func (e *Emulator) run(c *call, in inbound) (reply, error) {
	if in.tooLarge {
		return reply{}, e.oversize()
	}
	if !c.route.writes() {
		return e.rendered.get(c, func() (reply, error) {
			c.org.mu.RLock()
			defer c.org.mu.RUnlock()
			return c.route.handle(c)
		})
	}
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	defer e.rendered.clear()
	return c.route.handle(c)
}

func (e *Emulator) bucket(rt *route, key keyed) string {
	owner := key.digest
	if e.opts.RateScope == PerOrg {
		owner = itoa(key.org.ID)
	}
	return owner + " " + rt.id
}

// rateHeaders adds Retry-After to a refusal and, if wanted, the quota headers that an unproven source names.
func (e *Emulator) rateHeaders(h http.Header, v quota.Verdict, now time.Time) {
	if !v.OK && !e.opts.OmitRetryAfter {
		h.Set("Retry-After", itoa(int64(v.RetryAfter(now))))
	}
	if e.opts.RateLimitHeaders {
		h.Set("X-Rate-Limit-Limit", itoa(int64(v.Limit)))
		h.Set("X-Rate-Limit-Remaining", itoa(int64(v.Remaining)))
		h.Set("X-Rate-Limit-Reset", itoa(v.Reset.Unix()))
	}
}

// oversize refuses a body over the limit.
func (e *Emulator) oversize() error {
	if e.opts.OversizeBadRequest {
		return invalidf("Payload content length greater than maximum allowed: %d", MaxUpload)
	}
	return problemf(http.StatusRequestEntityTooLarge, "Payload content length greater than maximum allowed: %d", MaxUpload)
}

// digest names bytes without showing them.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Operations lists the ids of all emulated operations, sorted, for tests that compare with a catalog of their own.
func Operations() []string {
	var ids []string
	for _, rt := range routes() {
		ids = append(ids, rt.id)
	}
	slices.Sort(ids)
	return ids
}
