package main

import (
	"github.com/sando-dev/sando/internal/allinone"
	"github.com/sando-dev/sando/kit/daemon"
	"github.com/sando-dev/sando/services/auth"
	"github.com/sando-dev/sando/services/mcp"
	"github.com/sando-dev/sando/services/proxy"
	"github.com/sando-dev/sando/services/unified"
)

// programs lists the binaries that are configured.
func programs() []program {
	return []program{
		{"sando", "All four services in one process.", allinone.DefaultConfig()},
		{"authd", "auth alone.", struct {
			daemon.Config `yaml:",inline"`
			Auth          auth.Config `yaml:"auth"`
		}{daemon.DefaultConfig(), auth.DefaultConfig()}},
		{"proxyd", "proxy alone.", struct {
			daemon.Config `yaml:",inline"`
			Proxy         proxy.Config `yaml:"proxy"`
		}{daemon.DefaultConfig(), proxy.DefaultConfig()}},
		{"unifiedd", "unified alone.", struct {
			daemon.Config `yaml:",inline"`
			Unified       unified.Config `yaml:"unified"`
		}{daemon.DefaultConfig(), unified.DefaultConfig()}},
		{"mcpd", "mcp alone.", struct {
			daemon.Config `yaml:",inline"`
			MCP           mcp.Config `yaml:"mcp"`
		}{daemon.DefaultConfig(), mcp.DefaultConfig()}},
	}
}
