// Package mtls is how services prove to each other who they are: TLS 1.3, a
// certificate on both sides, and names that are URI SANs of the form
// spiffe://sando/<service>.
//
// Certificates are read again when their files change, so they can be renewed
// without a restart.
package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Config names the PEM files of one service.
type Config struct {
	// CA holds the certificates that sign the services' certificates.
	CA string `yaml:"ca"`
	// Cert holds this service's certificate and any intermediates.
	Cert string `yaml:"cert"`
	// Key holds the private key of Cert.
	Key string `yaml:"key"`
}

// namePrefix starts the URI SAN of every service.
const namePrefix = "spiffe://sando/"

// Server makes the configuration of a listener that lets in only the named
// services.
func Server(cfg Config, callers ...string) (*tls.Config, error) {
	if len(callers) == 0 {
		return nil, errors.New("mtls: a server needs at least one allowed caller")
	}
	files, err := openService(cfg)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		ClientAuth:     tls.RequireAnyClientCert,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return files.certificate() },
		// The chain is checked here rather than by ClientCAs, which cannot
		// change while the listener lives.
		VerifyConnection: func(cs tls.ConnectionState) error {
			return files.verify(cs.PeerCertificates, x509.ExtKeyUsageClientAuth, callers)
		},
	}, nil
}

// Client makes the configuration for calls to one service.
func Client(cfg Config, server string) (*tls.Config, error) {
	if server == "" {
		return nil, errors.New("mtls: a client needs the name of the service it calls")
	}
	files, err := openService(cfg)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return files.certificate()
		},
		// Names are URI SANs, which the standard check does not know, so it is
		// switched off and VerifyConnection does all of it: chain, usage, name.
		InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			return files.verify(cs.PeerCertificates, x509.ExtKeyUsageServerAuth, []string{server})
		},
		ClientSessionCache: tls.NewLRUClientSessionCache(64),
	}, nil
}

// Public makes the configuration of a listener for everybody: its certificate
// is read again like the others, and the caller needs none.
func Public(cert, key string) (*tls.Config, error) {
	files, err := open(Config{Cert: cert, Key: key})
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return files.certificate() },
	}, nil
}

// Caller gives the service name of a verified peer, and "" without one.
func Caller(cs *tls.ConnectionState) string {
	if cs == nil || len(cs.PeerCertificates) == 0 {
		return ""
	}
	return serviceName(cs.PeerCertificates[0])
}

// serviceName reads the name in a certificate. One certificate, one service:
// several names are as bad as none.
func serviceName(cert *x509.Certificate) string {
	if len(cert.URIs) != 1 {
		return ""
	}
	name, ok := strings.CutPrefix(cert.URIs[0].String(), namePrefix)
	if !ok || strings.Contains(name, "/") {
		return ""
	}
	return name
}

func allowed(cert *x509.Certificate, names []string) error {
	name := serviceName(cert)
	switch {
	case name == "":
		return fmt.Errorf("mtls: the peer's certificate has no single URI SAN %s<service>", namePrefix)
	case !slices.Contains(names, name):
		return fmt.Errorf("mtls: the peer is %q; allowed: %s", name, strings.Join(names, ", "))
	}
	return nil
}
