package upstream

import (
	"context"
	"sync/atomic"
	"time"
)

// A watch ends an attempt whose provider has gone quiet. It costs one timer:
// first for the header, then, once per interval, for the body.
type watch struct {
	cancel     context.CancelCauseFunc
	stall      time.Duration
	stallBytes int64

	timer   *time.Timer
	inBody  atomic.Bool
	over    atomic.Bool
	reading atomic.Bool  // somebody waits for bytes
	got     atomic.Int64 // bytes of the body so far

	// Of the timer's goroutine alone.
	seen    int64
	suspect bool
}

func newWatch(cancel context.CancelCauseFunc, cfg *Config) *watch {
	w := &watch{cancel: cancel, stall: cfg.Stall, stallBytes: cfg.StallBytes}
	w.timer = time.AfterFunc(cfg.HeaderTimeout, w.tick)
	return w
}

// header tells that the header has arrived.
func (w *watch) header() {
	w.inBody.Store(true)
	w.timer.Reset(w.stall)
}

// tick looks whether the body came on. A body is suspect when its reader waits
// and too little came since the last look; suspect twice, it is cut. Once
// could be chance: a slow reader that has only just asked.
func (w *watch) tick() {
	if w.over.Load() {
		return
	}
	if !w.inBody.Load() {
		w.cancel(errSilent)
		return
	}
	got := w.got.Load()
	suspect := w.reading.Load() && got-w.seen < w.stallBytes
	if suspect && w.suspect {
		w.cancel(errStalled)
		return
	}
	w.seen, w.suspect = got, suspect
	w.timer.Reset(w.stall)
}

// stop ends the watch and frees the attempt's context.
func (w *watch) stop() {
	w.over.Store(true)
	w.timer.Stop()
	w.cancel(nil)
}
