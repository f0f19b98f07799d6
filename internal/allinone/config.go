package allinone

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/daemon"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/log"
	"github.com/sando-dev/sando/services/auth"
	"github.com/sando-dev/sando/services/mcp"
	"github.com/sando-dev/sando/services/proxy"
	"github.com/sando-dev/sando/services/unified"
)

// Config is the configuration of the whole product in one process.
type Config struct {
	// Edge is the one public listener.
	Edge edge.Config `yaml:"edge"`
	// DataDir holds the key ring and the SQLite files of services that are given nothing else.
	DataDir string `yaml:"data_dir"`
	// Auth configures the auth service.
	Auth auth.Config `yaml:"auth"`
	// Proxy configures the proxy service.
	Proxy proxy.Config `yaml:"proxy"`
	// Unified configures the unified service.
	Unified unified.Config `yaml:"unified"`
	// MCP configures the mcp service.
	MCP mcp.Config `yaml:"mcp"`
	// Debug is the private listener for profiles and the Go runtime's metrics.
	Debug daemon.DebugConfig `yaml:"debug"`
	// Log says what is logged and how.
	Log daemon.LogConfig `yaml:"log"`
	// Drain is how long calls in flight may take to finish when the process is stopped.
	Drain time.Duration `yaml:"drain"`
}

// DefaultConfig listens on the loopback interface and keeps its data in ./data. The services' own stores are left open, for Complete to put
// into DataDir.
func DefaultConfig() Config {
	c := Config{
		Edge:    edge.DefaultConfig("127.0.0.1:8080"),
		DataDir: "data",
		Auth:    auth.DefaultConfig(),
		Proxy:   proxy.DefaultConfig(),
		Unified: unified.DefaultConfig(),
		MCP:     mcp.DefaultConfig(),
		Log:     daemon.LogConfig{Format: log.JSON},
		Drain:   4 * time.Second,
	}
	c.Auth.Store.URL, c.Proxy.Store.URL, c.Unified.Store.URL = "", "", ""
	return c
}

// KeysFile is the key ring in the data folder.
func (c Config) KeysFile() string { return filepath.Join(c.DataDir, "keys.yaml") }

// WithStores puts the stores that are given no place into the data folder.
func (c Config) WithStores() Config {
	for url, file := range map[*config.Secret]string{
		&c.Auth.Store.URL: "auth.db", &c.Proxy.Store.URL: "proxy.db", &c.Unified.Store.URL: "unified.db",
	} {
		if *url == "" {
			*url = config.Secret("sqlite:" + filepath.Join(c.DataDir, file))
		}
	}
	return c
}

// Complete fills in what depends on other settings: files in the data folder, and the sealing keys that the services share.
func (c Config) Complete() (Config, error) {
	c = c.WithStores()
	if c.Auth.Keys.File == "" && c.Auth.Keys.Ring == "" {
		c.Auth.Keys.File = c.KeysFile()
	}
	keys, err := c.Auth.Keys.SealingKeys()
	if err != nil {
		return c, fmt.Errorf("keys: %w (make a ring with `sando keys generate`)", err)
	}
	if len(c.Proxy.SealingKeys) == 0 {
		c.Proxy.SealingKeys = keys
	}
	if len(c.Unified.SealingKeys) == 0 {
		c.Unified.SealingKeys = keys
	}
	if len(c.MCP.SealingKeys) == 0 {
		c.MCP.SealingKeys = keys
	}
	return c, nil
}

// MakeDataDir makes the data folder, which only its owner may read.
func (c Config) MakeDataDir() error {
	if c.DataDir == "" {
		return errors.New("data_dir is empty: name a folder for the databases")
	}
	return os.MkdirAll(c.DataDir, 0o700)
}
