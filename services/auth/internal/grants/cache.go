package grants

import (
	"crypto/sha256"
	"slices"
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

	mu         sync.RWMutex
	entries    map[digest]*entry
	generation uint64
}

func newCache() *cache { return &cache{entries: make(map[digest]*entry)} }

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
	if len(c.entries) >= maxEntries {
		for old := range c.entries {
			delete(c.entries, old)
			break
		}
	}
	c.entries[d] = e
}

func (c *cache) forget(events []store.Event) {
	var tokens, accounts []string
	for _, e := range events {
		tokens = append(tokens, e.TokenIDs...)
		accounts = append(accounts, e.AccountIDs...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for d, e := range c.entries {
		if overlap(e.tokens, tokens) || overlap(e.accounts, accounts) {
			delete(c.entries, d)
		}
	}
}

// sweep drops what has ended.
func (c *cache) sweep(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for d, e := range c.entries {
		if !now.Before(e.until) {
			delete(c.entries, d)
		}
	}
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
