package access

import (
	"crypto/sha256"
	"slices"
	"sync"
	"time"
)

// maxEntries bounds the cache; past it an arbitrary entry makes room, which costs its owner one introspection.
const maxEntries = 1 << 20

// refusedFor is how long a refused bearer is refused without asking auth again.
const refusedFor = 5 * time.Second

type digest [sha256.Size]byte

func digestOf(bearer, second string) digest {
	if second == "" {
		return sha256.Sum256([]byte(bearer))
	}
	h := sha256.New()
	h.Write([]byte(bearer))
	h.Write([]byte{0})
	h.Write([]byte(second))
	return digest(h.Sum(nil))
}

// entry is what is known of one bearer: a caller, or that it was refused.
type entry struct {
	caller  *Caller
	refused error
	// refreshAt is when the grant is fetched again in the background; expiresAt is when it ends.
	refreshAt, expiresAt time.Time
}

// cache keeps entries by digest, so that no token stands in memory longer than its call. What was fetched before an event is not stored after it:
// a fetch notes the generation first and stores under the same.
type cache struct {
	mu         sync.RWMutex
	entries    map[digest]*entry
	generation uint64
	// revoked is when grants of a token or an account were last called into question, by auth's clock. Kept for as long as a grant lives.
	revoked map[string]time.Time
	// floor calls every grant issued before it into question: set when the watch was broken.
	floor time.Time
}

func newCache() *cache {
	return &cache{entries: make(map[digest]*entry), revoked: make(map[string]time.Time)}
}

func (c *cache) get(d digest) (*entry, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.entries[d], c.generation
}

func (c *cache) size() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.entries)
}

// put stores e unless an event came since generation; it says whether it did.
func (c *cache) put(d digest, e *entry, generation uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return false
	}
	if len(c.entries) >= maxEntries {
		for old := range c.entries {
			delete(c.entries, old)
			break
		}
	}
	c.entries[d] = e
	return true
}

// questioned says whether a grant issued at that time is to be introspected again before it is honoured.
func (c *cache) questioned(caller *Caller) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	g := caller.Grant
	if g.IssuedAt.Before(c.floor) {
		return true
	}
	before := func(id string) bool {
		at, ok := c.revoked[id]
		return ok && !g.IssuedAt.After(at)
	}
	return before(g.TokenID) || slices.ContainsFunc(g.Accounts, before)
}

// revoke forgets the callers of these tokens and accounts.
func (c *cache) revoke(at time.Time, tokens, accounts []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for _, id := range tokens {
		c.revoked[id] = at
	}
	for _, id := range accounts {
		c.revoked[id] = at
	}
	for d, e := range c.entries {
		if e.caller != nil && concerns(e.caller, tokens, accounts) {
			delete(c.entries, d)
		}
	}
}

func concerns(caller *Caller, tokens, accounts []string) bool {
	if slices.Contains(tokens, caller.Grant.TokenID) {
		return true
	}
	return slices.ContainsFunc(caller.Grant.Accounts, func(id string) bool { return slices.Contains(accounts, id) })
}

// reset forgets everything, and calls every grant issued before now into question.
func (c *cache) reset(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	clear(c.entries)
	clear(c.revoked)
	c.floor = now
}

// sweep drops what has ended.
func (c *cache) sweep(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for d, e := range c.entries {
		if now.After(e.expiresAt) {
			delete(c.entries, d)
		}
	}
	for id, at := range c.revoked {
		if now.Sub(at) > maxGrantLife {
			delete(c.revoked, id)
		}
	}
}
