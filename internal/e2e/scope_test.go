package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/mtls"
)

// What an MCP server may not do is refused where the agent asks for it, and by the proxy to whoever got hold of the server's own grant; both stand in
// the log. And a user who is asked before something is destroyed may answer to any replica.
func TestAgentsOfASplitDeployment(t *testing.T) {
	sp, s := startSplitServices(t)
	t.Run("read-only", func(t *testing.T) { refuseWrites(t, sp, s) })
	t.Run("elicitation over two replicas", func(t *testing.T) { askOverReplicas(t, sp, s) })
}

// newServer makes an MCP server over the API.
func newServer(t *testing.T, s stack, config string) (id, token, url string) {
	t.Helper()
	var made struct{ ID, Token, URL string }
	code, text := restOver{client: http.DefaultClient, base: s.baseURL}.do(t, "POST", "/integrated-account/"+s.account+"/mcp", s.apiToken, nil,
		[]byte(`{"name":"test","config":`+config+`}`))
	if err := json.Unmarshal(text, &made); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s %v", code, text, err)
	}
	return made.ID, made.Token, made.URL
}

func refuseWrites(t *testing.T, sp *split, s stack) {
	id, token, endpoint := newServer(t, s, `{"methods":["read"]}`)
	reader := s
	reader.mcpURL = endpoint
	session := connectAgent(t, reader, "2025-11-25")
	shown, writes := listTools(t, session), map[string]string{
		"create_a_torii_contract":               "torii.contracts.create",
		"update_a_torii_contract_by_id":         "torii.contracts.update",
		"delete_a_torii_contract_by_id":         "torii.contracts.delete",
		"create_a_torii_app":                    "torii.apps.create",
		"update_a_torii_app_by_id":              "torii.apps.update",
		"update_a_torii_user_by_id":             "torii.users.update",
		"update_a_torii_user_application_by_id": "torii.user_applications.update",
		"create_a_torii_file":                   "torii.files.create",
		"torii_files_upload":                    "torii.files.upload",
	}
	for tool, operation := range writes {
		if shown[tool] != nil {
			t.Errorf("%s is shown", tool)
		}
		_, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: map[string]any{"id": 1}})
		if refusal, ok := errors.AsType[*jsonrpc.Error](err); !ok || !strings.Contains(string(refusal.Data), "OPERATION_NOT_GRANTED") {
			t.Errorf("%s: %v", tool, err)
		}
		logged(t, s, "log_type=mcp&mcp_server_id="+id+"&tool_name="+tool, operation)
	}
	// The grant never leaves the services. Here somebody has taken mcp's certificate and asks auth for it.
	grant := introspect(t, sp, token)
	rest := restOver{client: http.DefaultClient, base: s.baseURL}
	if code, text := rest.do(t, "GET", "/proxy/users?limit=1", grant, nil, nil); code != http.StatusOK {
		t.Fatalf("the grant does not read: %d %s", code, text)
	}
	for _, c := range []struct{ method, path, body, operation string }{
		{"POST", "/proxy/contracts", `{"name":"x"}`, "torii.contracts.create"},
		{"PATCH", "/proxy/contracts/1", `{"name":"x"}`, "torii.contracts.update"},
		{"DELETE", "/proxy/contracts/1", ``, "torii.contracts.delete"},
		{"PATCH", "/proxy/users/1001", `{"lifecycleStatus":"offboarding"}`, "torii.users.update"},
	} {
		code, text := rest.do(t, c.method, c.path, grant, nil, []byte(c.body))
		if got, _ := lookup(decode(t, text), "code"); code != http.StatusForbidden || got != "OPERATION_NOT_GRANTED" {
			t.Errorf("%s %s: %d %s", c.method, c.path, code, text)
		}
		logged(t, s, "log_type=unified_proxy_api&mcp_server_id="+id+"&status=403", c.operation)
	}
	if code, text := rest.do(t, "DELETE", "/custom/contracts/1", grant, nil, nil); code != http.StatusForbidden {
		t.Errorf("the raw path: %d %s", code, text)
	}
}

// logged looks for the refusal of an operation in the log.
func logged(t *testing.T, s stack, filter, operation string) {
	t.Helper()
	code, text := restOver{client: http.DefaultClient, base: s.baseURL}.do(t, "GET", "/log?limit=100&"+filter, s.apiToken, nil, nil)
	var page struct {
		Result []struct {
			Action, Code string
			Status       int
		}
	}
	if err := json.Unmarshal(text, &page); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s %v", code, text, err)
	}
	for _, e := range page.Result {
		if e.Action == operation && e.Status == http.StatusForbidden && e.Code == "OPERATION_NOT_GRANTED" {
			return
		}
	}
	t.Errorf("the refusal of %s is not in the log of %s: %s", operation, filter, text)
}

// introspect asks auth's internal mount for the grant of a token, as mcp does.
func introspect(t *testing.T, sp *split, token string) string {
	t.Helper()
	config, err := mtls.Client(sp.ca.Files("mcp"), "auth")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	defer client.CloseIdleConnections()
	body, err := json.Marshal(map[string]string{"token": token})
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Post("https://"+sp.internal["auth"]+"/sando.internal.auth.v1.IntrospectionService/Introspect", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Grant string }
	if err := json.Unmarshal(text, &answer); err != nil || answer.Grant == "" {
		t.Fatalf("%s %s %v", res.Status, text, err)
	}
	return answer.Grant
}

// alternate sends requests to hosts in turn.
type alternate struct {
	hosts []string
	next  atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (a *alternate) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Host = a.hosts[int(a.next.Add(1))%len(a.hosts)]
	return http.DefaultTransport.RoundTrip(r)
}

func askOverReplicas(t *testing.T, sp *split, s stack) {
	replica := sp.second(t, "mcp", s.emulatorURL)
	_, _, endpoint := newServer(t, s, `{"confirm_destructive":true}`)
	at, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	at.Host = sp.public["mcp"]
	for _, version := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			says, asked := "", 0
			client := mcp.NewClient(&mcp.Implementation{Name: "asker", Version: "1"}, &mcp.ClientOptions{
				ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
					asked++
					return &mcp.ElicitResult{Action: says, Content: map[string]any{}}, nil
				},
			})
			session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
				Endpoint: at.String(), DisableStandaloneSSE: true,
				HTTPClient: &http.Client{Transport: &alternate{hosts: []string{sp.public["mcp"], replica}}},
			}, &mcp.ClientSessionOptions{ProtocolVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { session.Close() })
			a := &agent{session: session, called: make(map[string]bool)}
			app := must(t, a.call(t, "list_all_torii_apps", map[string]any{"limit": 1}), "result.0.id")
			for _, says = range []string{"decline", "accept"} {
				contract := must(t, a.call(t, "create_a_torii_contract", map[string]any{"name": "Yearly", "idApp": app, "status": "active"}), "result.id")
				result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "delete_a_torii_contract_by_id", Arguments: map[string]any{"id": contract}})
				if err != nil {
					t.Fatal(err)
				}
				left, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "get_single_torii_contract_by_id", Arguments: map[string]any{"id": contract}})
				if err != nil {
					t.Fatal(err)
				}
				if agreed := says == "accept"; result.IsError == agreed || left.IsError != agreed {
					t.Errorf("%s: %s; afterwards: %s", says, textOf(result), textOf(left))
				}
			}
			if asked != 2 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

// second starts another replica of a service and answers its public address.
func (sp *split) second(t *testing.T, name, toriiURL string) string {
	t.Helper()
	public, internal := kittest.FreeAddr(t), kittest.FreeAddr(t)
	text := strings.NewReplacer("listen: "+sp.public[name]+"}", "listen: "+public+"}", "listen: "+sp.internal[name]+"}", "listen: "+internal+"}").
		Replace(sp.config(t, name, toriiURL))
	config := filepath.Join(sp.dir, name+"-second.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, name+"d", "--config", config)
	p.waitFor(t, name, func() bool { return answers("http://" + public + "/readyz") })
	return public
}
