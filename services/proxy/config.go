package proxy

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// Config configures the proxy.
type Config struct {
	// BaseURLs replaces the base URL of integrations by name, for stand-ins and private gateways, e.g. torii: http://127.0.0.1:8081/v1.0.
	BaseURLs map[string]string `yaml:"base_urls"`
	// SealingKeys seal cursors. All replicas need the same; the first seals, all open.
	SealingKeys []sealed.Key `yaml:"sealing_keys"`
	// Store is where writes and the answers to them are kept.
	Store StoreConfig `yaml:"store"`
	// Rate is how rate budgets are shared.
	Rate RateConfig `yaml:"rate"`
	// Accounts is how many accounts' credentials are kept at hand, sealed.
	Accounts int `yaml:"accounts"`
	// CallTimeout bounds one call; streams are bounded by their callers.
	CallTimeout time.Duration `yaml:"call_timeout"`
	// MaxMessage is the most bytes of data in one RPC message; larger answers are RESULT_TOO_LARGE.
	MaxMessage int `yaml:"max_message"`
	// Upstream is how providers are called.
	Upstream upstream.Config `yaml:"upstream"`
}

// StoreConfig says where writes are kept.
type StoreConfig struct {
	// URL is sqlite:PATH for the embedded database, or a postgres:// URL, which replicas must share.
	URL config.Secret `yaml:"url"`
	// Keys seal the answers of writes, which are replayed for a repeated Idempotency-Key; empty takes the sealing keys.
	Keys []sealed.Key `yaml:"keys"`
}

// RateConfig says how rate budgets are shared.
type RateConfig struct {
	// ValkeyURL is the Valkey or Redis that replicas share budgets through, e.g. redis://valkey:6379/0; empty keeps them in memory, which is right
	// for one process.
	ValkeyURL config.Secret `yaml:"valkey_url"`
	// Replicas is how many processes share the budgets. While Valkey is away each takes its share.
	Replicas int `yaml:"replicas"`
	// MaxWait is how long a call queues for budget when it does not say.
	MaxWait time.Duration `yaml:"max_wait"`
	// MostWait is the longest that a call may ask to queue, and how long a stream queues for each page.
	MostWait time.Duration `yaml:"most_wait"`
}

// DefaultConfig lacks only the sealing keys.
func DefaultConfig() Config {
	return Config{
		Store:       StoreConfig{URL: "sqlite:sando-proxy.db"},
		Rate:        RateConfig{Replicas: 1, MaxWait: 2 * time.Second, MostWait: time.Minute},
		Accounts:    100_000,
		CallTimeout: time.Minute,
		// What clients take by default is 4 MiB; the rest of the message needs a little.
		MaxMessage: 4<<20 - 64<<10,
		Upstream:   upstream.DefaultConfig(),
	}
}

// check says what is wrong with a configuration.
func (c *Config) check() error {
	var errs []error
	if len(c.SealingKeys) == 0 {
		errs = append(errs, errors.New("sealing_keys is empty: give at least one key of 32 bytes, the same to every replica"))
	}
	for name, ok := range map[string]bool{
		"accounts": c.Accounts > 0, "call_timeout": c.CallTimeout > 0, "max_message": c.MaxMessage > 0,
		"rate.replicas": c.Rate.Replicas > 0, "rate.max_wait": c.Rate.MaxWait >= 0,
	} {
		if !ok {
			errs = append(errs, fmt.Errorf("%s must be positive", name))
		}
	}
	if c.Rate.MostWait < c.Rate.MaxWait {
		errs = append(errs, errors.New("rate.most_wait must not be less than rate.max_wait"))
	}
	if c.Rate.Replicas > 1 && c.Rate.ValkeyURL == "" {
		errs = append(errs, errors.New("rate.valkey_url is empty: several replicas need one to share budgets through"))
	}
	if c.Rate.Replicas > 1 && strings.HasPrefix(c.Store.URL.Reveal(), "sqlite:") {
		errs = append(errs, errors.New("store.url names SQLite: several replicas need a database that they share"))
	}
	return errors.Join(errs...)
}
