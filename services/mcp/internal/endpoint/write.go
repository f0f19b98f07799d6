package endpoint

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sando-dev/sando/services/mcp/internal/call"
)

// writeJSON answers with one JSON value, given in parts. The caller may be gone; there is nobody left to tell.
func writeJSON(w http.ResponseWriter, status int, parts ...[]byte) {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(status)
	for _, p := range parts {
		_, _ = w.Write(p)
	}
}

// appendResult writes an answer around a result.
func appendResult(b []byte, id jsontext.Value, result []byte) []byte {
	b = appendHead(b, id, `"result":`)
	b = append(b, result...)
	return append(b, '}')
}

func appendHead(b []byte, id jsontext.Value, member string) []byte {
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, id...)
	b = append(b, ',')
	return append(b, member...)
}

// appendAnswer writes the answer of a call that worked: structured content, and the same JSON as text.
func (e *Endpoint) appendAnswer(b []byte, q *request, structured []byte) []byte {
	b = appendHead(b, q.ID, `"result":{`)
	if q.stateless {
		b = append(b, `"_meta":`...)
		b = append(b, e.serverMeta...)
		b = append(b, `,"resultType":"complete",`...)
	}
	b = append(b, `"content":[{"type":"text","text":`...)
	b = appendText(b, structured)
	b = append(b, `}],"structuredContent":`...)
	b = append(b, structured...)
	return append(b, "}}"...)
}

// failed is the result of a call that did not work.
func (e *Endpoint) failed(object []byte, stateless bool) []byte {
	b := append([]byte(nil), `{"_meta":{"`+errorMeta+`":`...)
	b = append(b, object...)
	if stateless {
		b = append(b, ',')
		b = append(b, e.serverMeta[1:len(e.serverMeta)-1]...)
	}
	b = append(b, '}')
	if stateless {
		b = append(b, `,"resultType":"complete"`...)
	}
	b = append(b, `,"isError":true,"content":[{"type":"text","text":`...)
	b = appendText(b, object)
	return append(b, "}]}"...)
}

// appendError writes the refusal of a tool that the server does not have.
func appendError(b []byte, id jsontext.Value, r *call.Refusal) []byte {
	b = appendHead(b, id, `"error":{"code":`)
	b = strconv.AppendInt(b, jsonrpc.CodeInvalidParams, 10)
	b = append(b, `,"message":`...)
	b = appendText(b, []byte(r.Message))
	b = append(b, `,"data":`...)
	b = append(b, r.Object...)
	return append(b, "}}"...)
}

// serverMeta is the `_meta` with which results of the stateless revisions name the server.
func serverMeta(info *mcp.Implementation) ([]byte, error) {
	return json.Marshal(map[string]any{"io.modelcontextprotocol/serverInfo": map[string]string{
		"name": info.Name, "title": info.Title, "version": info.Version,
	}}, json.Deterministic(true))
}
