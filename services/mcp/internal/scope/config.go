// Package scope is what an MCP server may show and do: its configuration, checked against the tools that exist, and the selection that
// follows from it.
package scope

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sando-dev/sando/access"
	mcpv1 "github.com/sando-dev/sando/gen/sando/mcp/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

const (
	// DefaultResultBytes is the most bytes of a result's text when the configuration does not say.
	DefaultResultBytes = 100_000
	// minResultBytes leaves room for an envelope with one small record; maxResultBytes is what one message between services can carry.
	minResultBytes, maxResultBytes = 1_000, 3_000_000
)

// Exposure is how tools are shown.
type Exposure string

const (
	// All lists every selected tool.
	All Exposure = "all"
	// Discovery lists three tools that find and call the selected ones.
	Discovery Exposure = "discovery"
)

// A Config is the configuration of an MCP server as it was given: a nil list is one that was absent.
type Config struct {
	Methods             []string   `json:"methods,omitempty"`
	Tags                []string   `json:"tags,omitempty"`
	ToolExposure        Exposure   `json:"tool_exposure,omitempty"`
	RequireAPITokenAuth bool       `json:"require_api_token_auth,omitempty"`
	NameStyle           tool.Style `json:"name_style,omitempty"`
	ConfirmDestructive  bool       `json:"confirm_destructive,omitempty"`
	MaxResultBytes      int        `json:"max_result_bytes,omitempty"`
}

// Parse reads a configuration; nothing, null and {} are the default. The error is MCP_CONFIG_INVALID with a violation for each fault.
func Parse(raw []byte) (Config, error) {
	var c Config
	if len(bytes.TrimSpace(raw)) == 0 {
		return c, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return c, invalid(violationOf(err))
	}
	if dec.More() {
		return c, invalid(rpcerr.Violation{Field: "config", Description: "is more than one JSON value"})
	}
	if faults := c.faults(); len(faults) > 0 {
		return c, invalid(faults...)
	}
	return c, nil
}

func (c Config) faults() []rpcerr.Violation {
	var out []rpcerr.Violation
	fault := func(field, text string) {
		out = append(out, rpcerr.Violation{Field: "config." + field, Description: text})
	}
	if c.Methods != nil && len(c.Methods) == 0 {
		fault("methods", "an empty list selects nothing; leave it out to select all kinds")
	}
	if c.Tags != nil && len(c.Tags) == 0 {
		fault("tags", "an empty list selects nothing; leave it out to select the default tools")
	}
	switch c.ToolExposure {
	case "", All, Discovery:
	default:
		fault("tool_exposure", `must be "all" or "discovery"`)
	}
	switch c.NameStyle {
	case "", tool.Full, tool.Short:
	default:
		fault("name_style", `must be "full" or "short"`)
	}
	if c.MaxResultBytes != 0 && (c.MaxResultBytes < minResultBytes || c.MaxResultBytes > maxResultBytes) {
		fault("max_result_bytes", fmt.Sprintf("must be between %d and %d", minResultBytes, maxResultBytes))
	}
	return out
}

// Exposure is how tools are shown, the default filled in.
func (c Config) Exposure() Exposure {
	if c.ToolExposure == "" {
		return All
	}
	return c.ToolExposure
}

// Style is how tools are named, the default filled in.
func (c Config) Style() tool.Style {
	if c.NameStyle == "" {
		return tool.Full
	}
	return c.NameStyle
}

// ResultBytes is the most bytes of a result's text, the default filled in.
func (c Config) ResultBytes() int {
	if c.MaxResultBytes == 0 {
		return DefaultResultBytes
	}
	return c.MaxResultBytes
}

// JSON is the configuration as it is stored: what was absent stays absent.
func (c Config) JSON() []byte {
	// Strings, numbers and booleans always encode.
	b, _ := json.Marshal(c)
	return b
}

// Proto is the configuration as it is shown, defaults filled in.
func (c Config) Proto() *mcpv1.McpServerConfig {
	return &mcpv1.McpServerConfig{
		Methods:             c.Methods,
		Tags:                c.Tags,
		ToolExposure:        string(c.Exposure()),
		RequireApiTokenAuth: c.RequireAPITokenAuth,
		NameStyle:           string(c.Style()),
		ConfirmDestructive:  c.ConfirmDestructive,
		MaxResultBytes:      int32(c.ResultBytes()),
	}
}

// Merge applies a merge patch (RFC 7396) of one level to a stored configuration: null removes a member, and a patch of null removes all.
func Merge(stored, patch []byte) ([]byte, error) {
	if bytes.Equal(bytes.TrimSpace(patch), []byte("null")) {
		return []byte("{}"), nil
	}
	have, change := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if len(stored) > 0 {
		if err := json.Unmarshal(stored, &have); err != nil {
			return nil, fmt.Errorf("stored configuration: %w", err)
		}
	}
	if err := json.Unmarshal(patch, &change); err != nil {
		return nil, invalid(rpcerr.Violation{Field: "config", Description: "must be an object or null"})
	}
	for name, value := range change {
		if bytes.Equal(value, []byte("null")) {
			delete(have, name)
		} else {
			have[name] = value
		}
	}
	return json.Marshal(have)
}

// invalid is the error for a configuration that cannot be.
func invalid(faults ...rpcerr.Violation) *rpcerr.Error {
	e := rpcerr.New(access.CodeMCPConfigInvalid, faults[0].Field+": "+faults[0].Description)
	e.Violations = faults
	return e
}

func violationOf(err error) rpcerr.Violation {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := "config"
		if wrong.Field != "" {
			field += "." + wrong.Field
		}
		return rpcerr.Violation{Field: field, Description: "must not be a JSON " + wrong.Value}
	}
	return rpcerr.Violation{Field: "config", Description: "is not a valid configuration: " + err.Error()}
}
