package access

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
)

const (
	// heartbeatLost is how long auth may be silent before the watch counts as broken; it beats every 250 ms.
	heartbeatLost = time.Second
	// readsGoOnFor is how long reads are served on what is known while the watch is broken.
	readsGoOnFor = time.Minute
	// sweepEvery is how often ended entries are dropped.
	sweepEvery = time.Minute
)

// AllowWrite refuses when revocations are not being followed right now.
func (c *Client) AllowWrite() error { return c.heardWithin(heartbeatLost) }

// AllowRead refuses when revocations have not been followed for a minute.
func (c *Client) AllowRead() error { return c.heardWithin(readsGoOnFor) }

func (c *Client) heardWithin(d time.Duration) error {
	if beat := c.lastBeat.Load(); beat != 0 && c.now().UnixNano()-beat <= int64(d) {
		return nil
	}
	return away(CodeRevocationUnavailable, nil)
}

// Run follows auth until ctx ends: it loads the signing keys, then follows the stream of revocations, and starts again, a little later each
// time, when either fails. It returns nil when ctx ends.
func (c *Client) Run(ctx context.Context) error {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	go c.sweepUntil(ctx, sweep.C)

	const first, most = 50 * time.Millisecond, 2 * time.Second
	wait := first
	for ctx.Err() == nil {
		heard, err := c.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if heard {
			wait = first
		}
		c.log.WarnContext(ctx, "watch of revocations broke, starting again", "error", err, "wait", wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait/2)): // spread, so that replicas do not come back all at once
		}
		wait = min(2*wait, most)
	}
	return nil
}

func (c *Client) sweepUntil(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			c.cache.sweep(c.now())
		}
	}
}

// follow runs one connection; it says whether auth was heard on it.
func (c *Client) follow(ctx context.Context) (heard bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.watcher.WatchRevocations(ctx, &internalauthv1.WatchRevocationsRequest{})
	if err != nil {
		return false, err
	}
	defer stream.Close()
	// A silent stream is a broken one, whatever the connection says.
	silence := time.AfterFunc(3*heartbeatLost, cancel)
	defer silence.Stop()

	next := int64(-1)
	for {
		event, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return heard, errors.New("access: auth ended the stream")
		}
		if err != nil {
			return heard, err
		}
		silence.Reset(3 * heartbeatLost)
		if !heard {
			// Only what is learned from here on is certain. The reset comes before the first beat counts.
			if err := c.loadKeys(ctx); err != nil {
				return false, err
			}
			c.forgetAll()
			heard = true
		} else if event.Sequence != next && event.Sequence != next-1 {
			return heard, errors.New("access: a revocation was missed")
		}
		if err := c.apply(ctx, event); err != nil {
			return heard, err
		}
		next = event.Sequence + 1
		c.lastBeat.Store(c.now().UnixNano())
	}
}

func (c *Client) apply(ctx context.Context, event *internalauthv1.WatchRevocationsResponse) error {
	if event.SigningKeys {
		if err := c.loadKeys(ctx); err != nil {
			return err
		}
	}
	if len(event.McpAnswers) > 0 {
		c.tellAnswers(event.McpAnswers)
	}
	if len(event.TokenIds) == 0 && len(event.IntegratedAccountIds) == 0 {
		return nil
	}
	at := c.now()
	if event.OccurredAt != nil {
		at = event.OccurredAt.AsTime()
	}
	c.cache.revoke(at, event.TokenIds, event.IntegratedAccountIds)
	if len(event.IntegratedAccountIds) > 0 {
		c.tellAccounts(event.IntegratedAccountIds)
	}
	return nil
}

func (c *Client) loadKeys(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, introspectTimeout)
	defer cancel()
	answer, err := c.auth.ListSigningKeys(ctx, &internalauthv1.ListSigningKeysRequest{})
	if err != nil {
		return err
	}
	if err := c.verifier.Set(answer.Jwks); err != nil {
		return err
	}
	c.hasKeys.Store(true)
	return nil
}

func (c *Client) forgetAll() {
	c.cache.reset(c.now())
	c.tellAccounts(nil)
}

func (c *Client) tellAccounts(ids []string) {
	c.mu.Lock()
	listeners := c.onAccounts
	c.mu.Unlock()
	for _, f := range listeners {
		f(ids)
	}
}

func (c *Client) tellAnswers(answers []string) {
	c.mu.Lock()
	listeners := c.onAnswers
	c.mu.Unlock()
	for _, f := range listeners {
		f(answers)
	}
}
