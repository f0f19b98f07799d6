package watch_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/watch"
)

// events is a store that holds nothing but events.
type events struct {
	store.Reader
	mu     sync.Mutex
	all    []store.Event
	broken bool
}

func (e *events) publish(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for range n {
		e.all = append(e.all, store.Event{Sequence: int64(len(e.all)) + 1})
	}
}

func (e *events) Events(_ context.Context, after int64, limit int) ([]store.Event, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken {
		return nil, errors.New("the store is away")
	}
	rest := e.all[min(int(after), len(e.all)):]
	return rest[:min(limit, len(rest))], nil
}

func (e *events) LastEvent(context.Context) (int64, error) { return int64(len(e.all)), nil }

func newHub(t *testing.T, e *events) *watch.Hub {
	t.Helper()
	h, err := watch.NewHub(t.Context(), e, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSubscribersGetWhatComesAfterThem(t *testing.T) {
	e := &events{}
	e.publish(3)
	h := newHub(t, e)
	var local []int64
	h.Local(func(got []store.Event) {
		for _, event := range got {
			local = append(local, event.Sequence)
		}
	})
	s := h.Subscribe()
	if s.From != 3 {
		t.Errorf("the subscription starts after %d", s.From)
	}
	e.publish(2)
	for range 2 { // a second look finds nothing new
		if err := h.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.Unsubscribe(s)
	e.publish(1)
	if err := h.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []int64
	for len(s.Events) > 0 {
		got = append(got, (<-s.Events).Sequence)
	}
	if d := cmp.Diff([]int64{4, 5}, got); d != "" {
		t.Errorf("subscriber (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]int64{4, 5, 6}, local); d != "" {
		t.Errorf("this process (-want +got):\n%s", d)
	}
}

// Whoever falls behind is cut off rather than left with a gap.
func TestSlowSubscribersAreCutOff(t *testing.T) {
	e := &events{}
	h := newHub(t, e)
	s := h.Subscribe()
	e.publish(5000)
	if err := h.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := int64(1)
	for event := range s.Events { // ends because the channel is closed
		if event.Sequence != want {
			t.Fatalf("got event %d, want %d", event.Sequence, want)
		}
		want++
	}
	if want > 5000 {
		t.Error("nothing was cut off")
	}
}

// Without the store nobody knows what was revoked, so nothing may look alive.
func TestHealthFollowsTheStore(t *testing.T) {
	e := &events{}
	h := newHub(t, e)
	for _, broken := range []bool{true, false} {
		e.mu.Lock()
		e.broken = broken
		e.mu.Unlock()
		if err := h.Sync(t.Context()); (err != nil) != broken {
			t.Errorf("sync: %v", err)
		}
		if h.Healthy() == broken {
			t.Errorf("healthy is %v while the store is broken: %v", h.Healthy(), broken)
		}
	}
}

// A store that never answers, as behind a network that swallows packets, does not pass for one that has nothing to tell.
func TestAStoreThatHangsCountsAsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := watch.NewHub(t.Context(), hangs{}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- h.Run(ctx) }()
		time.Sleep(2 * time.Second)
		if h.Healthy() {
			t.Error("the hub is healthy after two seconds without an answer")
		}
		// Who catches up meanwhile waits no longer than it wants to.
		brief, stop := context.WithTimeout(ctx, 100*time.Millisecond)
		defer stop()
		began := time.Now()
		if err := h.Sync(brief); err == nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("sync: %v after %v", err, time.Since(began))
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// hangs is a store that answers nothing until it is no longer asked.
type hangs struct{ store.Reader }

func (hangs) Events(ctx context.Context, _ int64, _ int) ([]store.Event, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (hangs) LastEvent(context.Context) (int64, error) { return 0, nil }
