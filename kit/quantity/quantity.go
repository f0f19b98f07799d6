// Package quantity reads counts and durations that callers write into headers, queries and settings. There is one way to write each, in ASCII digits
// without signs, spaces or leading zeros, and one bound that the reader names: what is out of range is refused, never wrapped or cut.
package quantity

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrTooLarge is what is over the bound; the error that wraps it names the bound.
var ErrTooLarge = errors.New("must be at most")

var (
	errDuration = errors.New("must be a duration such as 5s or 500ms, or a whole number of seconds")
	errCount    = errors.New("must be a whole number such as 50")
)

// Duration reads whole seconds, as in 5, or a duration in Go's notation, as in 500ms, 1.5s or 2m30s, from 0 to max. The error says what is taken, for
// whoever wrote it.
func Duration(text string, max time.Duration) (time.Duration, error) {
	if allDigits(text) {
		seconds, err := Count(text, int(max/time.Second))
		if errors.Is(err, errCount) {
			return 0, errDuration
		}
		if err != nil {
			return 0, tooLarge(max)
		}
		return time.Duration(seconds) * time.Second, nil
	}
	// Go's own reader takes signs, and units alone after a point.
	if text == "" || text[0] < '0' || text[0] > '9' || leadingZero(text) {
		return 0, errDuration
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil && wellFormed(text):
		return 0, tooLarge(max)
	case err != nil:
		return 0, errDuration
	case d > max || d < 0:
		return 0, tooLarge(max)
	}
	return d, nil
}

// Count reads a whole number from 0 to max.
func Count(text string, max int) (int, error) {
	if !allDigits(text) || leadingZero(text) {
		return 0, errCount
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > max {
		return 0, tooLarge(max)
	}
	return n, nil
}

func tooLarge(max any) error { return fmt.Errorf("%w %v", ErrTooLarge, max) }

// Canonical says whether a whole number, which may be negative, is written the one way that it can be.
func Canonical(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return allDigits(digits) && !leadingZero(digits) && text != "-0"
}

func allDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// leadingZero finds 07, but neither 0 nor 0.5.
func leadingZero(text string) bool {
	return len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9'
}

// wellFormed says whether a text that Go does not read is one whose number is too large: with every number in it made small it is read.
func wellFormed(text string) bool {
	var small strings.Builder
	for i := range len(text) {
		switch digit := text[i] >= '0' && text[i] <= '9'; {
		case !digit:
			small.WriteByte(text[i])
		case i == 0 || text[i-1] < '0' || text[i-1] > '9':
			small.WriteByte('1')
		}
	}
	_, err := time.ParseDuration(small.String())
	return err == nil
}
