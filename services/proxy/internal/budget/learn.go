package budget

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/upstream/retryafter"
)

// Learn takes note of an answer.
func (l *line) Learn(status int, h http.Header) {
	seen := readHeaders(h)
	if status != http.StatusTooManyRequests && !seen.any && !l.guarded.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return
	}
	now := l.clock()
	l.recall(now)
	if status == http.StatusTooManyRequests {
		l.punish(now, h, seen)
		return
	}
	if l.penalty.on() && now >= l.penalty.until {
		l.penalty = nil
		l.guarded.Store(false)
	}
	l.heed(now, seen)
	l.dispatch(now)
}

// punish stops the line until the provider wants calls again.
func (l *line) punish(now moment, h http.Header, seen headers) {
	if !l.penalty.on() {
		l.supply.slow(now)
		l.penalty = new(penalty)
	}
	wait, ok := retryafter.Parse(h, time.Now())
	switch {
	case ok && wait > 0: // to wait for nothing would only bring another 429
	case seen.reset > 0:
		wait = seen.reset
	default:
		wait = l.penalty.strike()
	}
	wait = max(wait, time.Millisecond)
	l.supply.punished(now, wait)
	l.penalise(now, wait)
}

// penalise stops the line for a time. The caller holds the lock and has
// recalled the quota.
func (l *line) penalise(now moment, wait time.Duration) {
	if !l.penalty.on() {
		l.penalty = new(penalty)
	}
	l.penalty.extend(now + wait)
	l.guarded.Store(true)
	l.shed(now)
	if !l.queue.empty() {
		l.wake(now, l.penalty.until)
	}
}

// shed refuses those who cannot outwait the penalty.
func (l *line) shed(now moment) {
	until := l.penalty.until
	for _, w := range l.queue.removeIf(func(w *waiter) bool { return w.deadline < until }) {
		w.refuse(until - now)
	}
}

// heed applies what the provider says about its limit, where that is stricter
// than what is known.
func (l *line) heed(now moment, seen headers) {
	if seen.limit > 0 && seen.minute() {
		l.learned = most32(seen.limit)
	}
	limit := l.bound()
	if seen.remaining < 0 || limit == 0 {
		return
	}
	if seen.remaining == 0 && seen.reset > 0 {
		l.penalise(now, seen.reset)
		return
	}
	if left, _ := l.supply.state(now, limit); seen.remaining < left {
		l.supply.foreign(now, left-seen.remaining, seen.reset)
	}
}

// headers is what an answer says about the provider's limit.
type headers struct {
	any       bool
	limit     int           // calls per window; 0 when not said
	remaining int           // calls left; -1 when not said
	reset     time.Duration // until the window ends; 0 when not said
	window    time.Duration // 0 when not said
}

// minute tells that the window is a minute, as far as is known.
func (h headers) minute() bool {
	if h.window > 0 {
		return h.window == time.Minute
	}
	return h.reset <= time.Minute
}

// families are the spellings in use: the draft of the IETF's HTTPAPI group
// (draft-ietf-httpapi-ratelimit-headers, up to 07) and its forerunners.
var families = [...][3]string{
	{"Ratelimit-Remaining", "Ratelimit-Limit", "Ratelimit-Reset"},
	{"X-Ratelimit-Remaining", "X-Ratelimit-Limit", "X-Ratelimit-Reset"},
	{"X-Rate-Limit-Remaining", "X-Rate-Limit-Limit", "X-Rate-Limit-Reset"},
}

func readHeaders(h http.Header) headers {
	for _, names := range families {
		remaining := first(h[names[0]])
		limit := first(h[names[1]])
		if remaining == "" && limit == "" {
			continue
		}
		seen := headers{any: true, remaining: number(remaining), limit: max(0, number(limit))}
		if reset := number(first(h[names[2]])); reset > 0 {
			seen.reset = untilReset(int64(reset), time.Now())
		}
		return seen
	}
	if list := first(h["Ratelimit"]); list != "" {
		return readStructured(list, first(h["Ratelimit-Policy"]))
	}
	return headers{remaining: -1}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// number reads the integer that a value starts with; -1 when there is none.
func number(v string) int {
	v = strings.TrimSpace(v)
	end := 0
	for end < len(v) && end < 15 && v[end] >= '0' && v[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(v[:end])
	if err != nil {
		return -1
	}
	return n
}

// untilReset reads a reset that is seconds from now, or a time in seconds or
// milliseconds since 1970.
func untilReset(n int64, now time.Time) time.Duration {
	switch {
	case n > 1e11:
		return retryafter.Bound(time.UnixMilli(n).Sub(now))
	case n > 1e8:
		return retryafter.Bound(time.Unix(n, 0).Sub(now))
	}
	return retryafter.Seconds(n)
}

// readStructured reads `"default";r=50;t=30` and `"default";q=100;w=60`
// (draft 08 and later).
func readStructured(state, policy string) headers {
	seen := headers{any: true, remaining: -1}
	for key, n := range parameters(state) {
		switch key {
		case "r":
			seen.remaining = n
		case "t":
			seen.reset = retryafter.Seconds(int64(n))
		}
	}
	for key, n := range parameters(policy) {
		switch key {
		case "q":
			seen.limit = n
		case "w":
			seen.window = retryafter.Seconds(int64(n))
		}
	}
	return seen
}

// parameters reads the numbers of the first item of a structured list.
func parameters(item string) map[string]int {
	item, _, _ = strings.Cut(item, ",")
	out := make(map[string]int)
	for part := range strings.SplitSeq(item, ";") {
		if key, value, ok := strings.Cut(strings.TrimSpace(part), "="); ok {
			if n := number(value); n >= 0 {
				out[key] = n
			}
		}
	}
	return out
}
