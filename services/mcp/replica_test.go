package mcp_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sando-dev/sando/services/mcp/internal/mcptest"
)

func (b withBearer) client() *http.Client { return &http.Client{Transport: b} }

// RoundTrip implements http.RoundTripper.
func (b withBearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(r)
}

// roundRobin sends requests to hosts in turn, and leaves out the first once it is gone.
type roundRobin struct {
	hosts []string
	next  atomic.Int64
	gone  atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (b *roundRobin) RoundTrip(r *http.Request) (*http.Response, error) {
	n := int(b.next.Add(1)) % len(b.hosts)
	if b.gone.Load() {
		n = 1
	}
	r = r.Clone(r.Context())
	r.URL.Host = b.hosts[n]
	return http.DefaultTransport.RoundTrip(r)
}

// Two replicas take the requests of one session in turn; one goes away in the middle, and no call is lost. What one asked, the other takes the
// answer to.
func TestReplicas(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, `{"confirm_destructive":true}`)
	first, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	replica, stop := s.Replica(t)
	second, err := url.Parse(replica)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range revisions {
		balancer := &roundRobin{hosts: []string{second.Host, first.Host}}
		balancer.gone.Store(version == revisions[len(revisions)-1])
		client := sdk.NewClient(&sdk.Implementation{Name: "agent", Version: "1"}, nil)
		session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{
			Endpoint: server.URL, DisableStandaloneSSE: true, HTTPClient: &http.Client{Transport: balancer},
		}, &sdk.ClientSessionOptions{ProtocolVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 20 {
			if n == 10 && version == revisions[len(revisions)-2] {
				stop()
				balancer.gone.Store(true)
			}
			if r := callTool(t, session, "list_all_torii_users", map[string]any{"limit": 1}); r.IsError {
				t.Fatalf("%s, call %d: %s", version, n, textOf(t, r))
			}
		}
		token := confirmToken(t, session, `{"id":5}`)
		if r := callTool(t, session, deleteContract, json.RawMessage(`{"id":5,"confirm_token":"`+token+`"}`)); r.IsError {
			t.Errorf("%s: %s", version, textOf(t, r))
		}
		session.Close()
	}
	if strings.Contains(s.Log.String(), server.Token) {
		t.Error("the token is in the log")
	}
}
