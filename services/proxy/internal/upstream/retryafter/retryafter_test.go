package retryafter_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/upstream/retryafter"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestS12RetryAfter(t *testing.T) {
	for _, c := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"", 0, false},
		{"  ", 0, false},
		{"0", 0, true},
		{"0.0", 0, true},
		{"12", 12 * time.Second, true},
		{" 12\t", 12 * time.Second, true},
		{"0012", 12 * time.Second, true},
		{"1.5", 2 * time.Second, true},
		{"0.001", time.Second, true},
		{"3.000", 3 * time.Second, true},
		{"3600", time.Hour, true},
		{"3600.5", time.Hour, true},
		{"3601", time.Hour, true},
		{"99999999999", time.Hour, true},
		{"9223372036854775807", time.Hour, true},
		{"9223372036854775807.5", time.Hour, true},
		{"18446744073709551616", time.Hour, true},
		{"99999999999999999999", time.Hour, true},
		{"Mon, 23 Nov 2026 12:00:30 GMT", 30 * time.Second, true},
		{"Monday, 23-Nov-26 12:00:30 GMT", 30 * time.Second, true},
		{"Mon Nov 23 12:00:30 2026", 30 * time.Second, true},
		{"Mon, 23 Nov 2026 11:00:00 GMT", 0, true},
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0, true},
		{"Fri, 31 Dec 9999 23:59:59 GMT", time.Hour, true},
		{"Mon, 01 Jan 0001 00:00:00 GMT", 0, true},
		{"-1", 0, false},
		{"-9223372036854775808", 0, false},
		{"+1", 0, false},
		{"1e3", 0, false},
		{"0x10", 0, false},
		{".5", 0, false},
		{"1.", 0, false},
		{"1.2.3", 0, false},
		{"1,5", 0, false},
		{"5, 10", 0, false},
		{"5 s", 0, false},
		{"\u0661", 0, false},
		{"NaN", 0, false},
		{"2026-11-23T12:00:30Z", 0, false},
		{"soon", 0, false},
	} {
		got, ok := retryafter.Parse(http.Header{"Retry-After": {c.value}}, now)
		if got != c.want || ok != c.ok {
			t.Errorf("Parse(%q) = %v, %v; want %v, %v", c.value, got, ok, c.want, c.ok)
		}
	}
}

func TestS12RetryAfterTwice(t *testing.T) {
	for _, c := range []struct {
		values []string
		want   time.Duration
		ok     bool
	}{
		{nil, 0, false},
		{[]string{"5", "10"}, 10 * time.Second, true},
		{[]string{"10", "5"}, 10 * time.Second, true},
		{[]string{"soon", "5"}, 5 * time.Second, true},
		{[]string{"5", "-1"}, 5 * time.Second, true},
		{[]string{"", "soon"}, 0, false},
	} {
		got, ok := retryafter.Parse(http.Header{"Retry-After": c.values}, now)
		if got != c.want || ok != c.ok {
			t.Errorf("Parse(%q) = %v, %v; want %v, %v", c.values, got, ok, c.want, c.ok)
		}
	}
}

func TestS12Seconds(t *testing.T) {
	for n, want := range map[int64]time.Duration{
		-1 << 63: 0, -1: 0, 0: 0, 7: 7 * time.Second, 3601: time.Hour, 1<<63 - 1: time.Hour,
	} {
		if got := retryafter.Seconds(n); got != want {
			t.Errorf("Seconds(%d) = %v; want %v", n, got, want)
		}
	}
}
