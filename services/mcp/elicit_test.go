package mcp_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sando-dev/sando/services/mcp"
	"github.com/sando-dev/sando/services/mcp/internal/mcptest"
)

// asker opens a session of a client that can ask its user, who says what says.
func asker(t *testing.T, url, version string, h *http.Client, says func(question string) (string, error)) *sdk.ClientSession {
	t.Helper()
	client := sdk.NewClient(&sdk.Implementation{Name: "asker", Version: "1"}, &sdk.ClientOptions{
		ElicitationHandler: func(_ context.Context, r *sdk.ElicitRequest) (*sdk.ElicitResult, error) {
			action, err := says(r.Params.Message)
			return &sdk.ElicitResult{Action: action, Content: map[string]any{}}, err
		},
	})
	session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: url, DisableStandaloneSSE: true, HTTPClient: h},
		&sdk.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

// askedVersions are the revisions whose clients are asked on the stream of the call.
var askedVersions = []string{"2025-06-18", "2025-11-25"}

// Clients of the revisions with sessions are asked too, and what their user says decides, whichever replica is told.
func TestElicitationOnTheStream(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, `{"confirm_destructive":true}`)
	replica, _ := s.Replica(t)
	hosts := []string{hostOf(t, s.URL), hostOf(t, replica)}
	clients := map[string]func() *http.Client{
		"one replica":  func() *http.Client { return nil },
		"two replicas": func() *http.Client { return &http.Client{Transport: &roundRobin{hosts: hosts}} },
	}
	for _, version := range askedVersions {
		for name, client := range clients {
			t.Run(version+"/"+name, func(t *testing.T) {
				asked, action := "", ""
				session := asker(t, server.URL, version, client(), func(question string) (string, error) {
					asked = question
					return action, nil
				})
				relayed := s.Auth.Relayed()
				for _, action = range []string{"accept", "decline", "cancel", "accept"} {
					before := len(s.Proxy.Calls())
					result := callTool(t, session, deleteContract, map[string]any{"id": 5})
					done, want := len(s.Proxy.Calls()) > before, action == "accept"
					if done != want || result.IsError == want || !strings.Contains(asked, "torii.contracts.delete 5") {
						t.Errorf("%s: asked %q, done %v: %s", action, asked, done, textOf(t, result))
					}
					if want && s.Proxy.Last().Key == "" {
						t.Error("no idempotency key")
					}
					asked = ""
				}
				if by := s.Auth.Relayed() - relayed; (by > 0) != (name == "two replicas") {
					t.Errorf("%d answers went by way of auth", by)
				}
			})
		}
	}
	for _, e := range s.Auth.Entries() {
		if e.GetClient() != "asker/1" {
			t.Errorf("the record names %q", e.GetClient())
		}
	}
}

func hostOf(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// A call whose user does not answer in time, or cannot be asked after all, is answered with a token to repeat it with, and nothing is done.
func TestElicitationFallsBack(t *testing.T) {
	s := mcptest.Start(t, func(c *mcp.Config) { c.AskTimeout = 50 * time.Millisecond })
	server := s.Create(t, `{"confirm_destructive":true}`)
	for _, name := range []string{"too late", "cannot ask"} {
		t.Run(name, func(t *testing.T) {
			session := asker(t, server.URL, "2025-11-25", nil, func(string) (string, error) {
				if name == "cannot ask" {
					return "", errors.New("no window")
				}
				<-t.Context().Done()
				return "accept", nil
			})
			token := confirmToken(t, session, `{"id":5}`)
			if n := len(s.Proxy.Calls()); n > 0 {
				t.Errorf("%d calls reached proxy without consent", n)
			}
			if token == "" {
				t.Error("no token")
			}
		})
	}
}

// A replica that stops does not make a call wait for its user.
func TestElicitationEndsWithTheReplica(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, `{"confirm_destructive":true}`)
	replica, stop := s.Replica(t)
	asked := make(chan struct{})
	session := asker(t, strings.Replace(server.URL, s.URL, replica, 1), "2025-11-25", nil, func(string) (string, error) {
		close(asked)
		<-t.Context().Done()
		return "accept", nil
	})
	stopped := make(chan struct{})
	go func() {
		<-asked
		stop()
		close(stopped)
	}()
	if token := confirmToken(t, session, `{"id":5}`); token == "" {
		t.Error("no token")
	}
	<-stopped
}

const (
	initializeBody = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",` +
		`"capabilities":{"elicitation":{}},"clientInfo":{"name":"bare","version":"2"}}}`
	destroyBody = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"` + deleteContract + `","arguments":{"id":5}}}`
)

// A session is sealed, good for one server, and no authority: whoever brings none, or one that cannot be read, gets a token. Who cannot read
// a stream is not asked on one.
func TestSessions(t *testing.T) {
	s := mcptest.Start(t, func(c *mcp.Config) { c.AskTimeout = 10 * time.Millisecond })
	server, other := s.Create(t, `{"confirm_destructive":true}`), s.Create(t, `{"confirm_destructive":true}`)
	begin := func(url string) string {
		got := send(t, "POST", url, initializeBody)
		id := got.header.Get("Mcp-Session-Id")
		if got.status != 200 || id == "" || strings.Contains(id, "bare") {
			t.Fatalf("%d, session %q: %s", got.status, id, got.raw)
		}
		return id
	}
	own, foreign := begin(server.URL), begin(other.URL)
	const both = "application/json, text/event-stream"
	for _, test := range []struct {
		name, session, version, accept string
		asks                           bool
	}{
		{"its own", own, "2025-06-18", both, true},
		{"none", "", "2025-06-18", both, false},
		{"another server's", foreign, "2025-06-18", both, false},
		{"an altered one", own[:len(own)-4] + "AAAA", "2025-06-18", both, false},
		{"another revision's", own, "2025-03-26", both, false},
		{"no stream accepted", own, "2025-06-18", "application/json", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			headers := []string{"Mcp-Protocol-Version", test.version, "Accept", test.accept}
			if test.session != "" {
				headers = append(headers, "Mcp-Session-Id", test.session)
			}
			got := send(t, "POST", server.URL, destroyBody, headers...)
			kind := got.header.Get("Content-Type")
			if got.status != 200 || !strings.Contains(got.raw, "CONFIRMATION_REQUIRED") || test.asks != strings.Contains(got.raw, "elicitation/create") ||
				test.asks != (kind == "text/event-stream") {
				t.Errorf("%d %s: %s", got.status, kind, got.raw)
			}
		})
	}
	if got := send(t, "POST", server.URL, strings.ReplaceAll(initializeBody, "2025-06-18", "2024-11-05")); got.header.Get("Mcp-Session-Id") != "" {
		t.Error("the first revision knows no sessions")
	}
	if n := len(s.Proxy.Calls()); n > 0 {
		t.Errorf("%d calls reached proxy without consent", n)
	}
}

// Only the principal that was asked can answer, and only once a call waits.
func TestAnswersOfOthers(t *testing.T) {
	s := mcptest.Start(t, func(c *mcp.Config) { c.AskTimeout = 10 * time.Millisecond })
	server, other := s.Create(t, `{"confirm_destructive":true}`), s.Create(t, "")
	id := send(t, "POST", server.URL, initializeBody).header.Get("Mcp-Session-Id")
	got := send(t, "POST", server.URL, destroyBody, "Mcp-Protocol-Version", "2025-06-18", "Accept", "application/json, text/event-stream", "Mcp-Session-Id", id)
	_, rest, _ := strings.Cut(got.raw, `"id":"`)
	question, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatal(got.raw)
	}
	answer := `{"jsonrpc":"2.0","id":"` + question + `","result":{"action":"accept"}}`
	relayed := s.Auth.Relayed()
	send(t, "POST", other.URL, answer)
	if s.Auth.Relayed() != relayed {
		t.Error("another principal's answer was handed on")
	}
	if got := send(t, "POST", server.URL, answer); got.status != 202 || s.Auth.Relayed() != relayed+1 {
		t.Errorf("a late answer: %d %s", got.status, got.raw)
	}
	if n := len(s.Proxy.Calls()); n > 0 {
		t.Errorf("%d calls reached proxy without consent", n)
	}
}
