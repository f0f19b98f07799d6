package servers

import (
	"context"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	mcpv1 "github.com/sando-dev/sando/gen/sando/mcp/v1"
)

// withToken is a record with its token and URL, which are shown this once.
func (s *Service) withToken(ctx context.Context, r *internalauthv1.McpServer, token string) (*mcpv1.McpServer, error) {
	server, err := shown(r)
	if err != nil {
		return nil, err
	}
	server.Token = &token
	server.Url = new(s.base(ctx) + "/mcp/" + token)
	return server, nil
}

// base is where the caller reaches this service.
func (s *Service) base(ctx context.Context) string {
	if s.baseURL != "" {
		return strings.TrimSuffix(s.baseURL, "/")
	}
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return ""
	}
	header := info.RequestHeader()
	scheme, host := header.Get("X-Forwarded-Proto"), header.Get("X-Forwarded-Host")
	if http, ok := connecthttp.ServerInfoForContext(ctx); ok {
		if u := http.RequestURL(); host == "" {
			host = u.Host
		}
		if scheme == "" && http.TLS() != nil {
			scheme = "https"
		}
	}
	if host == "" {
		host = header.Get("Host")
	}
	if host == "" {
		return ""
	}
	if scheme != "https" {
		scheme = "http"
	}
	return scheme + "://" + host
}
