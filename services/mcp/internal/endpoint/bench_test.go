package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// sink is an answer that nobody reads.
type sink struct {
	header http.Header
	n      int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(b []byte) (int, error) { s.n += len(b); return len(b), nil }

// bare is a server of the SDK alone, with the same tools and the same answers, and nothing around it.
func bare(b *testing.B, answer []byte) http.Handler {
	b.Helper()
	server := mcp.NewServer(&mcp.Implementation{Name: "bare", Version: "1"}, nil)
	var list struct {
		Result struct {
			Tools []*mcp.Tool `json:"tools"`
		} `json:"result"`
	}
	w := &capture{header: make(http.Header)}
	newHandler(b, `{}`, true, nil).ServeHTTP(w, request1(b, handshakeAsk))
	if err := json.Unmarshal(w.body.Bytes(), &list); err != nil || len(list.Result.Tools) != 26 {
		b.Fatal(err, len(list.Result.Tools))
	}
	for _, t := range list.Result.Tools {
		server.AddTool(t, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{
				Content: []mcp.Content{&mcp.TextContent{Text: string(answer)}}, StructuredContent: json.RawMessage(answer),
			}, nil
		})
	}
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
}

// floor is as little as an answer takes: decode the request, encode the result.
func floor(answer []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var m struct {
			ID     json.RawMessage `json:"id"`
			Params struct {
				Name      string          `json:"name"`
				Arguments json.RawMessage `json:"arguments"`
			} `json:"params"`
		}
		if json.Unmarshal(body, &m) != nil {
			return
		}
		text, err := json.Marshal(string(answer))
		if err != nil {
			return
		}
		var out bytes.Buffer
		out.WriteString(`{"jsonrpc":"2.0","id":`)
		out.Write(m.ID)
		out.WriteString(`,"result":{"content":[{"type":"text","text":`)
		out.Write(text)
		out.WriteString(`}],"structuredContent":`)
		out.Write(answer)
		out.WriteString(`}}`)
		w.Header().Set("Content-Type", "application/json")
		// A sink takes everything.
		_, _ = w.Write(out.Bytes())
	})
}

func request1(b testing.TB, body string) *http.Request {
	r, err := http.NewRequest(http.MethodPost, "/mcp/token", bytes.NewReader([]byte(body)))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	return r
}

func run(b *testing.B, h http.Handler, body string) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		w := &sink{header: make(http.Header)}
		h.ServeHTTP(w, request1(b, body))
		if w.n == 0 {
			b.Fatal("no answer")
		}
	}
}

// BenchmarkCall is B8 without the network: an answer of 10 kB.
func BenchmarkCall(b *testing.B) {
	const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_all_torii_users","arguments":{"limit":10}}}`
	answer := answerOf(10_000)
	b.Run("product", func(b *testing.B) { run(b, newHandler(b, `{}`, false, answer), body) })
	b.Run("bare go-sdk", func(b *testing.B) { run(b, bare(b, answer), body) })
	b.Run("floor", func(b *testing.B) { run(b, floor(answer), body) })
}

// BenchmarkList is B9 without the network: 26 tools.
func BenchmarkList(b *testing.B) {
	b.Run("product", func(b *testing.B) { run(b, newHandler(b, `{}`, false, nil), handshakeAsk) })
	b.Run("bare go-sdk", func(b *testing.B) { run(b, bare(b, nil), handshakeAsk) })
}
