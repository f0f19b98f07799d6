package servers

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/sando-dev/sando/access"
	mcpv1 "github.com/sando-dev/sando/gen/sando/mcp/v1"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/services/mcp/internal/scope"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

// ListTools implements mcpv1connect.ToolServiceHandler.
func (s *Service) ListTools(ctx context.Context, req *mcpv1.ListToolsRequest) (*mcpv1.ListToolsResponse, error) {
	if err := mayAccount(ctx, req.GetIntegratedAccountId()); err != nil {
		return nil, err
	}
	if err := s.accountExists(ctx, req.GetIntegratedAccountId()); err != nil {
		return nil, err
	}
	selected, err := scope.Select(scope.Config{Methods: split(req.GetMethods()), Tags: split(req.GetTags())}, s.tools)
	if err != nil {
		return nil, err
	}
	set, err := tool.NewSet(selected, tool.Options{Style: tool.Full})
	if err != nil {
		return nil, err
	}
	out := &mcpv1.ListToolsResponse{}
	for _, l := range set.List() {
		hints, err := json.Marshal(l.Annotations)
		if err != nil {
			return nil, err
		}
		out.Result = append(out.Result, &mcpv1.Tool{
			Name: l.Name, Title: l.Title, Description: l.Description, Resource: l.Resource, Method: l.Method, Tags: l.Tags,
			InputSchema:  &rpcv1.RawJson{Json: l.Input},
			OutputSchema: &rpcv1.RawJson{Json: l.Output},
			Annotations:  &rpcv1.RawJson{Json: hints},
		})
	}
	out.Limit = int32(len(out.Result))
	return out, nil
}

// accountExists asks auth, which alone knows the accounts of an environment. A grant that names the account needs no question.
func (s *Service) accountExists(ctx context.Context, account string) error {
	if caller, ok := access.FromContext(ctx); ok && caller.Grant.Accounts != nil {
		return nil
	}
	_, err := s.ListMcpServers(ctx, &mcpv1.ListMcpServersRequest{IntegratedAccountId: account, Limit: new(int32(1))})
	return err
}

// split takes lists with commas apart; nothing given stays nothing.
func split(given []string) []string {
	var out []string
	for _, g := range given {
		for part := range strings.SplitSeq(g, ",") {
			out = append(out, strings.TrimSpace(part))
		}
	}
	return out
}
