package budget

import (
	"log/slog"
	"time"
)

// Options of a Budget; the zero value is good for one process.
type Options struct {
	// Window is the provider's minute; 0 means 60 seconds.
	Window time.Duration
	// MaxQueue bounds the calls that wait for one key; 0 means 512.
	MaxQueue int
	// Replicas is how many processes share the budget; 0 means 1. Only a
	// budget in Valkey uses it.
	Replicas int
	// Prefix starts the names of keys in Valkey; empty means "sando:budget:".
	Prefix string
	// Log gets a line when shared state is lost or found; nil logs nothing.
	Log *slog.Logger
}

func (o Options) complete() Options {
	if o.Window <= 0 {
		o.Window = time.Minute
	}
	if o.MaxQueue <= 0 {
		o.MaxQueue = 512
	}
	if o.Replicas <= 0 {
		o.Replicas = 1
	}
	if o.Prefix == "" {
		o.Prefix = "sando:budget:"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
