package endpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
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

// unread is the fault of a request whose body cannot be read to its end.
func (e *Endpoint) unread(err error) *fault {
	public := e.o.Errors.From(err)
	f := malformed(public.Message)
	if public.Status != 0 {
		f.status = public.Status
	}
	if public.Code == rpcerr.RequestTooLarge {
		f.status, f.message = http.StatusRequestEntityTooLarge, fmt.Sprintf("the body must be %d bytes at most", MaxBody)
	}
	return f
}

// note marks the line of the call in the log, which otherwise looks as if all were well.
func (f *fault) note(ctx context.Context) {
	interceptor.Note(ctx, slog.Int64("jsonrpc_code", f.code), slog.Int("status", f.status))
}

// givenTwice is the fault of a message in which an object has two members of one name, of which one would be dropped.
func givenTwice(body []byte) *fault {
	_, err := jsontext.NewDecoder(bytes.NewReader(body)).ReadValue()
	at, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok || !errors.Is(err, jsontext.ErrDuplicateName) {
		return nil
	}
	return invalid(fmt.Sprintf("the member %s is given twice", at.JSONPointer))
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
