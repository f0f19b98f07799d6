package upstream

import (
	"sync"
	"sync/atomic"
	"time"
)

// A watch ends an attempt whose provider has gone quiet. It costs one timer:
// first for the header, then, once per interval, for the body.
type watch struct {
	stall      time.Duration
	stallBytes int64

	timer   *time.Timer
	inBody  atomic.Bool
	over    atomic.Bool
	reading atomic.Bool  // somebody waits for bytes
	got     atomic.Int64 // bytes of the body so far

	mu    sync.Mutex
	cause error  // why the attempt was cut; nil while it was not
	abort func() // cuts what is under way; nil while nothing is

	// Of the timer's goroutine alone.
	seen    int64
	suspect bool
}

func newWatch(cfg *Config) *watch {
	w := &watch{stall: cfg.Stall, stallBytes: cfg.StallBytes}
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
		w.cut(errSilent)
		return
	}
	got := w.got.Load()
	suspect := w.reading.Load() && got-w.seen < w.stallBytes
	if suspect && w.suspect {
		w.cut(errStalled)
		return
	}
	w.seen, w.suspect = got, suspect
	w.timer.Reset(w.stall)
}

// guard has abort called, once, when the attempt is cut, or at once when it has
// been already. Abort must neither block nor touch the watch.
func (w *watch) guard(abort func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abort = abort
	if w.cause != nil {
		abort()
	}
}

// release takes back what guard was given, and reports whether it was never
// called and now never will be.
func (w *watch) release() (untouched bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abort = nil
	return w.cause == nil
}

// cut ends the attempt; the first cause counts.
func (w *watch) cut(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cause != nil {
		return
	}
	w.cause = cause
	if w.abort != nil {
		w.abort()
	}
}

// why is the cause of a cut; nil for none.
func (w *watch) why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cause
}

// stop ends the watch.
func (w *watch) stop() {
	w.over.Store(true)
	w.timer.Stop()
}
