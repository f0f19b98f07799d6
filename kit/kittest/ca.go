package kittest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sando-dev/sando/kit/mtls"
)

// A CA makes certificates that live for one test run.
type CA struct {
	dir    string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial int64
}

// NewCA makes an authority that writes into t.TempDir, with certificates for
// the named services.
func NewCA(t testing.TB, services ...string) *CA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &CA{dir: t.TempDir(), key: key, serial: 1}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "throwaway CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	ca.write(t, "ca.pem", "CERTIFICATE", der)
	for _, s := range services {
		ca.Issue(t, s, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
	}
	return ca
}

// Files gives the files of a service.
func (ca *CA) Files(service string) mtls.Config {
	return mtls.Config{
		CA:   filepath.Join(ca.dir, "ca.pem"),
		Cert: filepath.Join(ca.dir, service+".pem"),
		Key:  filepath.Join(ca.dir, service+".key"),
	}
}

// Issue writes a new certificate for a service over the one it had.
func (ca *CA) Issue(t testing.TB, service string, from, until time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(ca.serial), Subject: pkix.Name{CommonName: service},
		NotBefore: from, NotAfter: until,
		URIs:        []*url.URL{{Scheme: "spiffe", Host: "sando", Path: "/" + service}},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ca.write(t, service+".pem", "CERTIFICATE", der)
	ca.write(t, service+".key", "PRIVATE KEY", pkcs8)
}

// write replaces a file in one step, as a rotation would.
func (ca *CA) write(t testing.TB, name, kind string, der []byte) {
	t.Helper()
	path := filepath.Join(ca.dir, name)
	if err := os.WriteFile(path+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
