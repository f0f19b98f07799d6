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

// setTime reads RFC 3339, a date, or milliseconds since 1970.
func (c *cell) setTime(v []byte, kind records.Kind) outcome {
	switch kind {
	case records.Number:
		ms, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return wrong
		}
		return c.setMoment(time.UnixMilli(ms))
	case records.String:
		s := v[1 : len(v)-1]
		if c.setZulu(s) {
			return good
		}
		t, err := time.Parse(time.RFC3339, string(s))
		if err != nil {
			t, err = time.Parse(time.DateOnly, string(s))
		}
		if err != nil {
			return wrong
		}
		return c.setMoment(t)
	default:
		return wrong
	}
}

func (c *cell) setMoment(t time.Time) outcome {
	if s := t.Unix(); s < minSeconds || s > maxSeconds {
		return wrong
	}
	c.integer, c.nanos, c.text = t.Unix(), int32(t.Nanosecond()), nil
	return good
}

// setZulu reads what Torii mostly writes, 2020-01-01T00:00:00Z with or without milliseconds; anything else is left to package time.
func (c *cell) setZulu(s []byte) bool {
	if len(s) != 20 && len(s) != 24 || s[len(s)-1] != 'Z' {
		return false
	}
	const pattern = "0000-00-00T00:00:00.000"
	for i := range len(s) - 1 {
		if pattern[i] == '0' && s[i]-'0' > 9 || pattern[i] != '0' && s[i] != pattern[i] {
			return false
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if year == 0 || month == 0 || month > 12 || day == 0 || day > 28 && day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return false
	}
	c.integer = daysSince1970(year, month, day)*86400 + int64(hour*3600+minute*60+second)
	c.nanos, c.text = 0, s
	if len(s) == 24 {
		c.nanos = int32(two(20)*10+int(s[22]-'0')) * 1_000_000
		if c.nanos == 0 {
			c.text = s[:19]
		}
	}
	return true
}

// daysSince1970 counts in the proleptic Gregorian calendar, with years that begin in March so that leap days come last.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return int64(365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468)
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
