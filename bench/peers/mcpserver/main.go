// Command mcpserver is a bare MCP server on the go-sdk: stateless, one shared server object, the same 26 tools. A tool is one GET of the upstream
// whose page becomes structured content and text. It checks no token, keeps no budget and writes no audit.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	upstream := flag.String("upstream", "", "base URL of the upstream")
	key := flag.String("key", "", "API key to put on each request")
	tools := flag.String("tools", "", "file with the result of tools/list")
	flag.Parse()
	text, err := os.ReadFile(*tools)
	if err != nil {
		log.Fatal(err)
	}
	var list struct{ Tools []*mcp.Tool }
	if err := json.Unmarshal(text, &list); err != nil {
		log.Fatal(err)
	}
	p := &provider{base: *upstream, key: *key, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}}}
	server := mcp.NewServer(&mcp.Implementation{Name: "bare", Version: "1"}, nil)
	for _, t := range list.Tools {
		server.AddTool(t, p.call)
	}
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
	h := &http.Server{Addr: *listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(h.ListenAndServe())
}

type provider struct {
	base, key string
	client    *http.Client
}

func (p *provider) call(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var in struct{ Limit int }
	if err := json.Unmarshal(r.Params.Arguments, &in); err != nil {
		return nil, err
	}
	up, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/users?size="+strconv.Itoa(in.Limit), nil)
	if err != nil {
		return nil, err
	}
	up.Header.Set("Authorization", "Bearer "+p.key)
	resp, err := p.client.Do(up)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: string(page)}},
		StructuredContent: json.RawMessage(page),
	}, nil
}
