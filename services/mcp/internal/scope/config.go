// Package scope is what an MCP server may show and do: its configuration, checked against the tools that exist, and the selection that
// follows from it.
package scope

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/nearest"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

const (
	// DefaultResultBytes is the most bytes of a result, text and structured content together, when the configuration does not say.
	DefaultResultBytes = 200_000
	// minResultBytes leaves room for an envelope with one small record; maxResultBytes is twice what one message between services can carry.
	minResultBytes, maxResultBytes = 1_000, 6_000_000
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
	if err := json.Unmarshal(raw, &c, json.RejectUnknownMembers(true)); err != nil {
		return c, invalid(violationOf(err))
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

// ResultBytes is the most bytes of a result, the default filled in.
func (c Config) ResultBytes() int {
	if c.MaxResultBytes == 0 {
		return DefaultResultBytes
	}
	return c.MaxResultBytes
}

// Merge applies a merge patch (RFC 7396) of one level to a stored configuration: null removes a member, and a patch of null removes all. The result
// has the members that are set, as they were given, in the order of their names; a patch of nothing changes nothing.
func Merge(stored, patch []byte) ([]byte, error) {
	if bytes.Equal(bytes.TrimSpace(patch), []byte("null")) {
		return []byte("{}"), nil
	}
	if len(bytes.TrimSpace(patch)) == 0 {
		patch = []byte("{}")
	}
	have, change := map[string]jsontext.Value{}, map[string]jsontext.Value{}
	if len(stored) > 0 {
		if err := json.Unmarshal(stored, &have); err != nil {
			return nil, fmt.Errorf("stored configuration: %w", err)
		}
	}
	if err := json.Unmarshal(patch, &change); err != nil {
		return nil, invalid(rpcerr.Violation{Field: "config", Description: "must be an object or null"})
	}
	for name, value := range change {
		if value.Kind() == 'n' {
			delete(have, name)
		} else {
			have[name] = value
		}
	}
	return json.Marshal(have, json.Deterministic(true))
}

// invalid is the error for a configuration that cannot be.
func invalid(faults ...rpcerr.Violation) *rpcerr.Error {
	e := rpcerr.New(access.CodeMCPConfigInvalid, faults[0].Field+": "+faults[0].Description)
	e.Violations = faults
	return e
}

func violationOf(err error) rpcerr.Violation {
	wrong, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return rpcerr.Violation{Field: "config", Description: "is not one JSON object with every member once"}
	}
	field := "config"
	for token := range wrong.JSONPointer.Tokens() {
		field += "." + token
	}
	if !errors.Is(err, json.ErrUnknownName) {
		return rpcerr.Violation{Field: field, Description: "must not be " + kindText(wrong.JSONKind)}
	}
	return rpcerr.Violation{Field: field, Description: "is no member of a configuration" + meant(wrong.JSONPointer.LastToken())}
}

func kindText(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number of this kind"
	default:
		return k.String()
	}
}

// meant asks for the member that was most likely meant.
func meant(member string) string {
	if near := nearest.Of(member, members()); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; it may have " + strings.Join(members(), ", ")
}

func members() []string {
	return []string{
		"methods", "tags", "tool_exposure", "require_api_token_auth", "name_style", "confirm_destructive", "max_result_bytes",
	}
}
