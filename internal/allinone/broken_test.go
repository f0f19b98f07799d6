package allinone

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/sando-dev/sando/emulator"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/auth"
)

// stalls is how long the product of these tests waits for a byte.
const stalls = 400 * time.Millisecond

// patience is how long a test waits for an end that comes after stalls; a busy machine is slow.
const patience = 20 * time.Second

// stack is the product with an account at a stand-in.
type stack struct {
	log        *kittest.Log
	addr       string
	token, mcp string
	account    string
	page       string // path of a link page
}

func startStack(t *testing.T, change func(*Config)) *stack {
	t.Helper()
	torii := httptest.NewServer(emulator.New(emulator.Options{NoRateLimits: true}))
	t.Cleanup(torii.Close)
	cfg := configure(t)
	cfg.Edge.Stall = stalls
	cfg.Proxy.BaseURLs = map[string]string{"torii": torii.URL + emulator.BasePath}
	if change != nil {
		change(&cfg)
	}
	s := &stack{log: kittest.Logger(t)}
	product, err := New(t.Context(), cfg, s.log.Logger, telemetry.Off())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx, s.log.Logger, 5*time.Second, product.Parts()...) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	s.addr = product.Addr()
	waitReady(t, "http://"+s.addr+"/readyz")
	operator := product.Auth.Operator()
	environment, err := operator.CreateEnvironment(t.Context(), "tests")
	if err != nil {
		t.Fatal(err)
	}
	if _, s.token, err = operator.CreateToken(t.Context(), auth.TokenSpec{EnvironmentID: environment, Name: "tests"}); err != nil {
		t.Fatal(err)
	}
	var made struct{ ID, Token string }
	s.post(t, "/integrated-account", map[string]any{
		"tenant_id": "acme", "integration": "torii", "context": map[string]string{"api_key": emulator.DefaultKey},
	}, &made)
	s.account = made.ID
	s.post(t, "/integrated-account/"+made.ID+"/mcp", map[string]any{"name": "tests"}, &made)
	s.mcp = made.Token
	s.page = s.linkPage(t)
	return s
}

// linkPage opens a link and gives the path of its form.
func (s *stack) linkPage(t *testing.T) string {
	t.Helper()
	var made struct {
		Token string `json:"link_token"`
	}
	s.post(t, "/link-token", map[string]string{"tenant_id": "beta"}, &made)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get("http://" + s.addr + "/connect?link_token=" + made.Token)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := res.Location()
	if err != nil {
		t.Fatal(err)
	}
	return page.Path
}

func (s *stack) post(t *testing.T, path string, body, answer any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.addr+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %s", path, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(answer); err != nil {
		t.Fatal(err)
	}
}

// target is a way into the product.
type target struct{ name, method, path, contentType string }

func (s *stack) targets() []target {
	const get = "/sando.proxy.v1.ProxyService/Get"
	query := "?integrated_account_id=" + s.account
	return []target{
		{"connect json", "POST", get, "application/json"},
		{"connect proto", "POST", get, "application/proto"},
		{"grpc-web", "POST", get, "application/grpc-web+proto"},
		{"connect stream", "POST", "/sando.proxy.v1.ProxyService/ListAll", "application/connect+proto"},
		{"connect upload", "POST", "/sando.proxy.v1.ProxyService/Upload", "application/connect+proto"},
		{"management", "POST", "/integrated-account", "application/json"},
		{"without a body", "DELETE", "/integrated-account/" + s.account, "application/json"},
		{"proxy", "POST", "/proxy/contracts" + query, "application/json"},
		{"custom", "POST", "/custom/contracts" + query, "application/json"},
		{"custom get", "GET", "/custom/contracts" + query, "application/json"},
		{"list", "GET", "/proxy/users" + query, ""},
		{"form", "POST", "/proxy/files/upload" + query, "multipart/form-data; boundary=b"},
		{"unified", "GET", "/unified/user-directory/users" + query, ""},
		{"unified write", "PATCH", "/unified/user-directory/users/1" + query, "application/json"},
		{"link page", "POST", s.page, "application/x-www-form-urlencoded"},
		{"mcp", "POST", "/mcp", "application/json"},
		{"mcp in the path", "POST", "/mcp/" + s.mcp, "application/json"},
		{"health", "GET", "/healthz", ""},
	}
}

// breaks are bodies that break off, each with its headers.
func breaks() map[string]string {
	return map[string]string{
		"half-closed":       "Content-Length: 500\r\n\r\n{",
		"bad chunk":         "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"chunk cut":         "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a",
		"no last chunk":     "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
		"bad end of chunks": "Transfer-Encoding: chunked\r\n\r\n1\r\n{XX0\r\n\r\n",
	}
}

// exchange sends raw bytes, half-closes where asked, and gives what came until the connection ended or one answer was whole.
func (s *stack) exchange(t *testing.T, text string, halfClose bool) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	if halfClose {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Error("no answer and no end")
		}
		return nil, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Error("the answer has no end")
	}
	return res, string(body)
}

func (to target) head(token, id string) string {
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nX-Request-Id: %s\r\n", to.method, to.path, id)
	if to.contentType != "" {
		head += "Content-Type: " + to.contentType + "\r\n"
	}
	if token != "" {
		head += "Authorization: Bearer " + token + "\r\n"
	}
	return head
}

// succeeded says whether an answer is a success in its protocol.
func succeeded(res *http.Response, body string) bool {
	switch kind := res.Header.Get("Content-Type"); {
	case res.StatusCode != http.StatusOK:
		return res.StatusCode < 400
	case strings.HasPrefix(kind, "application/grpc-web"):
		status := res.Header.Get("Grpc-Status")
		return status == "0" || status == "" && !strings.Contains(strings.ToLower(body), "grpc-status:") || strings.Contains(strings.ToLower(body), "grpc-status: 0")
	case strings.HasPrefix(kind, "application/connect"):
		return !strings.Contains(body, `"error"`)
	default:
		return true
	}
}

// A request that breaks off is an error of its protocol, with a line in the log, on every way in and with any token.
func TestS4BrokenOff(t *testing.T) {
	s := startStack(t, nil)
	n := 0
	for _, to := range s.targets() {
		for how, rest := range breaks() {
			for _, token := range []string{"", s.tokenFor(to)} {
				n++
				id := fmt.Sprintf("s4-%d", n)
				t.Run(fmt.Sprintf("%s, %s, token %v", to.name, how, token != ""), func(t *testing.T) {
					res, body := s.exchange(t, to.head(token, id)+rest, true)
					if res != nil && (succeeded(res, body) || res.StatusCode >= 500) {
						t.Errorf("answered %s %v %q", res.Status, res.Header, body)
					}
					s.logged(t, id)
				})
			}
		}
	}
}

func (s *stack) tokenFor(to target) string {
	if to.path == "/mcp" {
		return s.mcp
	}
	return s.token
}

// logged waits for the line of a request, which must not blame the product.
func (s *stack) logged(t *testing.T, id string) {
	t.Helper()
	var lines []string
	eventually(t, "a line in the log", func() bool {
		lines = s.log.Lines(`"request_id":"` + id + `"`)
		return len(lines) > 0
	})
	for _, line := range lines {
		if strings.Contains(line, `"level":"ERROR"`) {
			t.Errorf("the product takes the blame: %s", line)
		}
	}
}

// A body that never comes is not waited for without a token, and no longer than the stall limit with one.
func TestS5NeverArrives(t *testing.T) {
	s := startStack(t, nil)
	for _, to := range s.targets() {
		for _, token := range []string{"", s.tokenFor(to)} {
			t.Run(fmt.Sprintf("%s, token %v", to.name, token != ""), func(t *testing.T) {
				res, body := s.exchange(t, to.head(token, "s5")+"Content-Length: 100000\r\n\r\n{", false)
				switch {
				case res != nil && succeeded(res, body):
					t.Errorf("answered %s %q", res.Status, body)
				case res != nil && !res.Close:
					t.Error("the connection goes on with half a request on it")
				}
			})
		}
	}
}

// Many connections whose bodies never come leave nothing.
func TestS5Crowd(t *testing.T) {
	s := startStack(t, nil)
	before := runtime.NumGoroutine()
	var conns []net.Conn
	for range 200 {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
		_, _ = io.WriteString(conn, "POST /integrated-account HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{")
	}
	for _, conn := range conns {
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the goroutines end", func() bool { return runtime.NumGoroutine() < before+20 })
}

// What has one value is refused when it comes twice.
func TestS11Twice(t *testing.T) {
	s := startStack(t, nil)
	for _, to := range s.targets() {
		for _, header := range []string{"Authorization", "Idempotency-Key", "Sando-Max-Wait", "Sando-Raw", "Content-Type", "Sando-Api-Token", "Mcp-Session-Id", "Grpc-Timeout"} {
			t.Run(to.name+", "+header, func(t *testing.T) {
				twice := fmt.Sprintf("%s: a\r\n%s: b\r\n", header, header)
				res, body := s.exchange(t, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", to.method, to.path, twice), true)
				if res == nil || succeeded(res, body) || !strings.Contains(body, header) {
					t.Errorf("answered %v %q", res, body)
				}
			})
		}
	}
	for _, to := range s.targets() {
		for _, twice := range []string{
			"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		} {
			res, body := s.exchange(t, to.head(s.tokenFor(to), "s11")+twice, false)
			if res == nil || succeeded(res, body) || !res.Close || !strings.Contains(body+res.Header.Get("Grpc-Message"), "Content-Length") {
				t.Errorf("%s, %q: answered %v %q", to.name, twice, res, body)
			}
		}
	}
	query := "?integrated_account_id=" + s.account
	for name, row := range map[string]struct {
		to         target
		body, says string
	}{
		"management member": {target{"", "POST", "/integrated-account", "application/json"}, `{"tenant_id":"a","tenant_id":"b"}`, "tenant_id"},
		"id":                {target{"", "POST", "/mcp", "application/json"}, `{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`, "/id"},
		"method":            {target{"", "POST", "/mcp", "application/json"}, `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}`, "/method"},
		"batch":             {target{"", "POST", "/mcp", "application/json"}, `[{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}]`, "/id"},
		"argument":          {target{"", "POST", "/mcp", "application/json"}, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":1,"a":2}}}`, "/params/arguments/a"},
		"custom get":        {target{"", "GET", "/custom/users" + query, ""}, `{}`, "body"},
		"list":              {target{"", "GET", "/proxy/users" + query, ""}, `x`, "body"},
		"limit":             {target{"", "GET", "/proxy/users" + query + "&limit=1&limit=2", ""}, "", "limit"},
		"limit of a list":   {target{"", "GET", "/integrated-account?limit=1&limit=2", ""}, "", "limit"},
		"delete with body":  {target{"", "DELETE", "/integrated-account/" + s.account, "application/json"}, `{"a":1}`, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			length := ""
			if row.body != "" {
				length = fmt.Sprintf("Content-Length: %d\r\n", len(row.body))
			}
			res, body := s.exchange(t, row.to.head(s.tokenFor(row.to), "s11")+length+"\r\n"+row.body, false)
			if res == nil || res.StatusCode != 400 && name != "batch" || !strings.Contains(body, row.says) {
				t.Errorf("answered %v %q", res, body)
			}
		})
	}
}

// What a client sends wrong is its own fault.
func TestS13ClientsFault(t *testing.T) {
	s := startStack(t, nil)
	n := 0
	for _, to := range s.targets() {
		for how, body := range map[string]string{
			"broken UTF-8": "{\"tenant_id\":\"\xff\"}", "garbage behind": "{} x", "no JSON": "\x1f\x8b\x00", "other boundary": "--c\r\n\r\nx\r\n--c--\r\n",
		} {
			n++
			id := fmt.Sprintf("s13-%d", n)
			t.Run(to.name+", "+how, func(t *testing.T) {
				res, answer := s.exchange(t, to.head(s.tokenFor(to), id)+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body), false)
				if res == nil || succeeded(res, answer) || res.StatusCode >= 500 {
					t.Errorf("answered %v %q", res, answer)
				}
				s.logged(t, id)
			})
		}
	}
}

// Floods of frames end with the connection or with nothing; the product goes on. What bounds them is said at kit/edge's guard.
func TestE1Floods(t *testing.T) {
	s := startStack(t, nil)
	before := runtime.NumGoroutine()
	for name, flood := range map[string]func(c *h2){
		"resets": func(c *h2) {
			for range 5000 {
				stream := c.open("POST", "/integrated-account", "application/json", "", "e1-flood", false)
				if c.framer.WriteRSTStream(stream, http2.ErrCodeCancel) != nil {
					return
				}
			}
		},
		"settings": func(c *h2) {
			for range 30000 {
				if c.framer.WriteSettings() != nil {
					return
				}
			}
		},
		"pings": func(c *h2) {
			for range 30000 {
				if c.framer.WritePing(false, [8]byte{}) != nil {
					return
				}
			}
		},
		"data": func(c *h2) {
			stream := c.open("POST", "/integrated-account", "application/json", s.token, "e1-data", false)
			for range 20000 {
				if c.framer.WriteData(stream, false, []byte(" ")) != nil {
					return
				}
			}
		},
		"continuations": func(c *h2) {
			_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headerBlock(":method", "GET")})
			block := headerBlock("a", strings.Repeat("x", 8000))
			for range 200 {
				if c.framer.WriteContinuation(1, false, block) != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dialH2(t)
			go func() { _, _ = io.Copy(io.Discard, c.conn) }()
			flood(c)
			_ = c.conn.Close()
			waitReady(t, "http://"+s.addr+"/readyz")
		})
	}
	eventually(t, "the goroutines end", func() bool { return runtime.NumGoroutine() < before+30 })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.NewTimer(patience)
	defer end.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-end.C:
			t.Fatalf("did not happen: %s", what)
		case <-tick.C:
		}
	}
}
