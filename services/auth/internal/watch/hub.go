// Package watch tells who listens what was revoked or changed. Events come from the store, where every replica and the operator's CLI put
// them, in one order without gaps.
package watch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// pollEvery is how often the store is asked for events of other processes. Those of this process are fetched at once, by Sync.
const pollEvery = 150 * time.Millisecond

// answerWithin is how long the store may take to answer before it counts as away. One that never answers, as behind a network that swallows packets, must not
// pass for one that has nothing to tell.
const answerWithin = time.Second

// backlog is how many events may wait for a subscriber; one that falls further behind is cut off and has to start again.
const backlog = 1024

// Hub reads events and hands them to subscribers. It is safe for concurrent use.
type Hub struct {
	store store.Reader
	log   *slog.Logger

	// reading holds one thing while the store is read.
	reading chan struct{}

	mu          sync.Mutex
	last        int64
	subscribers map[*Subscription]struct{}
	local       []func([]store.Event)
	healthy     bool

	closing sync.Once
	closed  chan struct{}
}

// Subscription is one listener.
type Subscription struct {
	// From is the sequence of the last event before the subscription.
	From int64
	// Events holds what happened since. It is closed when the listener fell behind.
	Events chan store.Event
}

// NewHub makes a hub that starts at the newest event.
func NewHub(ctx context.Context, s store.Reader, log *slog.Logger) (*Hub, error) {
	last, err := s.LastEvent(ctx)
	if err != nil {
		return nil, err
	}
	return &Hub{
		store: s, log: log, reading: make(chan struct{}, 1), last: last, subscribers: make(map[*Subscription]struct{}), healthy: true,
		closed: make(chan struct{}),
	}, nil
}

// Local calls f with events before any subscriber gets them. Register before Run; f must not block.
func (h *Hub) Local(f func([]store.Event)) { h.local = append(h.local, f) }

// Subscribe starts to listen.
func (h *Hub) Subscribe() *Subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &Subscription{From: h.last, Events: make(chan store.Event, backlog)}
	h.subscribers[s] = struct{}{}
	return s
}

// Unsubscribe ends a subscription.
func (h *Hub) Unsubscribe(s *Subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subscribers, s)
}

// Healthy says whether the store answered the last time it was asked: without it no heartbeat may be sent.
func (h *Hub) Healthy() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.healthy
}

// Close tells subscribers that the hub stops.
func (h *Hub) Close() { h.closing.Do(func() { close(h.closed) }) }

// Closed is closed when the hub stops.
func (h *Hub) Closed() <-chan struct{} { return h.closed }

// Sync hands on what the store holds now. When it returns nil, this process has forgotten what a change just committed revokes.
func (h *Hub) Sync(ctx context.Context) error {
	select {
	case h.reading <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.reading }()
	for {
		h.mu.Lock()
		after := h.last
		h.mu.Unlock()
		events, err := h.ask(ctx, after)
		if err != nil || len(events) == 0 {
			return err
		}
		h.hand(events)
	}
}

// ask reads what comes after an event, and notes whether the store answers. A caller who goes away says nothing about the store.
func (h *Hub) ask(ctx context.Context, after int64) ([]store.Event, error) {
	bounded, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	events, err := h.store.Events(bounded, after, backlog/2)
	if err == nil || ctx.Err() == nil {
		h.mu.Lock()
		h.healthy = err == nil
		h.mu.Unlock()
	}
	return events, err
}

func (h *Hub) hand(events []store.Event) {
	for _, f := range h.local {
		f(events)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range events {
		for s := range h.subscribers {
			select {
			case s.Events <- e:
			default:
				close(s.Events)
				delete(h.subscribers, s)
			}
		}
		h.last = e.Sequence
	}
}

// Run follows the store until ctx ends, and returns nil then.
func (h *Hub) Run(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := h.Sync(ctx); err != nil && ctx.Err() == nil {
			h.log.WarnContext(ctx, "revocations cannot be read", "error", err)
		}
	}
}
