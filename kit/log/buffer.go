package log

import (
	"io"
	"sync"
	"time"
)

const (
	bufferSize = 64 << 10
	flushEvery = time.Second
)

// buffer collects scrubbed lines. A timer runs only while something waits, so
// an idle logger holds no goroutine.
type buffer struct {
	w io.Writer

	mu    sync.Mutex
	lines []byte
	armed bool
}

// Write takes one whole line; slog handlers write each record at once.
func (b *buffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lines == nil {
		b.lines = make([]byte, 0, bufferSize)
	}
	if len(b.lines)+len(line) > bufferSize {
		b.write()
	}
	b.lines = appendScrubbed(b.lines, line)
	if !b.armed {
		b.armed = true
		time.AfterFunc(flushEvery, b.flush)
	}
	return len(line), nil
}

func (b *buffer) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = false
	b.write()
}

// write empties the buffer. A log that cannot be written has nowhere to be
// reported.
func (b *buffer) write() {
	if len(b.lines) > 0 {
		_, _ = b.w.Write(b.lines)
		b.lines = b.lines[:0]
	}
}
