package emulator

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"time"
)

// Server serves an Emulator on a port of its own, over TLS where Options.TLS or Options.Certificate says so, and its
// storage on a second one where Options.StorageListen does. Only HTTP/1.1 is spoken. Unlike a plain http.Server it lets
// faults decide which TLS records share a TCP segment.
type Server struct {
	URL        string // origin of the API; the base URL is this followed by BasePath
	StorageURL string // origin of signed links; the same as URL unless Options.StorageListen is set

	parts []listening
}

// listening is one of the ports.
type listening struct {
	listener net.Listener
	server   *http.Server
}

// Listen binds address, such as 127.0.0.1:0, and what else the options name. Serve then answers.
func (e *Emulator) Listen(address string) (*Server, error) {
	s := &Server{}
	var err error
	if s.URL, err = s.bind(e, address, e); err != nil {
		return nil, err
	}
	s.StorageURL = s.URL
	if e.opts.StorageListen == "" {
		return s, nil
	}
	if s.StorageURL, err = s.bind(e, e.opts.StorageListen, e.Storage()); err != nil {
		s.Close() //nolint:errcheck // the first error says more
		return nil, err
	}
	if e.opts.StorageURL == "" {
		e.storage.origin.Store(&s.StorageURL)
	} else {
		s.StorageURL = e.opts.StorageURL
	}
	return s, nil
}

// Start is Listen, with Serve in a goroutine that ends with Close.
func (e *Emulator) Start(address string) (*Server, error) {
	s, err := e.Listen(address)
	if err != nil {
		return nil, err
	}
	go s.Serve() //nolint:errcheck // Close ends it, and tests see what is not answered
	return s, nil
}

// bind opens one port and returns its origin.
func (s *Server) bind(e *Emulator, address string, handler http.Handler) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("emulator: %w", err)
	}
	scheme := "http://"
	origin := listener.Addr().String()
	listener = packetListener{listener}
	if e.certificate != nil {
		scheme = "https://"
		listener = tls.NewListener(listener, &tls.Config{
			Certificates: []tls.Certificate{*e.certificate}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
			DynamicRecordSizingDisabled: true, // else a short answer would be several records unasked
		})
	}
	s.parts = append(s.parts, listening{listener, &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute,
		WriteTimeout:      5 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    1 << 20,
		ErrorLog:          slog.NewLogLogger(e.opts.Logger.Handler(), slog.LevelWarn),
	}})
	return scheme + origin, nil
}

// Serve answers until Shutdown or Close; its error is http.ErrServerClosed then.
func (s *Server) Serve() error {
	ended := make(chan error, len(s.parts))
	for _, p := range s.parts {
		go func() { ended <- p.server.Serve(p.listener) }()
	}
	return <-ended
}

// Shutdown lets open requests finish until the context ends.
func (s *Server) Shutdown(ctx context.Context) error {
	return s.each(func(server *http.Server) error { return server.Shutdown(ctx) })
}

// Close ends everything at once.
func (s *Server) Close() error {
	return s.each((*http.Server).Close)
}

func (s *Server) each(end func(*http.Server) error) error {
	var all []error
	for _, p := range s.parts {
		all = append(all, end(p.server))
		p.listener.Close() //nolint:errcheck // closed already unless it never served
	}
	return errors.Join(all...)
}

// Storage serves the signed links alone, for a test that gives the storage an origin of its own with
// Options.StorageURL. Options.StorageListen does both.
func (e *Emulator) Storage() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(storagePath, e.storage)
	return mux
}

// CA is the certificate, in PEM, that vouches for the emulator's own one; nil unless Options.TLS is set without a
// Certificate.
func (e *Emulator) CA() []byte { return e.ca }

// CertPool holds CA and nothing else.
func (e *Emulator) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(e.ca)
	return pool
}

// makeCertificate makes a certificate authority and, signed by it, a certificate for the loopback names and the ones
// given.
func makeCertificate(names []string) (*tls.Certificate, []byte, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "torii-emulator CA"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	ca, err := x509.CreateCertificate(rand.Reader, authority, authority, caKey.Public(), caKey)
	if err != nil {
		return nil, nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "torii-emulator"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range append([]string{"localhost", "127.0.0.1", "::1"}, names...) {
		if ip := net.ParseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), caKey)
	if err != nil {
		return nil, nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca}), nil
}
