//lint:file-ignore SA1019 the suite still calls what 2026-07-28 deprecates

package conformance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// inputFixtures are tools that ask the client for something before they answer.
func inputFixtures() []fixture {
	name := question("user_name", "What is your name?", "name")
	return []fixture{
		{name: "test_input_required_result_elicitation", call: once(name)},
		{name: "test_input_required_result_sampling", call: once(mcp.InputRequestMap{"capital_question": sample("What is the capital of France?")})},
		{name: "test_input_required_result_list_roots", call: once(mcp.InputRequestMap{"client_roots": &mcp.ListRootsParams{}})},
		{name: "test_input_required_result_request_state", call: stateful("confirm", "ok")},
		{name: "test_input_required_result_tampered_state", call: stateful("confirm", "ok")},
		{name: "test_input_required_result_multiple_inputs", call: func(r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			ask := mcp.InputRequestMap{"greeting": sample("Greet the user."), "client_roots": &mcp.ListRootsParams{}}
			for key, q := range name {
				ask[key] = q
			}
			return once(ask)(r)
		}},
		{name: "test_input_required_result_multi_round", call: twoRounds},
		{name: "test_input_required_result_capabilities", call: withinCapabilities},
	}
}

// once asks, and answers when every question is.
func once(ask mcp.InputRequestMap) func(*mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return func(r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for key := range ask {
			if _, ok := r.Params.InputResponses[key]; !ok {
				return &mcp.CallToolResult{InputRequests: ask, RequestState: sign("once")}, nil
			}
		}
		return &mcp.CallToolResult{Content: []mcp.Content{text("answered")}}, nil
	}
}

// stateful takes the answer only with the state that it gave out.
func stateful(key, field string) func(*mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return func(r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if len(r.Params.InputResponses) == 0 {
			return &mcp.CallToolResult{InputRequests: question(key, "Please confirm.", field), RequestState: sign("asked")}, nil
		}
		if !signed(r.Params.RequestState, "asked") {
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "requestState was altered"}
		}
		return &mcp.CallToolResult{Content: []mcp.Content{text("state-ok")}}, nil
	}
}

// twoRounds asks a second question after the first was answered.
func twoRounds(r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	switch state := r.Params.RequestState; {
	case state == "" || len(r.Params.InputResponses) == 0:
		return &mcp.CallToolResult{InputRequests: question("step1", "What is your name?", "name"), RequestState: sign("one")}, nil
	case signed(state, "one"):
		return &mcp.CallToolResult{InputRequests: question("step2", "What is your favorite color?", "color"), RequestState: sign("two")}, nil
	case signed(state, "two"):
		return &mcp.CallToolResult{Content: []mcp.Content{text("done")}}, nil
	}
	return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "requestState was altered"}
}

// withinCapabilities asks only for what the client has declared.
func withinCapabilities(r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	ask := mcp.InputRequestMap{}
	if caps := r.ClientCapabilities(); caps != nil {
		if caps.Sampling != nil {
			ask["sampled"] = sample("Say hello.")
		}
		if caps.Elicitation != nil {
			ask["asked"] = question("asked", "Say hello.", "hello")["asked"]
		}
	}
	return once(ask)(r)
}

func question(key, message, field string) mcp.InputRequestMap {
	schema := `{"type":"object","properties":{"` + field + `":{"type":"string"}},"required":["` + field + `"]}`
	if field == "ok" {
		schema = strings.Replace(schema, "string", "boolean", 1)
	}
	return mcp.InputRequestMap{key: &mcp.ElicitParams{Mode: "form", Message: message, RequestedSchema: json.RawMessage(schema)}}
}

func sample(prompt string) *mcp.CreateMessageParams {
	return &mcp.CreateMessageParams{
		MaxTokens: 100, Messages: []*mcp.SamplingMessage{{Role: "user", Content: text(prompt)}},
	}
}

// The fixtures' state needs integrity, not secrecy.
func sign(state string) string {
	mac := hmac.New(sha256.New, []byte("fixture"))
	mac.Write([]byte(state))
	return state + "." + hex.EncodeToString(mac.Sum(nil))
}

func signed(given, state string) bool { return hmac.Equal([]byte(given), []byte(sign(state))) }
