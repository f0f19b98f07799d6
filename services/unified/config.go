package unified

import (
	"errors"

	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/sealed"
)

// Config configures unified.
type Config struct {
	// Store is where mapping overrides are kept.
	Store StoreConfig `yaml:"store"`
	// SealingKeys seal cursors. All replicas need the same; the first seals, all open.
	SealingKeys []sealed.Key `yaml:"sealing_keys"`
}

// StoreConfig says where the overrides are kept.
type StoreConfig struct {
	// URL is sqlite:PATH for the embedded database, or a postgres:// URL. SQLite is migrated when it is opened; PostgreSQL by `sando migrate`.
	URL config.Secret `yaml:"url"`
}

// DefaultConfig keeps the overrides in the working directory. It lacks only the sealing keys.
func DefaultConfig() Config {
	return Config{Store: StoreConfig{URL: "sqlite:sando-unified.db"}}
}

func (c Config) check() error {
	if len(c.SealingKeys) == 0 {
		return errors.New("sealing_keys is empty: give at least one key of 32 bytes, the same to every replica")
	}
	return nil
}
