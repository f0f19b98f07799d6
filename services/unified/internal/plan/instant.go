package plan

import (
	"strconv"
	"time"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// The range of google.protobuf.Timestamp: the years 1 to 9999.
const (
	minSeconds = -62135596800
	maxSeconds = 253402300799
)

// instant reads RFC 3339, a date, or milliseconds since 1970.
func instant(v []byte, kind records.Kind) (cell, outcome) {
	switch kind {
	case records.Number:
		ms, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return cell{}, wrong
		}
		return moment(time.UnixMilli(ms))
	case records.String:
		s := v[1 : len(v)-1]
		if c, ok := zulu(s); ok {
			return c, good
		}
		t, err := time.Parse(time.RFC3339, string(s))
		if err != nil {
			t, err = time.Parse(time.DateOnly, string(s))
		}
		if err != nil {
			return cell{}, wrong
		}
		return moment(t)
	default:
		return cell{}, wrong
	}
}

func moment(t time.Time) (cell, outcome) {
	if s := t.Unix(); s < minSeconds || s > maxSeconds {
		return cell{}, wrong
	}
	return cell{integer: t.Unix(), nanos: int32(t.Nanosecond())}, good
}

// zulu reads what Torii mostly writes, 2020-01-01T00:00:00Z with or without milliseconds; anything else is left to package time.
func zulu(s []byte) (cell, bool) {
	if len(s) != 20 && len(s) != 24 || s[len(s)-1] != 'Z' {
		return cell{}, false
	}
	const pattern = "0000-00-00T00:00:00.000"
	for i := range len(s) - 1 {
		if pattern[i] == '0' && s[i]-'0' > 9 || pattern[i] != '0' && s[i] != pattern[i] {
			return cell{}, false
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if year == 0 || month == 0 || month > 12 || day == 0 || day > 28 && day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return cell{}, false
	}
	c := cell{integer: time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC).Unix()}
	if len(s) == 24 {
		c.nanos = int32(two(20)*10+int(s[22]-'0')) * 1_000_000
	}
	return c, true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
