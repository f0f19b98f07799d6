package grants

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// maxEntries bounds the cache; past it an arbitrary entry makes room.
const maxEntries = 1 << 18

type digest [sha256.Size]byte

// digestOf keys the cache, so that no token stays in memory. Tokens, unlike grants, fit a buffer on the stack.
func digestOf(bearer, second string) digest {
	var buf [160]byte
	if n := len(bearer) + 1 + len(second); n <= len(buf) {
		copy(buf[:], bearer)
		copy(buf[len(bearer)+1:], second)
		return sha256.Sum256(buf[:n])
	}
	h := sha256.New()
	h.Write([]byte(bearer))
	h.Write([]byte{0})
	h.Write([]byte(second))
	return digest(h.Sum(nil))
}

// entry is what is known of one bearer.
type entry struct {
	caller *access.Caller
	// tokens and accounts are what it depends on.
	tokens, accounts []string
	// until is when it is made anew.
	until time.Time
	// minute is when it was last noted as used, in Unix minutes.
	minute atomic.Int64
}

type cache struct {
	hits, misses atomic.Int64

	mu      sync.RWMutex
	entries map[digest]*entry
	// byID finds the entries that depend on a token or an account, so that a revocation costs those that it hits.
	byID       map[string]map[digest]struct{}
	generation uint64
}

func newCache() *cache {
	return &cache{entries: make(map[digest]*entry), byID: make(map[string]map[digest]struct{})}
}

func (c *cache) get(d digest) (*entry, uint64) {
	c.mu.RLock()
	e, generation := c.entries[d], c.generation
	c.mu.RUnlock()
	return e, generation
}

// Usage counts the callers known from memory, those that were looked up, and the entries.
func (m *Minter) Usage() (hits, misses, entries int64) {
	m.cache.mu.RLock()
	defer m.cache.mu.RUnlock()
	return m.cache.hits.Load(), m.cache.misses.Load(), int64(len(m.cache.entries))
}

// put stores an entry, unless something was revoked since its generation was read: then what was read may be old.
func (c *cache) put(d digest, e *entry, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return
	}
	c.drop(d)
	if len(c.entries) >= maxEntries {
		for old := range c.entries {
			c.drop(old)
			break
		}
	}
	c.entries[d] = e
	for _, ids := range [][]string{e.tokens, e.accounts} {
		for _, id := range ids {
			if c.byID[id] == nil {
				c.byID[id] = make(map[digest]struct{})
			}
			c.byID[id][d] = struct{}{}
		}
	}
}

// drop forgets one entry; c.mu is held.
func (c *cache) drop(d digest) {
	e := c.entries[d]
	if e == nil {
		return
	}
	delete(c.entries, d)
	for _, ids := range [][]string{e.tokens, e.accounts} {
		for _, id := range ids {
			if delete(c.byID[id], d); len(c.byID[id]) == 0 {
				delete(c.byID, id)
			}
		}
	}
}

// forget drops what events concern, and says how many entries that took.
func (c *cache) forget(events []store.Event) (hit int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for _, e := range events {
		for _, ids := range [][]string{e.TokenIDs, e.AccountIDs} {
			for _, id := range ids {
				for d := range c.byID[id] {
					c.drop(d)
					hit++
				}
			}
		}
	}
	return hit
}

// sweep drops what has ended.
func (c *cache) sweep(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for d, e := range c.entries {
		if !now.Before(e.until) {
			c.drop(d)
		}
	}
}
