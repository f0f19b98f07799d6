package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A request to the product that carries a body, by the way it comes in.
type bodied struct {
	name, method, path, media, body string
	// line is what the log says of it.
	line string
}

func bodies(t *testing.T, s stack) []bodied {
	t.Helper()
	const form = "--b\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\ncontract\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\ntext\r\n--b--\r\n"
	account := "?integrated_account_id=" + s.account
	var made struct {
		URL string `json:"link_url"`
	}
	post(t, s, "/link-token", `{"tenant_id":"broken-off"}`, &made)
	page := linkPage(t, made.URL)
	link := url.Values{"handle": {page[strings.LastIndex(page, "/")+1:]}, "field.api_key": {"k"}}
	return []bodied{
		{"a write", "PUT", "/proxy/users/1" + account, "application/json", `{"lifecycleStatus":"active"}`, "ProxyService/Update"},
		{"a create", "POST", "/proxy/contracts" + account, "application/json", `{"name":"x","idApp":1,"status":"active"}`, "ProxyService/Create"},
		{"a raw call", "PUT", "/custom/users/1" + account, "application/json", `{"lifecycleStatus":"active"}`, "ProxyService/Custom"},
		{"an upload", "POST", "/proxy/files/upload" + account, "multipart/form-data; boundary=b", form, "ProxyService/Upload"},
		{"unified", "PATCH", "/unified/user-directory/users/1" + account, "application/json", `{"status":"active"}`, "UserService/Update"},
		{"management", "POST", "/link-token", "application/json", `{"tenant_id":"a"}`, "LinkTokenService/CreateLinkToken"},
		{"MCP", "POST", strings.TrimPrefix(s.mcpURL, s.baseURL), "application/json", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "mcp"},
		{"the link page", "POST", page, "application/x-www-form-urlencoded", link.Encode(), "link form not readable"},
	}
}

// linkPage opens a link and gives the path of its page.
func linkPage(t *testing.T, address string) string {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(address)
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

// TestS4BrokenOffProduct: a request to any part of the product that breaks off
// is refused, whether it has a token or not, leaves a line in the log, reaches
// nobody behind it, and is not called a fault of ours (S13).
func TestS4BrokenOffProduct(t *testing.T) {
	p, s := startDev(t, "--users", "20")
	for _, b := range bodies(t, s) {
		before, sent := strings.Count(p.output.String(), b.line), 0
		for name, raw := range map[string]string{
			"one byte":        fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(b.body)+500, b.body[:1]),
			"all but a byte":  fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(b.body), b.body[:len(b.body)-1]),
			"whole and short": fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(b.body)+1, b.body),
			"bad chunk":       "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
			"no last chunk":   fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(b.body), b.body),
		} {
			for _, token := range []string{s.apiToken, ""} {
				sent++
				answer := sendRaw(t, s, b.method+" "+b.path+" HTTP/1.1\r\nHost: "+s.address()+"\r\nContent-Type: "+b.media+
					"\r\nAuthorization: Bearer "+token+"\r\nAccept: application/json, text/event-stream\r\n"+raw)
				what := b.name + ", " + name + ", token " + strconv.FormatBool(token != "")
				switch status := statusOf(t, answer); {
				case status >= 200 && status < 400, status >= 500:
					t.Errorf("%s: answered\n%s", what, answer)
				}
			}
		}
		p.waitFor(t, b.name+": a line in the log for each request", func() bool {
			return strings.Count(p.output.String(), b.line) >= before+sent
		})
	}
	if out := p.output.String(); strings.Contains(out, `"level":"ERROR"`) || strings.Contains(out, "level=ERROR") {
		t.Error("the log calls a broken request a fault of ours")
	}
}

// sendRaw sends bytes, ends the sending side, and reads what comes back; nothing
// where the connection is cut.
func sendRaw(t *testing.T, s stack, raw string) []byte {
	t.Helper()
	c, err := net.Dial("tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	// A connection that is cut says as much as one that is closed.
	answer, _ := io.ReadAll(c)
	return answer
}

// statusOf is 0 for no answer.
func statusOf(t *testing.T, answer []byte) int {
	t.Helper()
	if len(answer) == 0 {
		return 0
	}
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
	if err != nil {
		t.Fatalf("%v: %q", err, answer)
	}
	defer res.Body.Close()
	return res.StatusCode
}
