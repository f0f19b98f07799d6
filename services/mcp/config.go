package mcp

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/sando-dev/sando/kit/sealed"
)

// Config configures the mcp service.
type Config struct {
	// PublicBaseURL is where clients reach the service, e.g. https://sando.example.com. It starts the URLs of new MCP servers; empty takes the
	// host of the request that makes one.
	PublicBaseURL string `yaml:"public_base_url"`
	// AllowedOrigins are browser origins that may call every MCP server, e.g. https://app.example.com, besides those of its environment.
	AllowedOrigins []string `yaml:"allowed_origins"`
	// SealingKeys seal what a client carries between two requests. All replicas need the same; the first seals, all open.
	SealingKeys []sealed.Key `yaml:"sealing_keys"`
	// CallTimeout bounds one tool call.
	CallTimeout time.Duration `yaml:"call_timeout"`
	// AskTimeout is how long a call waits for its user's answer where the client is asked on the stream of the call, as clients of 2025-06-18 and
	// 2025-11-25 are. Then the call is answered with a confirm token. Most clients give up on a call after a minute.
	AskTimeout time.Duration `yaml:"ask_timeout"`
	// ToolsPageSize is how many tools one page of tools/list holds.
	ToolsPageSize int `yaml:"tools_page_size"`
}

// DefaultConfig is a configuration that lacks only the sealing keys.
func DefaultConfig() Config {
	return Config{CallTimeout: time.Minute, AskTimeout: 50 * time.Second, ToolsPageSize: 50}
}

// check says what is wrong with a configuration.
func (c Config) check() error {
	var errs []error
	if len(c.SealingKeys) == 0 {
		errs = append(errs, errors.New("sealing_keys is empty: give at least one key of 32 bytes, the same to every replica"))
	}
	if c.CallTimeout <= 0 {
		errs = append(errs, errors.New("call_timeout must be longer than nothing"))
	}
	if c.AskTimeout <= 0 {
		errs = append(errs, errors.New("ask_timeout must be longer than nothing"))
	}
	if c.ToolsPageSize < 1 {
		errs = append(errs, errors.New("tools_page_size must be at least 1"))
	}
	if c.PublicBaseURL != "" {
		if u, err := url.Parse(c.PublicBaseURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			errs = append(errs, fmt.Errorf("public_base_url %q is not an http or https URL", c.PublicBaseURL))
		}
	}
	for _, origin := range c.AllowedOrigins {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || strings.TrimSuffix(origin, "/") != u.Scheme+"://"+u.Host {
			errs = append(errs, fmt.Errorf("allowed_origins: %q is not an origin such as https://app.example.com", origin))
		}
	}
	return errors.Join(errs...)
}
