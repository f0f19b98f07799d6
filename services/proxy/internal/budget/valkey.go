package budget

import (
	"errors"
	"maps"
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
// Half of each limit is divided between the replicas beforehand, so that calls
// of a key far from its limit ask nobody, not even later. Beyond that a replica
// leases calls in blocks that are good for a moment, so that most calls do not
// wait; see [shared].
//
// A caller has a budget to itself while nobody else calls through its replica,
// and no other replica leases from the same budget.
//
// While the server is lost, each replica spends its share, the limit divided by
// the number of replicas, less what may have been used before; what is not known
// counts as used. When the server is back, the replicas first tell what they
// used beyond their free shares, and all of them stop spending their shares
// before the first of them leases again.
//
// One replica that is cut off from a server which the others still reach
// spends its share on top of what they lease.
func NewValkey(o Options, client *redis.Client) Budget {
	o = o.complete()
	b := newLines(o)
	own := *client.Options()
	own.ContextTimeoutEnabled = true
	own.MaxRetries = -1 // asking again is ours
	k := newLink(o, redis.NewClient(&own), b)
	b.make = func(key Key) *line {
		l := &line{all: b}
		l.supply = newShared(k, key, l)
		return l
	}
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
	length time.Duration // for how long a call counts
	lines  *lines

	mode       atomic.Int32
	freeUntil  atomic.Int64 // until when free shares may be spent without a further heartbeat
	background sync.WaitGroup
	stop       chan struct{}

	mu         sync.Mutex
	generation string
	failing    moment            // since when the server fails; 0 when it does not
	lost       moment            // when leasing ended last; 0 when it never began
	contended  map[string]moment // windows for which replicas have to lease, and until when
	beatAt     int64             // of the last heartbeat that was acted upon, by the server's clock
}

// Times of a link in buckets: how long one question may take, how long the
// server may fail before it counts as lost, how often a heartbeat is sent, for how long a report holds, for how
// long calls may be held while there are plenty, and for how long after a
// heartbeat the free share may be spent.
const (
	timeoutBuckets = 2
	graceBuckets   = 4
	beatBuckets    = 4
	reportBuckets  = 4
	plentyBuckets  = 8
	freeBuckets    = 12
)

func newLink(o Options, client *redis.Client, b *lines) *link {
	bucket := bucketOf(o.Window)
	return &link{
		scripts: newScripts(client, o.Prefix, bucket),
		opts:    o, id: uuid.NewString(), length: span * bucket, lines: b,
		stop: make(chan struct{}), contended: make(map[string]moment),
	}
}

func (k *link) clock() moment { return k.lines.clock() }

func (k *link) is(m mode) bool { return mode(k.mode.Load()) == m }

func (k *link) close() {
	close(k.stop)
	k.background.Wait()
	// The connections are idle: closing them cannot fail in a way that matters.
	_ = k.client.Close()
}

// judge keeps account of the server's answers.
func (k *link) judge(err error) {
	switch {
	case err == nil:
		k.succeeded()
	case errors.Is(err, errGeneration):
		k.restarted()
	case !errors.Is(err, errOthersLast) && !errors.Is(err, errFree):
		k.failed(err)
	}
}

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
	// What others leased until now is unknown where it made a window contended
	// for longer: until it is forgotten, nobody spends freely there.
	for window, until := range k.contended {
		if until > now {
			k.contended[window] = max(until, now+k.length+plentyBuckets*k.bucket)
		}
	}
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
			if n%beatBuckets == 0 {
				k.heartbeat()
			}
		} else if k.rejoin() {
			k.opts.Log.Info("rate budget: sharing")
			k.heartbeat()
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

// heartbeat shows the server that this replica is there, and tells what it
// spent of the windows that have become contended.
func (k *link) heartbeat() {
	began := k.clock()
	h, err := k.heartbeatSince(k.id, k.beatAt)
	if err == nil && h.generation != k.current() {
		err = errGeneration
	}
	k.judge(err)
	if err != nil {
		return
	}
	for window, lasts := range h.contended {
		k.contend(window, k.clock()+lasts)
		if s := k.find(window); s != nil {
			err = s.deliver(h.generation, s.gather(h.generation))
		} else {
			_, err = k.tellUse(window, k.id, h.generation, note{}, true)
			k.judge(err)
		}
		if err != nil {
			return // the next heartbeat brings the same windows again
		}
	}
	k.beatAt = h.at
	k.forget()
	// Half of the limit is divided by the number of replicas. Twice as many may
	// have spent their part when all have been replaced within the minute.
	if h.lives <= 2*k.opts.Replicas {
		k.freeUntil.Store(int64(began + freeBuckets*k.bucket))
	}
}

// share is the free share of each replica.
func (k *link) share(limit int) int { return limit / 2 / k.opts.Replicas }

// free tells that the free share may be spent: the server keeps it for this
// replica. While the server is lost, it leases to nobody.
func (k *link) free(now moment) bool { return k.is(alone) || now < moment(k.freeUntil.Load()) }

// contend notes that replicas have to lease from a window.
func (k *link) contend(window string, until moment) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.contended[window] = max(k.contended[window], until)
}

// contendedUntil is until when replicas have to lease from a window, as far as
// is known.
func (k *link) contendedUntil(window string) moment {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.contended[window]
}

// forget drops windows that are free again.
func (k *link) forget() {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.contended, func(_ string, until moment) bool { return until <= now })
}

// find gives the supply of a window; nil when the key is not in use here.
func (k *link) find(window string) *shared {
	if l := k.lines.find(k.key(window)); l != nil {
		s, _ := l.supply.(*shared)
		return s
	}
	return nil
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

// tellAll tells what supplies have used and not told, where that is more than
// the server keeps back for this replica.
func (k *link) tellAll(generation string) bool {
	for _, s := range k.all() {
		if s.covered() {
			continue
		}
		n := s.gather(generation)
		if _, err := k.tellUse(k.window(s.key), k.id, generation, n, false); err != nil {
			s.retell(n)
			return false
		}
		s.told()
	}
	return true
}

func (k *link) all() []*shared {
	var out []*shared
	for i := range k.lines.shards {
		part := &k.lines.shards[i]
		part.mu.RLock()
		for _, l := range part.lines {
			if s, ok := l.supply.(*shared); ok {
				out = append(out, s)
			}
		}
		part.mu.RUnlock()
	}
	return out
}

func (k *link) current() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.generation
}
