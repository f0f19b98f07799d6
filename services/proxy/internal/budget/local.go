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

func (l *local) spare(now moment, limit int) (until moment, n int) {
	l.advance(now)
	if n = min(l.atOnce(now, limit)/spareShare, spareMost); n <= 0 {
		return 0, 0
	}
	l.charge(n)
	l.ahead = l.newest
	return moment(l.current()+1) * l.bucket, n
}

func (l *local) undo(now moment, n int) {
	l.advance(now)
	l.window.undo(int64(l.ahead), n)
}

func (l *local) idle(now moment) bool {
	l.advance(now)
	return l.sum == 0
}

func (l *local) tend(moment, int) {}

func (l *local) punished(moment, time.Duration) {}

func (l *local) drop() {}
