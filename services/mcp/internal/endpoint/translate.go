package endpoint

import (
	"bytes"
	"cmp"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// translator holds the SDK's answer back and puts right what is not for clients: refusals in plain text, words of Go, ids that stand for others.
// Events of a stream pass as they come.
type translator struct {
	http.ResponseWriter
	// id is the message's own; stand is what the SDK knows in its place, or nil.
	id, stand jsontext.Value
	status    int
	body      bytes.Buffer
}

// Unwrap lets the SDK flush events.
func (t *translator) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func (t *translator) streams() bool { return t.Header().Get("Content-Type") == "text/event-stream" }

// WriteHeader implements http.ResponseWriter.
func (t *translator) WriteHeader(status int) {
	t.status = cmp.Or(t.status, status)
	if t.streams() {
		t.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (t *translator) Write(b []byte) (int, error) {
	if !t.streams() {
		return t.body.Write(b)
	}
	// The SDK writes whole events.
	if _, err := t.ResponseWriter.Write(t.own(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// finish sends what was held back.
func (t *translator) finish() {
	if t.streams() {
		return
	}
	status := cmp.Or(t.status, http.StatusOK)
	if f := t.refusal(status); f != nil {
		t.Header().Del("X-Content-Type-Options")
		f.write(t.ResponseWriter, t.id)
		return
	}
	t.ResponseWriter.WriteHeader(status)
	// The caller may be gone; there is nobody left to tell.
	_, _ = t.ResponseWriter.Write(t.own(t.body.Bytes()))
}

func (t *translator) own(b []byte) []byte {
	if t.stand == nil {
		return b
	}
	return bytes.ReplaceAll(b, t.stand, t.id)
}

// refusal is an answer that is to be said in other words; nil for one that may go as it is.
func (t *translator) refusal(status int) *fault {
	if strings.HasPrefix(t.Header().Get("Content-Type"), "text/plain") {
		f := &fault{status: status, code: jsonrpc.CodeInvalidRequest, message: strings.TrimSpace(t.body.String())}
		if status >= http.StatusInternalServerError {
			f.code = jsonrpc.CodeInternalError
		}
		return f
	}
	// The decoder of the SDK names its own types.
	if !bytes.Contains(t.body.Bytes()[:min(t.body.Len(), 500)], []byte("unmarshal")) {
		return nil
	}
	var said struct {
		Error *struct {
			Code    int64  `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(t.body.Bytes(), &said) != nil || said.Error == nil || !strings.Contains(said.Error.Message, "unmarshal") {
		return nil
	}
	return &fault{status: status, code: cmp.Or(said.Error.Code, jsonrpc.CodeInvalidParams), message: "the params do not have the types that the method takes"}
}
