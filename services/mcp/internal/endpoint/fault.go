package endpoint

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A fault is an error of JSON-RPC: what came is no message, or none that can be served.
type fault struct {
	status  int
	code    int64
	message string
	// data is JSON, or nothing.
	data []byte
}

func malformed(message string) *fault {
	return &fault{status: http.StatusBadRequest, code: jsonrpc.CodeParseError, message: message}
}

func invalid(message string) *fault {
	return &fault{status: http.StatusBadRequest, code: jsonrpc.CodeInvalidRequest, message: message}
}

// unserved refuses a method. Only the stateless revisions say so in the status too.
func unserved(method string, stateless bool) *fault {
	f := &fault{
		status: http.StatusOK, code: jsonrpc.CodeMethodNotFound,
		message: fmt.Sprintf("this server has tools only, it does not serve %q", method),
	}
	if stateless {
		f.status = http.StatusNotFound
	}
	return f
}

// unsupported refuses a revision, and lists those that are served.
func unsupported(version string) *fault {
	// Strings always encode: a header holds no bytes that JSON cannot.
	data, _ := json.Marshal(mcp.UnsupportedProtocolVersionData{Requested: version, Supported: append([]string{statelessVersion}, handshakeVersions()...)})
	return &fault{
		status: http.StatusBadRequest, code: mcp.CodeUnsupportedProtocolVersion,
		message: fmt.Sprintf("protocol version %q is not supported", version), data: data,
	}
}

// write answers with the fault. A message whose id cannot be told has none.
func (f *fault) write(w http.ResponseWriter, id jsontext.Value) {
	if id == nil {
		id = jsontext.Value("null")
	}
	b := appendHead(nil, id, `"error":{"code":`)
	b = strconv.AppendInt(b, f.code, 10)
	b = append(b, `,"message":`...)
	b = appendText(b, []byte(f.message))
	if f.data != nil {
		b = append(b, `,"data":`...)
		b = append(b, f.data...)
	}
	writeJSON(w, f.status, append(b, "}}"...))
}
