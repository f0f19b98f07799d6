package endpoint

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/mcp/internal/call"
	"github.com/sando-dev/sando/services/mcp/internal/scope"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

// known answers every bearer with one server of its configuration.
type known struct{ caller *access.Caller }

func (k known) Authenticate(context.Context, string, string) (*access.Caller, error) {
	return k.caller, nil
}
func (k known) AllowRead() error  { return nil }
func (k known) AllowWrite() error { return nil }

// backend answers with a fixed size, and fails for the record 404.
type backend struct{ answer []byte }

func (b backend) Call(_ context.Context, in call.Input) ([]byte, error) {
	if in.Arguments.ID() == "404" {
		e := rpcerr.New(access.CodeUpstreamNotFound, "nothing <here> & \"there\"")
		e.Origin, e.Status = "torii", http.StatusNotFound
		return nil, e
	}
	return b.answer, nil
}

type recorder struct{}

func (recorder) Record(context.Context, ...*authv1.LogEntry) error { return nil }

type unseen struct{}

func (unseen) Used(*internalauthv1.McpServer, string)  {}
func (unseen) Client(*internalauthv1.McpServer) string { return "" }

// answerOf is an answer of about n bytes, with everything that is hard to write.
func answerOf(n int) []byte {
	row := `{"id":9007199254740993,"name":"Zoë \"Z\" <b>&amp;\u2028 \\ \n","email":"z@example.com","n":1.50},`
	return []byte(`{"result":[` + strings.Repeat(row, max(1, n/len(row))) + `{"id":2}],"next_cursor":null}`)
}

// newHandler makes an endpoint for one server, with or without the way around the SDK.
func newHandler(t testing.TB, config string, sdkOnly bool, answer []byte) http.Handler {
	t.Helper()
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	tools, err := tool.FromCatalog(data, "torii")
	if err != nil {
		t.Fatal(err)
	}
	errs, err := access.ErrorTable()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := sealed.ParseRing([]sealed.Key{sealed.Generate()})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := scope.Parse([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	selected, err := scope.Select(parsed, tools)
	if err != nil {
		t.Fatal(err)
	}
	caller := known{&access.Caller{
		Grant: &grant.Grant{
			TokenID: "t", Kind: access.KindMCP, EnvironmentID: "e", Accounts: []string{"a"}, Read: true, Write: true, MCPServerID: "s",
			Operations: scope.ReachOf(selected).Operations,
		},
		MCP: &internalauthv1.McpServer{Id: "s", Config: []byte(config), UpdatedAt: timestamppb.Now()},
	}}
	e, err := New(Options{
		Log: slog.New(slog.DiscardHandler), Telemetry: telemetry.Off(), Errors: errs, Authenticator: caller, Watch: caller, Tools: tools,
		Pipeline: call.New(call.Options{
			Errors: errs, Backends: map[tool.Backend]call.Backend{tool.Proxy: backend{answer}},
			Recorder: recorder{}, Gate: call.NewGate(ring, time.Now), Known: tools, Timeout: time.Minute, Now: time.Now,
		}),
		Seen: unseen{}, Ring: ring, AskTimeout: time.Minute, PageSize: 50, Version: "1",
	})
	if err != nil {
		t.Fatal(err)
	}
	e.sdkOnly = sdkOnly
	h, err := e.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}
