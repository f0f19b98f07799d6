// Package retryafter reads the Retry-After field of RFC 9110, section 10.2.3.
package retryafter

import (
	"net/http"
	"strconv"
	"time"
)

// Parse gives the wait that h asks for, in whole seconds or until a date. ok
// is false when h asks for none or cannot be read. A date in the past is a
// wait of 0.
func Parse(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	v := h.Get("Retry-After")
	if v == "" {
		return 0, false
	}
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second, true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	return max(0, at.Sub(now)), true
}
