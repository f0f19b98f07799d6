package auth

import (
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/keyring"
	"github.com/sando-dev/sando/services/auth/internal/oauth"
)

// Config configures auth.
type Config struct {
	// Store is where the state is kept.
	Store StoreConfig `yaml:"store"`
	// Keys are the keys that auth cannot run without.
	Keys KeysConfig `yaml:"keys"`
	// PublicURL is how browsers reach the public listener, e.g. https://connect.example.com. Link URLs start with it.
	PublicURL string `yaml:"public_url"`
	// OAuthClients are the vendor's own clients at providers whose customers link by consent.
	OAuthClients []OAuthClient `yaml:"oauth_clients"`
}

// OAuthClient is a client that is registered at a provider. Its redirect URI there is public_url followed by /connect/callback.
type OAuthClient struct {
	// Integration is the name in the catalog.
	Integration string `yaml:"integration"`
	// ID is the client's id.
	ID string `yaml:"client_id"`
	// Secret is the client's secret.
	Secret config.Secret `yaml:"client_secret"`
}

func (c Config) apps() map[string]oauth.App {
	apps := make(map[string]oauth.App, len(c.OAuthClients))
	for _, client := range c.OAuthClients {
		apps[client.Integration] = oauth.App{ID: client.ID, Secret: client.Secret}
	}
	return apps
}

// StoreConfig says where the state is kept.
type StoreConfig struct {
	// URL is sqlite:PATH for the embedded database, or a postgres:// URL. SQLite is migrated when it is opened; PostgreSQL by `sando migrate`.
	// There is no default: state in an unexpected place is state lost.
	URL config.Secret `yaml:"url"`
}

// KeysConfig says where the key ring is; one of the two is needed. `sando keys generate` makes a ring.
type KeysConfig struct {
	// File is the path of the key file, mode 0600.
	File string `yaml:"file"`
	// Ring is the content of a key file, for secrets that come as environment variables.
	Ring config.Secret `yaml:"ring"`
}

// DefaultConfig has neither a store nor keys, on purpose.
func DefaultConfig() Config {
	return Config{PublicURL: "http://127.0.0.1:8080"}
}

func (c KeysConfig) load() (keyring.Ring, error) {
	return keyring.Load(keyring.Config{File: c.File, Ring: c.Ring})
}

// SealingKeys are the keys of the ring that seal cursors and request states, which replicas of proxy, unified and mcp share with auth.
func (c KeysConfig) SealingKeys() ([]sealed.Key, error) {
	ring, err := c.load()
	return ring.Sealing, err
}
