package budget_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// A meter counts calls as a provider may: in a sliding minute, and in fixed
// minutes that begin at any second. It notes every call over the limit.
type meter struct {
	mu     sync.Mutex
	window time.Duration
	limit  int
	begun  time.Time
	log    []time.Time
	over   []string
	total  int
}

func newMeter(window time.Duration, limit int) *meter {
	return &meter{window: window, limit: limit, begun: time.Now()}
}

// call counts one call as arriving now.
func (m *meter) call() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.total++
	for len(m.log) > 0 && now.Sub(m.log[0]) >= m.window {
		m.log = m.log[1:]
	}
	m.log = append(m.log, now)
	if len(m.log) > m.limit {
		m.over = append(m.over, fmt.Sprintf("%d calls in the minute that ends at %s", len(m.log), now.Sub(m.begun)))
	}
}

// check fails the test for calls over the limit. A sliding minute that is kept
// implies every fixed one.
func (m *meter) check(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.over) > 0 {
		t.Errorf("limit %d: %d calls too many, the first: %s", m.limit, len(m.over), m.over[0])
	}
}
