package budget

import (
	"context"
	"hash/maphash"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// shards is the number of parts of the table of lines, each with its lock.
const shards = 64

// lines is a Budget: a table of lines that come with their first call and go
// when nothing is remembered in them.
type lines struct {
	opts   Options
	start  time.Time
	bucket time.Duration
	seed   maphash.Seed
	shards [shards]shard
	make   func(k Key) *line
	end    func() // what else Close ends

	kinds     atomic.Pointer[map[kind]uint32]
	kindsLock sync.Mutex // of those who add some

	closing sync.Once
	stop    chan struct{}
	stopped sync.WaitGroup
}

type shard struct {
	mu     sync.RWMutex
	lines  map[place]*line
	closed bool
}

// A place is a key in few bytes: organisations are many, what is asked of them
// is not.
type place struct {
	organization string
	kind         uint32
}

type kind struct{ origin, operation string }

// NewMemory makes a budget for one process.
func NewMemory(o Options) Budget {
	o = o.complete()
	b := newLines(o)
	b.make = func(Key) *line {
		// Together they are one piece of memory.
		one := new(struct {
			line
			local
		})
		one.local.window = newWindow(o.Window)
		one.line.all, one.line.supply = b, &one.local
		return &one.line
	}
	b.run()
	return b
}

func newLines(o Options) *lines {
	b := &lines{opts: o, start: time.Now(), bucket: bucketOf(o.Window), seed: maphash.MakeSeed(), stop: make(chan struct{}), end: func() {}}
	b.kinds.Store(new(map[kind]uint32))
	for i := range b.shards {
		b.shards[i].lines = make(map[place]*line)
	}
	return b
}

// clock starts two windows late: what others did just before can be noted, and
// 0 is no moment at all.
func (b *lines) clock() moment { return time.Since(b.start) + 2*b.opts.Window }

// tick is a moment in whole buckets.
func (b *lines) tick(now moment) tick { return tick(now / b.bucket) }

// mark stands for a caller.
func (b *lines) mark(c Caller) uint64 { return maphash.Comparable(b.seed, c) | 1 }

// place gives the place of a key, and the shard that it is in.
func (b *lines) place(k Key) (*shard, place) {
	number, known := (*b.kinds.Load())[kind{k.Origin, k.Operation}]
	if !known {
		number = b.addKind(kind{k.Origin, k.Operation})
	}
	p := place{k.Organization, number}
	return &b.shards[maphash.Comparable(b.seed, p)%shards], p
}

func (b *lines) addKind(k kind) uint32 {
	b.kindsLock.Lock()
	defer b.kindsLock.Unlock()
	kinds := make(map[kind]uint32)
	maps.Copy(kinds, *b.kinds.Load())
	if _, known := kinds[k]; !known {
		kinds[k] = uint32(len(kinds))
	}
	b.kinds.Store(&kinds)
	return kinds[k]
}

// find gives the line of a key; nil when there is none.
func (b *lines) find(k Key) *line {
	s, p := b.place(k)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.lines[p]
}

// Acquire takes one call out of the budget of k.
func (b *lines) Acquire(ctx context.Context, k Key, perMinute int, caller Caller, maxWait time.Duration) (Permit, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, p := b.place(k)
	s.mu.RLock()
	l := s.lines[p]
	s.mu.RUnlock()
	for {
		if l == nil {
			if l = b.add(s, p, k); l == nil {
				return nil, &Exhausted{}
			}
		}
		if l.fast(perMinute, caller) {
			return l, nil
		}
		if ok, err := l.acquire(ctx, perMinute, caller, maxWait); ok {
			if err != nil {
				return nil, err
			}
			return l, nil
		}
		l = nil // evicted between look-up and lock
	}
}

// add gives the line of k, a new one if need be; nil when b is closed.
func (b *lines) add(s *shard, p place, k Key) *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	l := s.lines[p]
	if l == nil {
		l = b.make(k)
		s.lines[p] = l
	}
	return l
}

// State tells where k stands.
func (b *lines) State(k Key) (limit, remaining int, reset time.Duration) {
	if l := b.find(k); l != nil {
		return l.state()
	}
	return 0, 0, 0
}

// run drops idle lines twice a minute.
func (b *lines) run() {
	b.stopped.Go(func() {
		tick := time.NewTicker(b.opts.Window / 2)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				b.sweep()
			case <-b.stop:
				return
			}
		}
	})
}

func (b *lines) sweep() {
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		for p, l := range s.lines {
			if l.evict() {
				delete(s.lines, p)
			}
		}
		s.mu.Unlock()
	}
}

// Close refuses those who wait and ends the background work.
func (b *lines) Close() error {
	b.closing.Do(func() {
		close(b.stop)
		b.stopped.Wait()
		for i := range b.shards {
			s := &b.shards[i]
			s.mu.Lock()
			s.closed = true
			for p, l := range s.lines {
				l.close()
				delete(s.lines, p)
			}
			s.mu.Unlock()
		}
		b.end()
	})
	return nil
}
