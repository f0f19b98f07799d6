package access

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"
	"golang.org/x/sync/singleflight"

	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
)

const (
	// maxGrantLife is how long a grant lives at most; auth mints them for this long.
	maxGrantLife = 5 * time.Minute
	// refreshAhead is how long before its end a grant in use is fetched again.
	refreshAhead = time.Minute
	// introspectTimeout bounds one question to auth.
	introspectTimeout = 5 * time.Second
)

// Options are what a [Client] needs besides auth.
type Options struct {
	// Log takes lines about the watch; never a token.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// A Client honours callers by what auth says. Its methods may be called concurrently.
type Client struct {
	log      *slog.Logger
	now      func() time.Time
	auth     internalauthv1connect.IntrospectionServiceClient
	watcher  internalauthv1connect.RevocationServiceClient
	verifier *grant.Verifier
	cache    *cache
	flight   singleflight.Group
	// lastBeat is when the watch last heard from auth, in Unix nanoseconds; 0 before the first time.
	lastBeat atomic.Int64
	hasKeys  atomic.Bool
	// hits and misses count look-ups in the cache.
	hits, misses atomic.Int64

	mu         sync.Mutex
	onAccounts []func(ids []string)
	onAnswers  []func(answers []string)
}

// New makes a client over auth's internal mount. It answers nothing until Run has loaded the signing keys.
func New(auth *connect.Client, o Options) *Client {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Client{
		log:      o.Log,
		now:      o.Now,
		auth:     internalauthv1connect.NewIntrospectionServiceClient(auth),
		watcher:  internalauthv1connect.NewRevocationServiceClient(auth),
		verifier: new(grant.Verifier),
		cache:    newCache(),
	}
}

// OnAccounts calls f with the ids of accounts that changed, and with nil when anything may have changed. Register before Run; f must not block.
func (c *Client) OnAccounts(f func(ids []string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onAccounts = append(c.onAccounts, f)
}

// OnAnswers calls f with sealed answers to questions of tool calls, see McpAnswerService. Register before Run; f must not block.
func (c *Client) OnAnswers(f func(answers []string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onAnswers = append(c.onAnswers, f)
}

// Authenticate implements [Authenticator]. A warm call costs one hash and one look-up.
func (c *Client) Authenticate(ctx context.Context, bearer, second string) (*Caller, error) {
	d := digestOf(bearer, second)
	e, _ := c.cache.get(d)
	now := c.now()
	if e == nil || now.After(e.expiresAt) {
		c.misses.Add(1)
		return c.fetch(ctx, d, bearer, second)
	}
	c.hits.Add(1)
	if e.refused != nil {
		return nil, e.refused
	}
	if e.due(now) {
		go c.refresh(context.WithoutCancel(ctx), d, bearer, second)
	}
	return e.caller, nil
}

// refresh fetches a grant ahead of its end; if that fails, the old one serves until it does end.
func (c *Client) refresh(ctx context.Context, d digest, bearer, second string) {
	if _, err := c.fetch(ctx, d, bearer, second); err != nil {
		c.log.DebugContext(ctx, "grant not refreshed", "error", err)
	}
}

// fetch finds out who a bearer is, once for all callers that ask at the same time.
func (c *Client) fetch(ctx context.Context, d digest, bearer, second string) (*Caller, error) {
	result := c.flight.DoChan(string(d[:]), func() (any, error) {
		// The answer serves others too, so it must outlive this caller.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), introspectTimeout)
		defer cancel()
		return c.find(ctx, d, bearer, second)
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*Caller), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *Client) find(ctx context.Context, d digest, bearer, second string) (*Caller, error) {
	// An event between the question and the answer makes the answer stale: ask again, but not for ever.
	for range 3 {
		_, generation := c.cache.get(d)
		e, err := c.look(ctx, bearer, second)
		if err != nil {
			return nil, err
		}
		if c.cache.put(d, e, generation) {
			return e.caller, e.refused
		}
	}
	return nil, away(rpcerr.Unavailable, nil)
}

// look asks auth, or checks a passed-on grant by itself where it may.
func (c *Client) look(ctx context.Context, bearer, second string) (*entry, error) {
	if !c.hasKeys.Load() {
		return nil, away(CodeRevocationUnavailable, errNoKeys)
	}
	if isGrant(bearer) {
		caller, err := c.verify(bearer)
		if err != nil {
			return c.refusal(rpcerr.New(rpcerr.Unauthenticated, "").WithCause(err)), nil
		}
		caller.PassedOn = true
		if !c.cache.questioned(caller) {
			return accepted(caller, caller.Grant.ExpiresAt), nil
		}
	}
	answer, err := c.auth.Introspect(ctx, &internalauthv1.IntrospectRequest{Token: bearer, SecondToken: optional(second)})
	if err != nil {
		if connect.CodeOf(err) == connect.CodeUnauthenticated {
			return c.refusal(rpcerr.New(rpcerr.Unauthenticated, "").WithCause(err)), nil
		}
		return nil, away(rpcerr.Unavailable, err)
	}
	caller, err := c.verify(answer.Grant)
	if err != nil {
		return nil, away(rpcerr.Unavailable, err)
	}
	if isGrant(bearer) {
		caller.PassedOn = true // whoever passed it on has seen to what the token demands
		return accepted(caller, caller.Grant.ExpiresAt.Add(-refreshAhead)), nil
	}
	caller.MCP = answer.McpServer
	caller.SecondTokenRequired = answer.SecondTokenRequired
	caller.ConfirmDestructive = confirms(answer.McpServer)
	caller.AllowedMCPOrigins = answer.AllowedMcpOrigins
	return accepted(caller, caller.Grant.ExpiresAt.Add(-refreshAhead)), nil
}

// errNoKeys: nothing can be said of a grant yet, good or bad.
var errNoKeys = errors.New("auth's signing keys are not loaded yet")

func (c *Client) verify(signed string) (*Caller, error) {
	g, err := c.verifier.Verify(signed, c.now())
	if err != nil {
		return nil, err
	}
	return &Caller{Grant: g, Bearer: signed}, nil
}

// confirms reads the one member of an MCP server's configuration that concerns services below mcp.
func confirms(server *internalauthv1.McpServer) bool {
	var config struct {
		ConfirmDestructive bool `json:"confirm_destructive"`
	}
	if len(server.GetConfig()) == 0 {
		return false
	}
	// What cannot be read is taken to demand the most.
	return json.Unmarshal(server.GetConfig(), &config) != nil || config.ConfirmDestructive
}

func accepted(caller *Caller, refreshAt time.Time) *entry {
	return &entry{caller: caller, refreshAt: refreshAt, expiresAt: caller.Grant.ExpiresAt}
}

func (c *Client) refusal(err error) *entry {
	return &entry{refused: err, expiresAt: c.now().Add(refusedFor)}
}

// isGrant tells a compact JWS from a token of ours: tokens have no dots.
func isGrant(bearer string) bool { return strings.Count(bearer, ".") == 2 }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Ready says whether calls can be served: the signing keys are loaded, and reads are still allowed. That writes are refused for a moment does not take a
// replica out of service.
func (c *Client) Ready() error {
	if !c.hasKeys.Load() {
		return errNoKeys
	}
	return c.AllowRead()
}
