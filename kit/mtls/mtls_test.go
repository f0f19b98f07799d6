package mtls_test

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/mtls"
)

// shake makes one connection and gives who the server saw, and what each side
// thinks of it.
func shake(t *testing.T, server, client *tls.Config) (caller string, serverErr, clientErr error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type result struct {
		err    error
		caller string
	}
	done := make(chan result, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			done <- result{err: err}
			return
		}
		defer raw.Close()
		_ = raw.SetDeadline(time.Now().Add(5 * time.Second))
		c := tls.Server(raw, server)
		if err := c.Handshake(); err != nil {
			done <- result{err: err}
			return
		}
		state := c.ConnectionState()
		_, err = io.WriteString(c, "hello")
		done <- result{err, mtls.Caller(&state)}
	}()
	clientErr = func() error {
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", l.Addr().String(), client)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = io.ReadFull(c, make([]byte, 5))
		return err
	}()
	r := <-done
	return r.caller, r.err, clientErr
}

func configs(t *testing.T, ca *kittest.CA, server, client string) (*tls.Config, *tls.Config) {
	t.Helper()
	s, err := mtls.Server(ca.Files(server), client)
	if err != nil {
		t.Fatal(err)
	}
	c, err := mtls.Client(ca.Files(client), server)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func TestHandshake(t *testing.T) {
	ca := kittest.NewCA(t, "auth", "proxy")
	server, client := configs(t, ca, "auth", "proxy")
	for range 2 { // the second one may resume the first
		caller, serverErr, clientErr := shake(t, server, client)
		if serverErr != nil || clientErr != nil || caller != "proxy" {
			t.Errorf("server %v, client %v, caller %q", serverErr, clientErr, caller)
		}
	}
	if mtls.Caller(nil) != "" || mtls.Caller(&tls.ConnectionState{}) != "" {
		t.Error("a caller without a certificate has a name")
	}
}

func TestHandshakeRefuses(t *testing.T) {
	ca, stranger := kittest.NewCA(t, "auth", "proxy", "mcp"), kittest.NewCA(t, "auth", "proxy")
	server, client := configs(t, ca, "auth", "proxy")
	_, mcp := configs(t, ca, "auth", "mcp")
	wrongServer, err := mtls.Client(ca.Files("proxy"), "mcp")
	if err != nil {
		t.Fatal(err)
	}
	strangeServer, strangeClient := configs(t, stranger, "auth", "proxy")
	nobody := client.Clone()
	nobody.GetClientCertificate = nil
	old := client.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	tests := map[string]struct {
		server, client         *tls.Config
		serverSays, clientSays string
	}{
		"caller not allowed":  {server: server, client: mcp, serverSays: `the peer is "mcp"; allowed: proxy`},
		"no certificate":      {server: server, client: nobody, serverSays: "client didn't provide a certificate"},
		"foreign client":      {server: server, client: strangeClient, clientSays: "signed by unknown authority"},
		"foreign server":      {server: strangeServer, client: client, clientSays: "signed by unknown authority"},
		"other server's name": {server: server, client: wrongServer, clientSays: `the peer is "auth"; allowed: mcp`},
		"TLS 1.2":             {server: server, client: old, serverSays: "unsupported versions"},
	}
	for name, tt := range tests {
		_, serverErr, clientErr := shake(t, tt.server, tt.client)
		if tt.serverSays != "" && (serverErr == nil || !strings.Contains(serverErr.Error(), tt.serverSays)) {
			t.Errorf("%s: server %v, want %q", name, serverErr, tt.serverSays)
		}
		if tt.clientSays != "" && (clientErr == nil || !strings.Contains(clientErr.Error(), tt.clientSays)) {
			t.Errorf("%s: client %v, want %q", name, clientErr, tt.clientSays)
		}
		if clientErr == nil {
			t.Errorf("%s: the client noticed nothing", name)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	ca, other := kittest.NewCA(t, "auth", "late", "early"), kittest.NewCA(t, "auth")
	ca.Issue(t, "late", time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	ca.Issue(t, "early", time.Now().Add(time.Hour), time.Now().Add(2*time.Hour))
	mixed := ca.Files("auth")
	mixed.Key = other.Files("auth").Key
	noCA := ca.Files("auth")
	noCA.CA = noCA.Key
	tests := map[string]struct {
		cfg  mtls.Config
		want string
	}{
		"nothing":      {mtls.Config{}, "all needed"},
		"missing":      {ca.Files("nobody"), "nobody.pem"},
		"expired":      {ca.Files("late"), "it expired on"},
		"not yet":      {ca.Files("early"), "it is valid from"},
		"wrong key":    {mixed, "private key does not match"},
		"no authority": {noCA, "holds no certificate"},
	}
	for name, tt := range tests {
		if _, err := mtls.Client(tt.cfg, "auth"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("client, %s: %v, want %q", name, err, tt.want)
		}
		if _, err := mtls.Server(tt.cfg, "proxy"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("server, %s: %v, want %q", name, err, tt.want)
		}
	}
	if _, err := mtls.Server(ca.Files("auth")); err == nil {
		t.Error("a server that lets nobody in")
	}
	if _, err := mtls.Client(ca.Files("auth"), ""); err == nil {
		t.Error("a client that calls nobody")
	}
}

// TestReload renews the certificates of a running server, and then its
// authority.
func TestReload(t *testing.T) {
	ca := kittest.NewCA(t, "auth", "proxy")
	server, client := configs(t, ca, "auth", "proxy")
	var serial string
	client.VerifyConnection = func(check func(tls.ConnectionState) error) func(tls.ConnectionState) error {
		return func(cs tls.ConnectionState) error {
			serial = cs.PeerCertificates[0].SerialNumber.String()
			return check(cs)
		}
	}(client.VerifyConnection)
	client.ClientSessionCache = nil
	if _, s, c := shake(t, server, client); s != nil || c != nil {
		t.Fatal(s, c)
	}
	first := serial
	ca.Issue(t, "auth", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	eventually(t, func() bool {
		_, s, c := shake(t, server, client)
		return s == nil && c == nil && serial != first
	})
	// A broken file keeps the last good certificate in use.
	if err := os.WriteFile(ca.Files("auth").Cert, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(1200 * time.Millisecond); time.Now().Before(end); {
		if _, s, c := shake(t, server, client); s != nil || c != nil {
			t.Fatalf("server %v, client %v", s, c)
		}
	}
}

// eventually polls: files are looked at once a second.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		if ok() {
			return
		}
	}
	t.Fatal("it never happened")
}
