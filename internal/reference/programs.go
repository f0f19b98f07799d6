package main

import (
	"github.com/sando-dev/sando/internal/allinone"
	"github.com/sando-dev/sando/kit/daemon"
	"github.com/sando-dev/sando/services/auth"
	"github.com/sando-dev/sando/services/mcp"
	"github.com/sando-dev/sando/services/proxy"
	"github.com/sando-dev/sando/services/unified"
)

// The configurations of the four services' own programs, which are put together in their main packages in the same way.
type (
	authd struct {
		daemon.Config `yaml:",inline"`
		// Auth configures the service.
		Auth auth.Config `yaml:"auth"`
	}
	proxyd struct {
		daemon.Config `yaml:",inline"`
		// Proxy configures the service.
		Proxy proxy.Config `yaml:"proxy"`
	}
	unifiedd struct {
		daemon.Config `yaml:",inline"`
		// Unified configures the service.
		Unified unified.Config `yaml:"unified"`
	}
	mcpd struct {
		daemon.Config `yaml:",inline"`
		// MCP configures the service.
		MCP mcp.Config `yaml:"mcp"`
	}
)

// programs lists the binaries that are configured.
func programs() []program {
	all := allinone.DefaultConfig()
	return []program{
		{"sando", "All four services in one process.", &all},
		{"authd", "auth alone.", &authd{daemon.DefaultConfig(), auth.DefaultConfig()}},
		{"proxyd", "proxy alone.", &proxyd{daemon.DefaultConfig(), proxy.DefaultConfig()}},
		{"unifiedd", "unified alone.", &unifiedd{daemon.DefaultConfig(), unified.DefaultConfig()}},
		{"mcpd", "mcp alone.", &mcpd{daemon.DefaultConfig(), mcp.DefaultConfig()}},
	}
}
