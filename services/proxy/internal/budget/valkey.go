package budget

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// NewValkey makes a budget that o.Replicas processes share through Valkey or
// Redis: one server with or without replicas of its own, no cluster. It makes
// its own connections with the client's options, and does not close it.
//
// A caller has a budget to itself while nobody else calls through its replica,
// and no other replica leases from the same budget.
//
// A replica leases calls in blocks that are good for a moment, so that most
// calls ask nobody. While the server is lost, each replica spends its share,
// the limit divided by the number of replicas, less what may have been used
// before; what is not known counts as used. When the server is back, the
// replicas first tell what they used, and all of them stop spending their
// shares before the first of them leases again.
//
// One replica that is cut off from a server which the others still reach
// spends its share on top of what they lease.
func NewValkey(o Options, client *redis.Client) Budget {
	o = o.complete()
	b := newLines(o)
	own := *client.Options()
	own.ContextTimeoutEnabled = true
	own.MaxRetries = -1 // asking again is ours
	k := newLink(o, redis.NewClient(&own), b.clock)
	b.supply = func(key Key, l *line) supply { return newShared(k, key, l) }
	b.end = k.close
	b.run()
	k.background.Go(k.run)
	return b
}

// A mode is where a replica's calls come from.
type mode int32

const (
	alone    mode = iota // its own share
	settling             // nowhere: it tells what it used before it leases
	leasing              // the server
)

// A link is a replica's relation to the server.
type link struct {
	*scripts
	opts   Options
	id     string
	bucket time.Duration
	length time.Duration // for how long a call counts
	clock  func() moment

	mode       atomic.Int32
	background sync.WaitGroup
	stop       chan struct{}

	mu         sync.Mutex
	generation string
	failing    moment // since when the server fails; 0 when it does not
	lost       moment // when leasing ended last; 0 when it never began
	supplies   map[*shared]struct{}
}

// Times of a link in buckets: how long one question may take, how long the
// server may fail before it counts as lost, for how long a report holds, and
// for how long calls may be held while there are plenty.
const (
	timeoutBuckets = 2
	graceBuckets   = 4
	reportBuckets  = 4
	plentyBuckets  = 8
)

func newLink(o Options, client *redis.Client, clock func() moment) *link {
	bucket := max(o.Window/fineness, time.Millisecond)
	return &link{
		scripts: newScripts(client, o.Prefix, max(timeoutBuckets*bucket, 100*time.Millisecond)),
		opts:    o, id: uuid.NewString(), bucket: bucket, length: span * bucket, clock: clock,
		stop: make(chan struct{}), supplies: make(map[*shared]struct{}),
	}
}

func (k *link) is(m mode) bool { return mode(k.mode.Load()) == m }

func (k *link) close() {
	close(k.stop)
	k.background.Wait()
	// The connections are idle: closing them cannot fail in a way that matters.
	_ = k.client.Close()
}

// succeeded and failed keep account of the server's answers.
func (k *link) succeeded() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failing = 0
}

func (k *link) failed(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.clock()
	if k.failing == 0 {
		k.failing = now
	}
	if now-k.failing >= graceBuckets*k.bucket {
		k.lose(now, err)
	}
}

// restarted notes that the server has lost what it knew.
func (k *link) restarted() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lose(k.clock(), errGeneration)
}

// lose ends leasing. The caller holds the lock.
func (k *link) lose(now moment, why error) {
	if !k.is(leasing) {
		return
	}
	k.lost, k.failing = now, 0
	k.mode.Store(int32(alone))
	k.opts.Log.Warn("rate budget: shared state lost, spending the local share", "replicas", k.opts.Replicas, "error", why.Error())
}

// lostAt is when leasing ended last.
func (k *link) lostAt() moment {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lost
}

// run brings the replica back to leasing whenever it is not, and looks now and
// then whether the server still knows what it knew.
func (k *link) run() {
	tick := time.NewTicker(k.bucket)
	defer tick.Stop()
	for n := 0; ; n++ {
		if k.is(leasing) {
			if n%graceBuckets == 0 {
				k.look()
			}
		} else if k.rejoin() {
			k.opts.Log.Info("rate budget: sharing")
			for _, s := range k.all() {
				s.line.look()
			}
		}
		select {
		case <-tick.C:
		case <-k.stop:
			return
		}
	}
}

// look asks the server for its generation.
func (k *link) look() {
	switch generation, err := k.present(); {
	case err != nil:
		k.failed(err)
	case generation != k.current():
		k.restarted()
	default:
		k.succeeded()
	}
}

// rejoin takes one try at leasing again: tell what was used, learn whether the
// others have done so, stop spending, tell the rest, and say that it is over.
func (k *link) rejoin() bool {
	generation, over, err := k.tell(k.id, k.opts.Replicas, k.length, reportBuckets*k.bucket)
	if err != nil || !k.tellAll(generation) || !over {
		return false
	}
	k.mode.Store(int32(settling))
	if k.tellAll(generation) {
		if same, _, err := k.tell(k.id, k.opts.Replicas, k.length, 0); err == nil && same == generation {
			k.mu.Lock()
			k.generation, k.failing = generation, 0
			k.mode.Store(int32(leasing))
			k.mu.Unlock()
			return true
		}
	}
	k.mode.Store(int32(alone))
	return false
}

// tellAll tells what every supply has used and not told.
func (k *link) tellAll(generation string) bool {
	for _, s := range k.all() {
		n := s.untold(generation)
		if n.empty() {
			continue
		}
		if taken, err := k.tellUse(s.window, generation, k.bucket, k.length, n); err != nil || !taken {
			s.retell(n)
			return false
		}
	}
	return true
}

func (k *link) all() []*shared {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]*shared, 0, len(k.supplies))
	for s := range k.supplies {
		out = append(out, s)
	}
	return out
}

func (k *link) join(s *shared) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.supplies[s] = struct{}{}
}

func (k *link) quit(s *shared) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.supplies, s)
}

func (k *link) current() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.generation
}
