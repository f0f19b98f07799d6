package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

// Two customers share the connections to a provider over TLS that answers one of them twice, or with bytes after the answer: nobody ever sees what was
// meant for the other.
func TestS1CrosstalkEndToEnd(t *testing.T) {
	torii := emulator.New(emulator.Options{TLS: true, NoRateLimits: true, Orgs: []emulator.Org{
		{ID: 10, Domain: "alpha.example", Key: "torii-key-of-alpha-0001"}, {ID: 11, Domain: "beta.example", Key: "torii-key-of-beta-00002"},
	}})
	server, err := torii.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, torii.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	o := operatorOf(t, server.URL+emulator.BasePath, "SSL_CERT_FILE="+ca)
	s := o.serve(t)
	var alpha, beta struct{ ID string }
	post(t, s, "/integrated-account", `{"tenant_id":"alpha","context":{"api_key":"torii-key-of-alpha-0001"}}`, &alpha)
	post(t, s, "/integrated-account", `{"tenant_id":"beta","context":{"api_key":"torii-key-of-beta-00002"}}`, &beta)
	read := func(account string) (int, string) {
		code, text := restOver{client: http.DefaultClient, base: s.baseURL}.do(t, "GET", "/proxy/users/1000?integrated_account_id="+account, s.apiToken, nil, nil)
		return code, string(text)
	}
	for _, fault := range []emulator.Fault{
		{Kind: emulator.FaultDoubled},
		{Kind: emulator.FaultDoubled, Record: 61},
		{Kind: emulator.FaultSurplus, Text: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"},
		{Kind: emulator.FaultShortLength, Bytes: 40},
		{Kind: emulator.FaultBodyUnasked, Text: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n" + `{"user":{"email":"tony@alpha.example"} }`},
	} {
		fault.Operation = "users.get"
		for round := range 20 {
			what := fmt.Sprintf("%s, records of %d, round %d", fault.Kind, fault.Record, round)
			torii.ClearFaults()
			if err := torii.Inject(fault); err != nil {
				t.Fatal(err)
			}
			if code, text := read(alpha.ID); strings.Contains(text, "beta.example") {
				t.Fatalf("%s: alpha reads %d %s", what, code, text)
			}
			torii.ClearFaults()
			if code, text := read(beta.ID); code != http.StatusOK || !strings.Contains(text, "tony@beta.example") || strings.Contains(text, "alpha") {
				t.Fatalf("%s: beta reads %d %s", what, code, text)
			}
		}
	}
}
