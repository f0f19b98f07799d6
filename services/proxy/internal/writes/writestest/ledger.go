package writestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
)

// TestLedger runs what a Ledger promises over a store.
func TestLedger(t *testing.T, open Open) {
	for name, test := range map[string]func(*bench){
		"replay": testReplay, "reuse": testReuse, "wait": testWait, "wait elsewhere": testWaitElsewhere,
		"abandon": testAbandon, "unknown": testUnknown, "crash while sending": testCrashSending,
		"crash before sending": testCrashBegun, "expiry": testExpiry, "store away": testStoreAway,
		"outcome recorded late": testLate, "gone caller": testGoneCaller, "one ticket": testOneTicket,
		"identity": testIdentity, "no shared answers": testNoSharedAnswers, "former version": testFormer,
		"generated key": testGenerated, "shared commits": testSharedCommits,
	} {
		t.Run(name, func(t *testing.T) {
			ring, err := sealed.ParseRing([]sealed.Key{sealed.Generate()})
			if err != nil {
				t.Fatal(err)
			}
			b := &bench{T: t, store: &watched{Store: open(t)}, ring: ring, clock: &clock{now: noon}}
			test(b)
		})
	}
}

// A bench is a store with processes on it.
type bench struct {
	*testing.T
	store *watched
	ring  *sealed.Ring
	clock *clock
}

// process makes a ledger as another process would have it.
func (b *bench) process() *writes.Ledger {
	return writes.New(b.store, b.ring, writes.Options{Now: b.clock.read, Lease: time.Minute, Keep: time.Hour})
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// watched counts transactions and fails when told to.
type watched struct {
	writes.Store
	away     atomic.Bool
	commits  atomic.Int64
	observed func([]writes.Op)
}

var errAway = errors.New("the store is away")

func (w *watched) Apply(ctx context.Context, ops []writes.Op) ([]writes.Result, error) {
	if w.away.Load() {
		return nil, errAway
	}
	w.commits.Add(1)
	if w.observed != nil {
		w.observed(ops)
	}
	return w.Store.Apply(ctx, ops)
}

func (w *watched) Beat(ctx context.Context, owner string, until time.Time) error {
	if w.away.Load() {
		return errAway
	}
	return w.Store.Beat(ctx, owner, until)
}

func record(key string) writes.Record {
	return writes.Record{Identity: Request(), Key: key}
}

var answer = writes.Answer{Status: 201, Header: http.Header{"Location": {"/x"}}, Body: []byte("{\"secret\":1}\n\x00\xff")}

// begin expects a ticket.
func (b *bench) begin(l *writes.Ledger, r writes.Record) *writes.Ticket {
	b.Helper()
	t, a, err := l.Begin(b.Context(), r)
	if t == nil || a != nil || err != nil {
		b.Fatalf("Begin: ticket %v, answer %v, %v; want a ticket", t, a, err)
	}
	return t
}

// fails expects an error within a second.
func (b *bench) fails(l *writes.Ledger, r writes.Record, want error) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
	defer cancel()
	if t, a, err := l.Begin(ctx, r); t != nil || a != nil || !errors.Is(err, want) {
		b.Fatalf("Begin: ticket %v, answer %v, %v; want %v", t, a, err, want)
	}
}

// answers expects the answer within five seconds.
func (b *bench) answers(l *writes.Ledger, r writes.Record) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
	defer cancel()
	t, a, err := l.Begin(ctx, r)
	if t != nil || a == nil || err != nil {
		b.Fatalf("Begin: ticket %v, answer %v, %v; want an answer", t, a, err)
	}
	if diff := cmp.Diff(&answer, a); diff != "" {
		b.Errorf("answer (-want +got):\n%s", diff)
	}
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// blocked expects that Begin does not return before ctx ends.
func (b *bench) blocked(l *writes.Ledger, r writes.Record) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 150*time.Millisecond)
	defer cancel()
	if t, a, err := l.Begin(ctx, r); t != nil || a != nil || !errors.Is(err, context.DeadlineExceeded) {
		b.Fatalf("Begin: ticket %v, answer %v, %v; want it to wait", t, a, err)
	}
}

func testReplay(b *bench) {
	l := b.process()
	var stored []byte
	b.store.observed = func(ops []writes.Op) {
		for _, op := range ops {
			stored = fmt.Appendf(stored, "%+v", op)
		}
	}
	t := b.begin(l, record("key-1"))
	b.must(t.Sending(b.Context()))
	b.must(t.Finish(b.Context(), answer))
	b.answers(l, record("key-1"))
	b.answers(b.process(), record("key-1"))
	for _, secret := range []string{"secret", "key-1"} {
		if bytes.Contains(stored, []byte(secret)) {
			b.Errorf("the store was given %q in clear", secret)
		}
	}
	other := record("key-1")
	other.Account = "acc2"
	b.must(b.begin(l, other).Abandon(b.Context()))
}

func testReuse(b *bench) {
	l := b.process()
	t := b.begin(l, record("k"))
	b.must(t.Finish(b.Context(), answer))
	body, operation := record("k"), record("k")
	body.Body = []byte(`{"name":"y"}`)
	operation.Operation = "torii.contracts.delete"
	b.fails(l, body, writes.ErrReused)
	b.fails(l, operation, writes.ErrReused)
}

func testWait(b *bench) {
	l := b.process()
	t := b.begin(l, record("k"))
	b.must(t.Sending(b.Context()))
	b.blocked(l, record("k"))
	got := make(chan *writes.Answer)
	go func() {
		_, a, _ := l.Begin(b.Context(), record("k"))
		got <- a
	}()
	b.must(t.Finish(b.Context(), answer))
	if diff := cmp.Diff(&answer, <-got); diff != "" {
		b.Errorf("answer (-want +got):\n%s", diff)
	}
}

func testWaitElsewhere(b *bench) {
	here, there := b.process(), b.process()
	t := b.begin(here, record("k"))
	b.must(t.Sending(b.Context()))
	b.blocked(there, record("k"))
	wrong := record("k")
	wrong.Path = "/v1.0/contracts/1"
	b.fails(there, wrong, writes.ErrReused)
	got := make(chan *writes.Answer)
	go func() {
		_, a, _ := there.Begin(b.Context(), record("k"))
		got <- a
	}()
	b.must(t.Finish(b.Context(), answer))
	if diff := cmp.Diff(&answer, <-got); diff != "" {
		b.Errorf("answer (-want +got):\n%s", diff)
	}
}

func testAbandon(b *bench) {
	l := b.process()
	t := b.begin(l, record("k"))
	b.must(t.Sending(b.Context()))
	b.must(t.Abandon(b.Context()))
	b.must(b.begin(b.process(), record("k")).Abandon(b.Context()))
	b.must(b.begin(l, record("k")).Abandon(b.Context()))
}

func testUnknown(b *bench) {
	l := b.process()
	t := b.begin(l, record("k"))
	b.must(t.Sending(b.Context()))
	b.must(t.Unknown(b.Context()))
	b.fails(l, record("k"), writes.ErrUnknown)
	b.clock.add(48 * time.Hour)
	b.must(l.Purge(b.Context()))
	b.fails(b.process(), record("k"), writes.ErrUnknown)
}

func testCrashSending(b *bench) {
	dying, living := b.process(), b.process()
	t := b.begin(dying, record("k"))
	b.must(t.Sending(b.Context()))
	b.clock.add(2 * time.Minute)
	b.fails(living, record("k"), writes.ErrUnknown)
	// It was only slow: it may not change what others have been told.
	if err := t.Finish(b.Context(), answer); !errors.Is(err, writes.ErrUnknown) {
		b.Errorf("Finish after the lease ran out: %v; want ErrUnknown", err)
	}
	b.fails(dying, record("k"), writes.ErrUnknown)
}

func testCrashBegun(b *bench) {
	dying, living := b.process(), b.process()
	slow := b.begin(dying, record("k"))
	b.clock.add(2 * time.Minute)
	heir := b.begin(living, record("k"))
	if err := slow.Sending(b.Context()); !errors.Is(err, writes.ErrLost) {
		b.Errorf("Sending after the record was taken over: %v; want ErrLost", err)
	}
	b.must(slow.Abandon(b.Context()))
	b.must(heir.Sending(b.Context()))
	b.must(heir.Finish(b.Context(), answer))
	b.answers(dying, record("k"))
}

func testExpiry(b *bench) {
	l := b.process()
	b.must(b.begin(l, record("a")).Finish(b.Context(), answer))
	b.must(b.begin(l, record("b")).Finish(b.Context(), answer))
	b.clock.add(59 * time.Minute)
	b.must(l.Purge(b.Context()))
	b.answers(l, record("a"))
	b.clock.add(2 * time.Minute)
	b.must(b.begin(l, record("a")).Abandon(b.Context())) // expired, not purged yet
	b.must(l.Purge(b.Context()))
	b.must(b.begin(l, record("b")).Abandon(b.Context()))
}

func testStoreAway(b *bench) {
	l := b.process()
	b.store.away.Store(true)
	b.fails(l, record("k"), writes.ErrStore)
	b.store.away.Store(false)
	t := b.begin(l, record("k"))
	b.store.away.Store(true)
	if err := t.Sending(b.Context()); !errors.Is(err, writes.ErrStore) {
		b.Errorf("Sending: %v; want ErrStore", err)
	}
	b.store.away.Store(false)
	b.must(t.Abandon(b.Context()))
	b.must(b.begin(l, record("k")).Abandon(b.Context()))
}

func testLate(b *bench) {
	l := writes.New(b.store, b.ring, writes.Options{Lease: 150 * time.Millisecond})
	ctx, cancel := context.WithCancel(b.Context())
	ran := make(chan error)
	go func() { ran <- l.Run(ctx) }()
	t := b.begin(l, record("k"))
	b.must(t.Sending(b.Context()))
	b.store.away.Store(true)
	if err := t.Finish(b.Context(), answer); !errors.Is(err, writes.ErrStore) {
		b.Errorf("Finish: %v; want ErrStore", err)
	}
	b.blocked(l, record("k"))
	b.store.away.Store(false)
	b.answers(l, record("k"))
	cancel()
	b.must(<-ran)
}

func testGoneCaller(b *bench) {
	l := b.process()
	ctx, cancel := context.WithCancel(b.Context())
	b.store.observed = func([]writes.Op) { cancel() }
	if t, _, err := l.Begin(ctx, record("k")); t != nil || !errors.Is(err, context.Canceled) {
		b.Fatalf("Begin for a caller that went away: %v, %v", t, err)
	}
	b.store.observed = nil
	b.must(b.begin(b.process(), record("k")).Abandon(b.Context()))
}

func testOneTicket(b *bench) {
	processes := []*writes.Ledger{b.process(), b.process()}
	var tickets, answers atomic.Int64
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			t, a, err := processes[i%2].Begin(b.Context(), record("k"))
			switch {
			case err != nil:
				b.Error(err)
			case t != nil:
				tickets.Add(1)
				if err := errors.Join(t.Sending(b.Context()), t.Finish(b.Context(), answer)); err != nil {
					b.Error(err)
				}
			case a != nil:
				answers.Add(1)
			}
		})
	}
	wg.Wait()
	if tickets.Load() != 1 || answers.Load() != 39 {
		b.Errorf("%d tickets and %d answers; want 1 and 39", tickets.Load(), answers.Load())
	}
}

func testGenerated(b *bench) {
	l := b.process()
	kept := 0
	b.store.observed = func(ops []writes.Op) {
		for _, op := range ops {
			kept += len(op.Row.Answer)
		}
	}
	r := record("made-up")
	r.Generated = true
	t := b.begin(l, r)
	b.must(t.Sending(b.Context()))
	b.must(t.Finish(b.Context(), answer))
	if kept != 0 {
		b.Error("an answer that nobody can ask for again was kept")
	}
}

// testSharedCommits: writes at the same time share transactions.
func testSharedCommits(b *bench) {
	l := b.process()
	b.must(b.begin(l, record("first")).Abandon(b.Context()))
	before := b.store.commits.Load()
	release := make(chan struct{})
	var once sync.Once
	b.store.observed = func([]writes.Op) { once.Do(func() { <-release }) }
	var wg, begun sync.WaitGroup
	begun.Add(100)
	for i := range 100 {
		wg.Go(func() {
			begun.Done()
			t, _, err := l.Begin(b.Context(), record(strings.Repeat("x", i+1)))
			if err != nil {
				b.Error(err)
				return
			}
			if err := t.Finish(b.Context(), answer); err != nil {
				b.Error(err)
			}
		})
	}
	begun.Wait()
	close(release)
	wg.Wait()
	if n := b.store.commits.Load() - before; n > 100 {
		b.Errorf("200 steps took %d transactions", n)
	}
}
