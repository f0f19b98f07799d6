package log

import (
	"context"
	"log"
	"log/slog"
	"strings"
)

// SetDefault makes a logger the one of libraries that write to slog's or to the
// standard logger.
func SetDefault(l *slog.Logger) {
	slog.SetDefault(l)
	log.SetOutput(standard{l})
	log.SetFlags(0)
}

// standard takes the lines of the standard logger.
type standard struct{ *slog.Logger }

// unsolicited is what net/http says when a server sends what nobody asked for.
// It quotes that, and it may be anything.
const unsolicited = "Unsolicited response received on idle HTTP channel"

func (s standard) Write(line []byte) (int, error) {
	text := strings.TrimRight(string(line), "\n")
	if strings.HasPrefix(text, unsolicited) {
		text = unsolicited
	}
	s.LogAttrs(context.Background(), slog.LevelInfo, text)
	return len(line), nil
}
