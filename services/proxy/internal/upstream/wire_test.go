package upstream_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// overTLS ends the name of an engine whose provider speaks TLS.
const overTLS = " over TLS"

// forWires runs a test for each engine, over plaintext and over TLS.
func forWires(t *testing.T, test func(t *testing.T, engine string)) {
	forEngines(t, func(t *testing.T, engine string) {
		t.Run("plaintext", func(t *testing.T) { test(t, engine) })
		t.Run("TLS", func(t *testing.T) { test(t, engine+overTLS) })
	})
}

// identity is the certificate of provider.test, and who trusts it.
var identity = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"provider.test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, pool
})

func serverTLS(version uint16) *tls.Config {
	certificate, _ := identity()
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: version, MaxVersion: version}
}

func clientTLS() *tls.Config {
	_, pool := identity()
	return &tls.Config{RootCAs: pool}
}

// socketPair connects two sockets of the system. What one end has written, the other one has.
func socketPair() (near, far net.Conn, err error) {
	dir, err := os.MkdirTemp("", "pair")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if near, err = net.Dial("unix", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	far, err = l.Accept()
	return near, far, err
}

// tlsClient makes every call over https.
type tlsClient struct{ upstream.Client }

func (c tlsClient) Do(ctx context.Context, r *upstream.Request) (*upstream.Response, error) {
	if r.URL == nil || r.URL.Scheme != "http" {
		return c.Client.Do(ctx, r)
	}
	secured, u := *r, *r.URL
	u.Scheme = "https"
	secured.URL = &u
	return c.Client.Do(ctx, &secured)
}

// A carriage is a way in which the bytes of a provider travel.
type carriage struct {
	name    string
	version uint16 // of TLS; 0 is none
	records bool   // each part is a record of its own
	cut     int    // where the last part is cut in two segments, counted from its end if negative; 0 is not at all
}

func carriages() []carriage {
	all := []carriage{{name: "plaintext"}, {name: "plaintext, cut", cut: 7}}
	for _, v := range []struct {
		name    string
		version uint16
	}{{"TLS 1.2", tls.VersionTLS12}, {"TLS 1.3", tls.VersionTLS13}} {
		all = append(all,
			carriage{v.name + ", one record", v.version, false, 0},
			carriage{v.name + ", one record in two segments", v.version, false, -1},
			carriage{v.name + ", records in one segment", v.version, true, 0},
			carriage{v.name + ", cut in a header", v.version, true, 3},
			carriage{v.name + ", cut after a header", v.version, true, 5},
			carriage{v.name + ", cut at the end", v.version, true, -1},
		)
	}
	return all
}

// far is the provider's end of a connection.
type far struct {
	net.Conn
	below *gatherer
	how   carriage
	held  []byte // what the last say has left for later
}

// A gatherer is below TLS, and gathers what is written between two says.
type gatherer struct {
	net.Conn
	gathering bool
	bytes.Buffer
}

func (g *gatherer) Read(p []byte) (int, error) { return g.Conn.Read(p) }

func (g *gatherer) Write(p []byte) (int, error) {
	if g.gathering {
		return g.Buffer.Write(p)
	}
	return g.Conn.Write(p)
}

func newFar(c net.Conn, how carriage) *far {
	f := &far{below: &gatherer{Conn: c}, how: how}
	f.Conn = f.below
	if how.version > 0 {
		f.Conn = tls.Server(f.below, serverTLS(how.version))
	}
	return f
}

// say sends the parts, and hold keeps the last segment back until rest.
func (f *far) say(hold bool, parts ...string) error {
	if !f.how.records {
		parts = []string{strings.Join(parts, "")}
	}
	f.below.gathering = true
	last := 0
	for _, part := range parts {
		last = f.below.Len()
		if _, err := f.Write([]byte(part)); err != nil {
			return err
		}
	}
	f.below.gathering = false
	all := bytes.Clone(f.below.Bytes())
	f.below.Reset()
	end := len(all)
	switch {
	case f.how.cut > 0:
		end = min(end, last+f.how.cut)
	case f.how.cut < 0:
		end += f.how.cut
	}
	f.held = all[end:]
	if _, err := f.below.Conn.Write(all[:end]); err != nil || hold {
		return err
	}
	return f.rest()
}

// rest sends what was kept back.
func (f *far) rest() error {
	held := f.held
	f.held = nil
	if len(held) == 0 {
		return nil
	}
	_, err := f.below.Conn.Write(held)
	return err
}
