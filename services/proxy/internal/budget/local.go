package budget

import "time"

// local is the supply of a process that shares with nobody.
type local struct{ window }

// spareShare is the part of what may go at once that is handed out ahead, and
// spareMost the number of calls.
const (
	spareShare = 4
	spareMost  = 4096
)

func newLocal(minute time.Duration) *local { return &local{*newWindow(minute)} }

func (l *local) spare(now moment, limit int) (bucket int64, n int) {
	l.advance(now)
	if n = min(l.atOnce(now, limit)/spareShare, spareMost); n <= 0 {
		return 0, 0
	}
	l.charge(n)
	return l.current, n
}

func (l *local) undo(_ moment, bucket int64, n int) { l.window.undo(bucket, n) }

func (l *local) bucketAt(now moment) int64 { return l.index(now) }

func (l *local) idle(now moment) bool {
	l.advance(now)
	return l.used == 0
}
