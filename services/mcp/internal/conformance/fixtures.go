//lint:file-ignore SA1019 the suite still calls what 2026-07-28 deprecates

package conformance

import (
	"context"
	"encoding/base64"
	"encoding/json"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// fixture is a tool that the suite calls by name.
type fixture struct {
	name   string
	schema string
	call   func(r *mcp.CallToolRequest) (*mcp.CallToolResult, error)
}

// addFixtures adds the tools of the suite. What needs prompts, resources, completion, logging or a connection back to the client is left out: the
// product has none of them, and expected-failures.yaml says so.
func addFixtures(s *mcp.Server) {
	for _, f := range append(contentFixtures(), inputFixtures()...) {
		schema := f.schema
		if schema == "" {
			schema = `{"type":"object","properties":{}}`
		}
		s.AddTool(&mcp.Tool{Name: f.name, Description: "Fixture of the conformance suite.", InputSchema: json.RawMessage(schema)},
			func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return f.call(r) })
	}
}

// A picture and a sound as small as they can be.
var (
	pixel   = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	silence = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAAAAA=="
)

func contentFixtures() []fixture {
	note := func(uri string) mcp.Content {
		return &mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: uri, MIMEType: "text/plain", Text: "A note."}}
	}
	picture := &mcp.ImageContent{Data: bytesOf(pixel), MIMEType: "image/png"}
	return []fixture{
		answering("test_simple_text", text("This is a simple text response for testing.")),
		answering("test_image_content", picture),
		answering("test_audio_content", &mcp.AudioContent{Data: bytesOf(silence), MIMEType: "audio/wav"}),
		answering("test_embedded_resource", note("test://embedded-resource")),
		answering("test_multiple_content_types", text("Several kinds of content."), picture, note("test://mixed-content-resource")),
		{name: "test_error_handling", call: func(*mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{text("This tool intentionally returns an error for testing")}}, nil
		}},
		{name: "json_schema_2020_12_tool", schema: wideSchema, call: answering("", text("ok")).call},
		{name: "test_x_mcp_header", call: answering("", text("ok")).call, schema: `{"type":"object","properties":{` +
			`"region":{"type":"string","x-mcp-header":"Region"},"level":{"type":"integer"}}}`},
		answering("test_streaming_elicitation", text("No stream, so nothing but the answer is on it.")),
		answering("test_logging_tool", text("Nothing is logged to clients.")),
		{name: "test_missing_capability", call: needsSampling},
	}
}

// wideSchema uses what JSON Schema 2020-12 has and older drafts lack; it must reach clients as it is.
const wideSchema = `{
	"$schema": "https://json-schema.org/draft/2020-12/schema",
	"type": "object",
	"$defs": {"address": {"$anchor": "addressDef", "type": "object",
		"properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
	"properties": {
		"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
		"contactMethod": {"type": "string", "enum": ["phone", "email"]}, "phone": {"type": "string"}, "email": {"type": "string"}},
	"allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
	"if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
	"then": {"required": ["phone"]}, "else": {"required": ["email"]},
	"additionalProperties": false
}`

// needsSampling refuses clients that have not declared sampling.
func needsSampling(r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if caps := r.ClientCapabilities(); caps != nil && caps.Sampling != nil {
		return answering("", text("ok")).call(r)
	}
	return nil, &jsonrpc.Error{
		Code: mcp.CodeMissingRequiredClientCapabilities, Message: "this tool needs the client to sample",
		Data: json.RawMessage(`{"requiredCapabilities":{"sampling":{}}}`),
	}
}

func answering(name string, content ...mcp.Content) fixture {
	return fixture{name: name, call: func(*mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: content}, nil
	}}
}

func text(s string) *mcp.TextContent { return &mcp.TextContent{Text: s} }

// bytesOf decodes a constant.
func bytesOf(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
