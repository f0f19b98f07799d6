package access

import (
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"
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
	// refreshed is when it was last tried to fetch it again, in Unix nanoseconds.
	refreshed atomic.Int64
}

// retryRefresh is how long after a refresh that did not replace its entry the next one may start.
const retryRefresh = introspectTimeout

// due says whether a refresh is to be started: to one caller of all that ask at once.
func (e *entry) due(now time.Time) bool {
	last := e.refreshed.Load()
	return now.After(e.refreshAt) && now.UnixNano()-last > int64(retryRefresh) && e.refreshed.CompareAndSwap(last, now.UnixNano())
}

// cache keeps entries by digest, so that no token stands in memory longer than its call. What was fetched before an event is not stored after it:
// a fetch notes the generation first and stores under the same.
type cache struct {
	mu      sync.RWMutex
	entries map[digest]*entry
	// byID finds the entries that a token or an account concerns, so that a revocation costs those that it hits.
	byID       map[string]map[digest]struct{}
	generation uint64
	// revoked is when grants of a token or an account were last called into question, by auth's clock. Kept for as long as a grant lives.
	revoked map[string]time.Time
	// floor calls every grant issued before it into question: set when the watch was broken.
	floor time.Time
}

func newCache() *cache {
	return &cache{entries: make(map[digest]*entry), byID: make(map[string]map[digest]struct{}), revoked: make(map[string]time.Time)}
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
	c.drop(d)
	if len(c.entries) >= maxEntries {
		for old := range c.entries {
			c.drop(old)
			break
		}
	}
	c.entries[d] = e
	for id := range e.concerns {
		if c.byID[id] == nil {
			c.byID[id] = make(map[digest]struct{})
		}
		c.byID[id][d] = struct{}{}
	}
	return true
}

// drop forgets one entry; c.mu is held.
func (c *cache) drop(d digest) {
	e := c.entries[d]
	if e == nil {
		return
	}
	delete(c.entries, d)
	for id := range e.concerns {
		if delete(c.byID[id], d); len(c.byID[id]) == 0 {
			delete(c.byID, id)
		}
	}
}

// concerns yields the ids whose revocation ends an entry.
func (e *entry) concerns(yield func(id string) bool) {
	if e.caller == nil || !yield(e.caller.Grant.TokenID) {
		return
	}
	for _, id := range e.caller.Grant.Accounts {
		if !yield(id) {
			return
		}
	}
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

// revoke forgets the callers of these tokens and accounts, and says how many entries that took.
func (c *cache) revoke(at time.Time, tokens, accounts []string) (hit int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for _, ids := range [][]string{tokens, accounts} {
		for _, id := range ids {
			c.revoked[id] = at
			for d := range c.byID[id] {
				c.drop(d)
				hit++
			}
		}
	}
	return hit
}

// reset forgets everything, and calls every grant issued before now into question.
func (c *cache) reset(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	// New maps, since clearing large ones takes time.
	c.entries, c.byID, c.revoked = make(map[digest]*entry), make(map[string]map[digest]struct{}), make(map[string]time.Time)
	c.floor = now
}

// sweep drops what has ended.
func (c *cache) sweep(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for d, e := range c.entries {
		if now.After(e.expiresAt) {
			c.drop(d)
		}
	}
	for id, at := range c.revoked {
		if now.Sub(at) > maxGrantLife {
			delete(c.revoked, id)
		}
	}
}
