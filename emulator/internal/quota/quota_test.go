package quota

import (
	"testing"
	"time"
)

// A sliding window must never accept more than the limit in any 60 seconds, and must accept everything else.
func TestSlidingNeverExceedsTheLimitInAnyMinute(t *testing.T) {
	const limit = 7
	m := New(Sliding)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var accepted []time.Time
	for i := range 5000 {
		recent := 0
		for _, at := range accepted {
			if now.Sub(at) < time.Minute {
				recent++
			}
		}
		v := m.Take("x", limit, now)
		if v.OK != (recent < limit) {
			t.Fatalf("call %d with %d in the last minute: %v", i, recent, v.OK)
		}
		if v.OK {
			accepted = append(accepted, now)
			recent++
		}
		if v.Remaining != limit-recent {
			t.Fatalf("call %d: %d remain, want %d", i, v.Remaining, limit-recent)
		}
		if !v.OK && m.Take("x", limit, now.Add(time.Duration(v.RetryAfter(now))*time.Second)).OK {
			accepted = append(accepted, now.Add(time.Duration(v.RetryAfter(now))*time.Second))
			now = accepted[len(accepted)-1]
		} else if !v.OK {
			t.Fatalf("call %d: refused again after Retry-After", i)
		}
		now = now.Add(time.Duration(i*7919%4000) * time.Millisecond)
	}
}

func TestFixedStartsAnew(t *testing.T) {
	m := New(Fixed)
	now := time.Date(2026, 1, 1, 0, 0, 59, 0, time.UTC)
	for range 3 {
		if !m.Take("x", 3, now).OK {
			t.Fatal("refused below the limit")
		}
	}
	if v := m.Take("x", 3, now); v.OK || v.RetryAfter(now) != 1 {
		t.Errorf("verdict %+v", v)
	}
	if v := m.Take("x", 3, now.Add(time.Second)); !v.OK || v.Remaining != 2 {
		t.Errorf("verdict %+v in the next minute", v)
	}
	m.Reset()
	if v := m.Take("x", 3, now); !v.OK || v.Remaining != 2 {
		t.Errorf("verdict %+v after a reset", v)
	}
}
