package call

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

// discover answers the discovery tools that need nobody else.
func discover(w *work) ([]byte, error) {
	values, err := w.tool.Read(w.Arguments, false)
	if err != nil {
		return nil, err
	}
	w.arguments = values
	if w.tool.Name == tool.SearchTools {
		return found(w.Set, values.Text(tool.ArgumentQuery), w.MaxBytes)
	}
	answer, err := schemas(w.Set, values.Text(tool.ArgumentName))
	if err == nil && sent(answer) > w.MaxBytes {
		return nil, rpcerr.Newf(rpcerr.ResultTooLarge, "the schemas of this tool take %d bytes; this server allows %d", sent(answer), w.MaxBytes).
			WithFix("Raise max_result_bytes of the MCP server, or call the tool: what it refuses says which arguments it has.")
	}
	return answer, err
}

// hit is a tool that a search found.
type hit struct {
	Name        string           `json:"name"`
	Title       string           `json:"title"`
	Description string           `json:"description"`
	Annotations tool.Annotations `json:"annotations"`
	score       int
}

// found ranks tools by how many words of the query their name, title, tags and description hold. Without a query all are found. Those that the bound
// has no room for are left out, the least fitting first.
func found(set *tool.Set, query string, bound int) ([]byte, error) {
	words := strings.Fields(strings.ToLower(query))
	hits := []hit{}
	for _, l := range set.Selection() {
		score := rank(l, words)
		if score == 0 && len(words) > 0 {
			continue
		}
		hits = append(hits, hit{l.Name, l.Title, l.Description, l.Annotations, score})
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return b.score - a.score })
	data, err := json.Marshal(map[string]any{"tools": hits})
	if answer := envelope(data); err != nil || sent(answer) <= bound {
		return answer, err
	}
	list, err := json.Marshal(hits)
	if err != nil {
		return nil, err
	}
	rows := rowsWithin(list, bound-frame-noteRoom)
	if rows == 0 {
		return nil, rpcerr.Newf(rpcerr.ResultTooLarge, "the tools that were found take more than the %d bytes that this server allows", bound).
			WithFix("Raise max_result_bytes of the MCP server.")
	}
	if data, err = json.Marshal(map[string]any{"tools": hits[:rows]}); err != nil {
		return nil, err
	}
	note := fmt.Sprintf("These are the best %d of %d tools that were found, to stay below %d bytes: narrow the query.", rows, len(hits), bound)
	return noted(envelope(data), note)
}

func rank(l tool.Listing, words []string) int {
	score := 0
	name := strings.ToLower(l.Name + " " + l.Title + " " + strings.Join(l.Tags, " "))
	text := strings.ToLower(l.Description)
	for _, w := range words {
		stem := strings.TrimSuffix(w, "s")
		switch {
		case strings.Contains(name, stem):
			score += 3
		case strings.Contains(text, stem):
			score++
		}
	}
	return score
}

func schemas(set *tool.Set, name string) ([]byte, error) {
	for _, l := range set.Selection() {
		if l.Name == name {
			data, err := json.Marshal(struct {
				Name   string          `json:"name"`
				Input  json.RawMessage `json:"input_schema"`
				Output json.RawMessage `json:"output_schema"`
			}{l.Name, l.Input, l.Output})
			return envelope(data), err
		}
	}
	return nil, rpcerr.Newf(access.CodeUnknownTool, "this server has no tool %q", name).
		WithFix("Find the tools with " + tool.SearchTools + ".")
}
