package upstream

import (
	"errors"
	"log/slog"
	"time"
)

// New makes a client. The log gets one line per attempt that is repeated and
// per breaker that opens or closes. Now is the clock for Retry-After dates.
func New(cfg Config, log *slog.Logger, now func() time.Time) (Client, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return nil, errors.New("upstream: not built yet")
}
