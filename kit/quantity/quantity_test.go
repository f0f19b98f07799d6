package quantity_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/sando-dev/sando/kit/quantity"
)

func TestS12Durations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "5": 5 * time.Second, "60": time.Minute, "0s": 0, "5s": 5 * time.Second, "500ms": 500 * time.Millisecond, "1.5s": 1500 * time.Millisecond,
		"0.5s": 500 * time.Millisecond, "1m": time.Minute, "0m30s": 30 * time.Second, "60000ms": time.Minute,
	} {
		if got, err := quantity.Duration(text, time.Minute); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, says := range map[string]string{
		"61": "at most 1m0s", "1m1s": "at most 1m0s", "18446744074": "at most 1m0s", "9223372036854775808": "at most 1m0s", "9223372036854775808s": "at most 1m0s",
		"99999999999999999999999999": "at most 1m0s", "2562048h": "at most 1m0s", "9999999999999999999999h": "at most 1m0s",
		"": "such as 5s", "-1": "such as 5s", "-1s": "such as 5s", "+5": "such as 5s", "+5s": "such as 5s", " 5": "such as 5s", "5 ": "such as 5s", "5 s": "such as 5s",
		"5\t": "such as 5s", "1.5": "such as 5s", ".5s": "such as 5s", "0x10": "such as 5s", "1e9s": "such as 5s", "1e1": "such as 5s", "1_000": "such as 5s",
		"05": "such as 5s", "00": "such as 5s", "05s": "such as 5s", "NaN": "such as 5s", "Infinity": "such as 5s", "inf": "such as 5s", "5S": "such as 5s",
		"5sec": "such as 5s", "5,5s": "such as 5s", "٥": "such as 5s", "５": "such as 5s", "5s;": "such as 5s", "PT5S": "such as 5s", "5d": "such as 5s", "true": "such as 5s",
		"0x7fffffffffffffffs": "such as 5s", "99999999999999999999x": "such as 5s",
	} {
		if got, err := quantity.Duration(text, time.Minute); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, %v, want an error that says %q", text, got, err, says)
		}
	}
}

// Whatever is taken is within the bound and means what it says.
func TestS12DurationsAreExact(t *testing.T) {
	check := func(seconds uint64, most uint32, nanos int64) bool {
		limit := time.Duration(most) * time.Second
		got, err := quantity.Duration(strconv.FormatUint(seconds, 10), limit)
		if within := seconds <= uint64(most); within != (err == nil) || within && got != time.Duration(seconds)*time.Second {
			return false
		}
		d := time.Duration(nanos)
		got, err = quantity.Duration(d.String(), limit)
		within := d >= 0 && d <= limit
		return within == (err == nil) && (!within || got == d)
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
}

func TestS12Counts(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "1": 1, "1000": 1000} {
		if got, err := quantity.Count(text, 1000); got != want || err != nil {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"1001", "4294967297", "9223372036854775808", "18446744073709551617"} {
		if got, err := quantity.Count(text, 1000); err == nil || err.Error() != "must be at most 1000" {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "+5", "-5", "-0", "05", "00", " 5", "5 ", "5.0", "1e2", "0x10", "1_000", "٥", "５", "NaN", "null"} {
		if got, err := quantity.Count(text, math.MaxInt); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
	for text, want := range map[string]bool{"0": true, "-5": true, "5": true, "-0": false, "+5": false, "05": false, "-05": false, "": false, "-": false, "--5": false, "٥": false} {
		if got := quantity.Canonical(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
