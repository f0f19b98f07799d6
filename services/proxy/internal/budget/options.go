package budget

import (
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// Options of a Budget; the zero value is good for one process.
type Options struct {
	// Window is the provider's minute; 0 means 60 seconds.
	Window time.Duration
	// MaxQueue bounds the calls that wait for one key; 0 means 512.
	MaxQueue int
	// Replicas is how many processes share the budget; 0 means 1.
	Replicas int
	// Log gets a line when shared state is lost or found; nil logs nothing.
	Log *slog.Logger
}

// NewMemory makes a budget for one process.
func NewMemory(o Options) Budget { return nil }

// NewValkey makes a budget that o.Replicas processes share through Valkey or
// Redis, one server and no cluster. It does not close the client.
func NewValkey(o Options, client *redis.Client) Budget { return nil }
