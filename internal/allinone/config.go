package allinone

import (
	"path/filepath"
	"time"

	"github.com/sando-dev/sando/kit/daemon"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/services/auth"
	"github.com/sando-dev/sando/services/mcp"
	"github.com/sando-dev/sando/services/proxy"
	"github.com/sando-dev/sando/services/unified"
)

// Config is the configuration of the whole product in one process.
type Config struct {
	// Edge is the one public listener.
	Edge edge.Config `yaml:"edge"`
	// DataDir holds the SQLite files of services that name no database of their own.
	DataDir string `yaml:"data_dir"`
	// Auth configures the auth service.
	Auth auth.Config `yaml:"auth"`
	// Proxy configures the proxy service.
	Proxy proxy.Config `yaml:"proxy"`
	// Unified configures the unified service.
	Unified unified.Config `yaml:"unified"`
	// MCP configures the mcp service.
	MCP mcp.Config `yaml:"mcp"`
	// Debug is the private listener for metrics and profiles.
	Debug daemon.DebugConfig `yaml:"debug"`
	// Log says what is logged and how.
	Log daemon.LogConfig `yaml:"log"`
	// Drain is how long calls in flight may take to finish when the process is stopped.
	Drain time.Duration `yaml:"drain"`
}
