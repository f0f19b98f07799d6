// Package retryafter reads the Retry-After field of RFC 9110, section 10.2.3. It is the only
// reader of that field from providers.
package retryafter

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Max bounds every wait that a provider asks for. Whoever asks for more is asked again after it:
// a wrong number must not stop an account for longer.
const Max = time.Hour

// Parse gives the wait that h asks for, from 0 to [Max]. ok is false when h asks for none, or
// for none that can be read.
//
// A wait is a number of seconds, or a date, of which one in the past is a wait of 0. Seconds with a
// fraction, which the RFC does not have but some servers send, are rounded up. Of several fields
// the longest wait counts, and those that cannot be read do not.
func Parse(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	for _, v := range h["Retry-After"] {
		if one, readable := parse(strings.TrimSpace(v), now); readable {
			wait, ok = max(wait, one), true
		}
	}
	return wait, ok
}

// Bound keeps a wait that a provider asks for, in whatever way, from 0 to [Max].
func Bound(wait time.Duration) time.Duration { return min(max(wait, 0), Max) }

// Seconds is the wait of n seconds, bounded.
func Seconds(n int64) time.Duration {
	return time.Duration(min(max(n, 0), int64(Max/time.Second))) * time.Second
}

func parse(v string, now time.Time) (time.Duration, bool) {
	whole, fraction, _ := strings.Cut(v, ".")
	if !digits(whole) || strings.Contains(v, ".") && !digits(fraction) {
		at, err := http.ParseTime(v)
		return Bound(at.Sub(now)), err == nil
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil { // all digits, so it is too large
		return Max, true
	}
	if strings.Trim(fraction, "0") != "" && n < int64(Max/time.Second) {
		n++
	}
	return Seconds(n), true
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
