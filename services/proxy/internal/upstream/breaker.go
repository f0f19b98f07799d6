package upstream

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// errNeither is the outcome of an attempt that says nothing about the
// provider: its caller went away.
var errNeither = errors.New("neither a success nor a failure")

// breakers holds a circuit breaker for every key that is failing. A breaker
// opens after failures in a row, so a key without any needs none, and the
// usual call costs one atomic load.
type breakers struct {
	cfg Breaker
	log *slog.Logger

	failing atomic.Int64
	mu      sync.RWMutex
	byKey   map[string]*breaker
}

type breaker = gobreaker.TwoStepCircuitBreaker[struct{}]

// memory is how long a failure counts.
const memory = time.Minute

// sweepAt is the number of breakers from which on idle ones are dropped.
const sweepAt = 1024

func newBreakers(cfg Breaker, log *slog.Logger) *breakers {
	return &breakers{cfg: cfg, log: log, byKey: make(map[string]*breaker)}
}

// enter asks for leave to call key. The outcome must be reported.
func (b *breakers) enter(key string) (report func(error), refused *Error) {
	if key == "" || b.cfg.Failures == 0 {
		return func(error) {}, nil
	}
	one := b.find(key)
	if one == nil {
		return func(err error) { b.first(key, err) }, nil
	}
	done, err := one.Allow()
	if err != nil {
		return nil, &Error{Kind: KindBreakerOpen, RetryAfter: b.cfg.Open, cause: err}
	}
	return func(err error) {
		done(err)
		if err == nil {
			b.forget(key, one)
		}
	}, nil
}

func (b *breakers) find(key string) *breaker {
	if b.failing.Load() == 0 {
		return nil
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.byKey[key]
}

// first counts the outcome of a call that began when key was not failing.
func (b *breakers) first(key string, err error) {
	if err == nil || errors.Is(err, errNeither) {
		return
	}
	b.mu.Lock()
	one := b.byKey[key]
	if one == nil {
		if len(b.byKey) >= sweepAt {
			b.sweep()
		}
		one = b.make(key)
		b.byKey[key] = one
		b.failing.Store(int64(len(b.byKey)))
	}
	b.mu.Unlock()
	if done, refused := one.Allow(); refused == nil {
		done(err)
	}
}

// forget drops the breaker of a key that answers again.
func (b *breakers) forget(key string, one *breaker) {
	if one.State() != gobreaker.StateClosed {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byKey[key] == one {
		delete(b.byKey, key)
		b.failing.Store(int64(len(b.byKey)))
	}
}

// tripped counts the breakers that let no call pass, and those that let one try.
func (b *breakers) tripped() (open, trying int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, one := range b.byKey {
		switch one.State() {
		case gobreaker.StateOpen:
			open++
		case gobreaker.StateHalfOpen:
			trying++
		case gobreaker.StateClosed:
		}
	}
	return open, trying
}

// sweep drops breakers whose failures are too old to count. The caller holds
// the lock.
func (b *breakers) sweep() {
	for key, one := range b.byKey {
		if one.State() == gobreaker.StateClosed && one.Counts().ConsecutiveFailures == 0 {
			delete(b.byKey, key)
		}
	}
}

func (b *breakers) make(key string) *breaker {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         key,
		MaxRequests:  1,
		Interval:     memory,
		Timeout:      b.cfg.Open,
		ReadyToTrip:  func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= b.cfg.Failures },
		IsSuccessful: func(err error) bool { return err == nil },
		IsExcluded:   func(err error) bool { return errors.Is(err, errNeither) },
		OnStateChange: func(key string, from, to gobreaker.State) {
			b.log.Warn("circuit breaker", "key", key, "from", from.String(), "to", to.String())
		},
	})
}
