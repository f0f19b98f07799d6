package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Config of a Client. Sizes are bytes.
type Config struct {
	// Engine is the HTTP/1.1 client underneath: "direct" works on the caller's
	// goroutine and needs the least CPU, "standard" is Go's transport. Where the
	// system cannot ask a socket without waiting, as on Windows, direct is standard.
	Engine string `yaml:"engine" choices:"direct,standard"`
	// DialTimeout bounds looking up the name and connecting.
	DialTimeout time.Duration `yaml:"dial_timeout"`
	// TLSTimeout bounds the TLS handshake.
	TLSTimeout time.Duration `yaml:"tls_timeout"`
	// HeaderTimeout bounds the wait for the header of an answer, counted from
	// when the attempt begins.
	HeaderTimeout time.Duration `yaml:"header_timeout"`
	// IdleTimeout is how long an unused connection is kept. It should be less
	// than what the provider's balancer allows: a write on a connection that
	// is just being closed has an unknown outcome.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// IdlePerOrigin is how many unused connections are kept for an origin.
	IdlePerOrigin int `yaml:"idle_per_origin"`
	// ConnsPerOrigin bounds the connections to an origin; 0 is no bound.
	ConnsPerOrigin int `yaml:"conns_per_origin"`
	// MaxHeader bounds the header of an answer.
	MaxHeader int64 `yaml:"max_header"`
	// MaxBody bounds the body of an answer, as sent and as unpacked.
	MaxBody int64 `yaml:"max_body"`
	// Stall is the interval in which at least StallBytes of a body must arrive
	// while somebody waits for them. A body that does not is cut within two
	// intervals.
	Stall time.Duration `yaml:"stall"`
	// StallBytes belongs to Stall.
	StallBytes int64 `yaml:"stall_bytes"`
	// Retry bounds further attempts.
	Retry Retry `yaml:"retry"`
	// Breaker is when asking stops.
	Breaker Breaker `yaml:"breaker"`

	// TLS is the base of the TLS settings, for own authorities; nil trusts the
	// machine's.
	TLS *tls.Config `yaml:"-"`
	// Dial opens connections; nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error) `yaml:"-"`
}

// Retry bounds the further attempts of a request.
type Retry struct {
	// Attempts is how often a request is sent at most; 1 is never again.
	Attempts int `yaml:"attempts"`
	// Base is the longest wait before the second attempt; it doubles with each
	// one. The wait is drawn evenly from nothing to that.
	Base time.Duration `yaml:"base"`
	// Max bounds a wait that the provider did not ask for.
	Max time.Duration `yaml:"max"`
}

// Breaker says when a key is not asked any more.
type Breaker struct {
	// Failures is how many in a row open the breaker; 0 is never.
	Failures uint32 `yaml:"failures"`
	// Open is how long it stays open before one call may try.
	Open time.Duration `yaml:"open"`
	// Patience is how long an attempt must have waited for its caller's
	// deadline to count as the provider's failure.
	Patience time.Duration `yaml:"patience"`
}

// Engines.
const (
	EngineStandard = "standard"
	EngineDirect   = "direct"
)

// DefaultConfig is good for one provider on the internet.
func DefaultConfig() Config {
	return Config{
		Engine:        EngineDirect,
		DialTimeout:   5 * time.Second,
		TLSTimeout:    5 * time.Second,
		HeaderTimeout: 30 * time.Second,
		IdleTimeout:   45 * time.Second,
		IdlePerOrigin: 512,
		MaxHeader:     64 << 10,
		MaxBody:       64 << 20,
		Stall:         10 * time.Second,
		StallBytes:    1 << 10,
		Retry:         Retry{Attempts: 3, Base: 200 * time.Millisecond, Max: 5 * time.Second},
		Breaker:       Breaker{Failures: 10, Open: 5 * time.Second, Patience: 5 * time.Second},
	}
}

func (c *Config) check() error {
	var errs []error
	positive := func(name string, ok bool) {
		if !ok {
			errs = append(errs, fmt.Errorf("upstream: %s must be positive", name))
		}
	}
	positive("dial_timeout", c.DialTimeout > 0)
	positive("tls_timeout", c.TLSTimeout > 0)
	positive("header_timeout", c.HeaderTimeout > 0)
	positive("idle_timeout", c.IdleTimeout > 0)
	positive("idle_per_origin", c.IdlePerOrigin > 0)
	positive("max_header", c.MaxHeader > 0)
	positive("max_body", c.MaxBody > 0)
	positive("stall", c.Stall > 0)
	positive("stall_bytes", c.StallBytes > 0)
	positive("retry.attempts", c.Retry.Attempts > 0)
	positive("retry.base", c.Retry.Base > 0)
	positive("retry.max", c.Retry.Max > 0)
	if c.Breaker.Failures > 0 {
		positive("breaker.open", c.Breaker.Open > 0)
		positive("breaker.patience", c.Breaker.Patience > 0)
	}
	if c.ConnsPerOrigin < 0 {
		errs = append(errs, errors.New("upstream: conns_per_origin must not be negative"))
	}
	if c.Engine != EngineStandard && c.Engine != EngineDirect {
		errs = append(errs, fmt.Errorf("upstream: engine %q is neither %q nor %q", c.Engine, EngineStandard, EngineDirect))
	}
	return errors.Join(errs...)
}
