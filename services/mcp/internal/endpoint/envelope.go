package endpoint

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// envelope is what every message has, a request, a notification or a response; its members are as they came.
type envelope struct {
	Version jsontext.Value `json:"jsonrpc,omitempty"`
	ID      jsontext.Value `json:"id,omitempty"`
	Method  jsontext.Value `json:"method,omitempty"`
	Params  jsontext.Value `json:"params,omitempty"`
	Result  jsontext.Value `json:"result,omitempty"`
	Error   jsontext.Value `json:"error,omitempty"`
}

// open reads a message. The envelope has the id also beside a fault, where there is one to answer to.
func open(body []byte, version string) (envelope, *fault) {
	var m envelope
	if jsontext.Value(body).Kind() != '{' {
		return m, invalid("a message must be a JSON object")
	}
	if err := json.Unmarshal(body, &m, jsontext.AllowDuplicateNames(true)); err != nil {
		return m, malformed("the message is not JSON")
	}
	if f := givenTwice(body); f != nil {
		if strings.Contains(f.message, " /id ") {
			m.ID = nil // which of the two is meant cannot be told
		}
		return m, f
	}
	if kind := m.ID.Kind(); m.ID != nil && kind != '"' && kind != '0' {
		m.ID = nil
		return m, invalid("id must be a string or a number")
	}
	return m, m.fault(version)
}

func (m envelope) fault(version string) *fault {
	stateless := version >= statelessVersion
	switch method := text(m.Method); {
	case version != statelessVersion && !handshakes(version):
		return unsupported(version)
	case text(m.Version) != "2.0":
		return invalid(`jsonrpc must be "2.0"`)
	case m.Method == nil && m.ID == nil:
		return invalid("a message must have a method, or be the response to one")
	case m.Method == nil && m.Error != nil && m.Error.Kind() != '{':
		return invalid("error must be an object")
	case m.Method != nil && m.Method.Kind() != '"':
		return invalid("method must be a string")
	case m.Method != nil && m.ID != nil && !serves(method, stateless):
		return unserved(method, stateless)
	case m.Params != nil && m.Params.Kind() != '{' && m.Params.Kind() != 'n':
		return &fault{status: http.StatusBadRequest, code: jsonrpc.CodeInvalidParams, message: "params must be an object"}
	}
	return nil
}

// serves says whether a method belongs to what the server declares. The SDK would answer for features that are not there as for empty ones.
func serves(method string, stateless bool) bool {
	switch method {
	case methodListTools, methodCallTool, "initialize", "ping", "server/discover":
		return true
	case "subscriptions/listen":
		return stateless
	}
	// With an id these are a fault, which the SDK names.
	return strings.HasPrefix(method, notifications)
}

// notifications begin the names of messages without an answer.
const notifications = "notifications/"

// ignored says whether a message is a notification that nobody here knows. JSON-RPC has no answer for those.
func (m envelope) ignored() bool {
	if m.ID != nil {
		return false
	}
	switch method := text(m.Method); method {
	case "notifications/initialized", "notifications/cancelled", "notifications/progress", "notifications/roots/list_changed":
		return false
	default:
		return strings.HasPrefix(method, notifications)
	}
}

// replaced puts an id that the SDK would not give back as it was out of its sight: it reads numbers as integers below 2^53. The answer is to have the
// message's id wherever it has stand; nothing stands for an id that may stay.
func (m envelope) replaced(body []byte) (sent []byte, stand jsontext.Value) {
	if m.Method == nil || m.ID == nil || m.ID.Kind() == '"' || keeps(m.ID) {
		return body, nil
	}
	// Nothing else in an answer can look like it.
	stand = jsontext.Value(strconv.Quote(rand.Text()))
	sent, err := json.Marshal(envelope{Version: m.Version, ID: stand, Method: m.Method, Params: m.Params}, jsontext.AllowDuplicateNames(true))
	if err != nil {
		return body, nil
	}
	return sent, stand
}

// keeps says whether the SDK gives a number back as it was.
func keeps(id jsontext.Value) bool {
	const exact = 1 << 53
	n, err := strconv.ParseInt(string(id), 10, 64)
	return err == nil && -exact < n && n < exact && strconv.FormatInt(n, 10) == string(id)
}

// text is a JSON string's value; empty for anything else.
func text(v jsontext.Value) string {
	if v.Kind() != '"' {
		return ""
	}
	// What was decoded as a value is sound.
	b, _ := jsontext.AppendUnquote(nil, v)
	return string(b)
}

// parsed is the JSON of a body.
func parsed(h http.Header, body []byte) (jsontext.Value, *fault) {
	v := jsontext.Value(bytes.TrimSpace(body))
	switch {
	case !holdsJSON(h):
		return nil, &fault{
			status: http.StatusUnsupportedMediaType, code: jsonrpc.CodeInvalidRequest, message: "Content-Type must be application/json",
		}
	case len(v) == 0:
		return nil, malformed("the body is empty, it must be a message in JSON")
	case !v.IsValid(jsontext.AllowDuplicateNames(true)):
		return nil, malformed("the body is not JSON")
	}
	return v, nil
}
