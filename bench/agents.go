package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/sando-dev/sando/bench/internal/fleet"
	"github.com/sando-dev/sando/bench/internal/load"
	"github.com/sando-dev/sando/bench/internal/measure"
)

// callRows is how many users make an answer of about 10 kB.
const callRows = 34

const (
	listBody = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`
	toolName = "list_all_torii_users"
)

func callBody() string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":{"limit":%d}}}`, toolName, callRows)
}

// An agentStage has an MCP server for each of some accounts.
type agentStage struct{ urls []string }

// needAgents makes MCP servers, and keeps sando's answer to tools/list for the peers, so that all list the same tools.
func (b *bench) needAgents(ctx context.Context) (*agentStage, error) {
	if b.agents != nil {
		return b.agents, nil
	}
	s, err := b.needAllInOne(ctx)
	if err != nil {
		return nil, err
	}
	urls, err := s.makeAgents(ctx)
	if err != nil {
		return nil, err
	}
	list, err := agentResult(ctx, urls[0], listBody)
	if err != nil {
		return nil, err
	}
	b.tools = filepath.Join(b.fleet.Dir, "tools.json")
	b.agents = &agentStage{urls}
	return b.agents, os.WriteFile(b.tools, list, 0o600)
}

// makeAgents makes an MCP server for each of some accounts, and warms them up.
func (s *stage) makeAgents(ctx context.Context) ([]string, error) {
	urls, err := s.MakeMCPServers(ctx, s.accounts[:min(len(s.accounts), 1000)])
	if err != nil {
		return nil, fmt.Errorf("making MCP servers: %w", err)
	}
	// A call, unlike a list, warms the proxy's side of each account too.
	for _, body := range []string{listBody, callBody()} {
		if err := warm(ctx, load.Target{Next: agentCalls(urls, body)}, len(urls)); err != nil {
			return nil, err
		}
	}
	return urls, nil
}

func agentHeader() http.Header {
	return http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Mcp-Protocol-Version": {"2025-06-18"},
		"Accept-Encoding": {"identity"},
	}
}

func agentCalls(urls []string, body string) func() load.Call {
	header := agentHeader()
	calls := make([]load.Call, len(urls))
	for i, url := range urls {
		calls[i] = load.Call{Method: http.MethodPost, URL: url, Header: header, Body: []byte(body)}
	}
	return inTurn(calls)
}

// agentResult makes one call and returns its result.
func agentResult(ctx context.Context, url, body string) (json.RawMessage, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	r.Header = agentHeader()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Result json.RawMessage
		Error  json.RawMessage
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Result) == 0 {
		return nil, fmt.Errorf("status %s: %s", resp.Status, text[:min(len(text), 500)])
	}
	var failed struct{ IsError bool }
	if err := json.Unmarshal(answer.Result, &failed); err == nil && failed.IsError {
		return nil, errors.New(string(answer.Result[:min(len(answer.Result), 500)]))
	}
	return answer.Result, nil
}

// agentRuns measures one request beside the go-sdk, the TypeScript SDK and a server written by hand. Every answer must be as long as such an answer
// is, so that an error which comes as a good answer does not count as one.
func (b *bench) agentRuns(ctx context.Context, title, body string) (runs, error) {
	a, err := b.needAgents(ctx)
	if err != nil {
		return nil, err
	}
	s := b.allInOne
	first, err := agentResult(ctx, a.urls[0], body)
	if err != nil {
		return nil, fmt.Errorf("sando: %w", err)
	}
	least := int64(len(first)) / 2
	subjects := []subject{{"sando", load.Target{Next: agentCalls(a.urls, body), Bytes: least}, s.process("mcp")}}
	for _, name := range []string{"mcpserver", "mcpfloor", "node-mcp"} {
		p, err := b.needPeer(ctx, name)
		if err != nil {
			return nil, err
		}
		if _, err := agentResult(ctx, p.url, body); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		subjects = append(subjects, subject{name, load.Target{Next: agentCalls([]string{p.url}, body), Bytes: least}, []*fleet.Process{p.process}})
	}
	return b.interleave(ctx, title, subjects, b.plan(), b.rounds)
}

func (b *bench) rowB8(ctx context.Context) error {
	r, err := b.agentRuns(ctx, "tools/call, 10 kB", callBody())
	if err != nil {
		return err
	}
	for _, c := range []struct {
		what, below string
		must, goal  float64
	}{
		{"CPU of tools/call / go-sdk's server", "mcpserver", 0.3, 0.22},
		{"CPU of tools/call / a server by hand", "mcpfloor", 1.6, 0},
		{"CPU of tools/call / TypeScript SDK", "node-mcp", 1.0 / 12, 0},
	} {
		b.add(reading{
			Row: "B8", What: c.what, Case: "10 kB", Must: c.must, Goal: c.goal,
			Value: measure.Of(measure.Ratios(r.of("sando", cpu), r.of(c.below, cpu))),
			Note:  "peers make the same upstream call, without token, budget or audit",
		})
	}
	return nil
}

func (b *bench) rowB9(ctx context.Context) error {
	r, err := b.agentRuns(ctx, "tools/list, 26 tools", listBody)
	if err != nil {
		return err
	}
	b.add(reading{
		Row: "B9", What: "CPU of tools/list / go-sdk's server", Case: "26 tools", Must: 0.06, Goal: 0.04,
		Value: measure.Of(measure.Ratios(r.of("sando", cpu), r.of("mcpserver", cpu))),
	})
	return nil
}
