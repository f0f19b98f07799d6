package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// lookEvery bounds how often the files are looked at: a handshake costs three
// stat calls at most once in this time.
const lookEvery = time.Second

// files are the certificates of a service as they are on disk now.
type files struct {
	cfg Config

	mu     sync.Mutex
	looked time.Time
	stamps [3]stamp
	cert   *tls.Certificate
	roots  *x509.CertPool
}

// stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// openService reads the files of a service and checks that they make one.
func openService(cfg Config) (*files, error) {
	if cfg.CA == "" || cfg.Cert == "" || cfg.Key == "" {
		return nil, errors.New("mtls: the files ca, cert and key are all needed")
	}
	f, err := open(cfg)
	if err != nil {
		return nil, err
	}
	if serviceName(f.cert.Leaf) == "" {
		return nil, fmt.Errorf("mtls: %s has no single URI SAN %s<service>", cfg.Cert, namePrefix)
	}
	return f, nil
}

// open reads the files and fails when they do not fit together. The authority
// may be missing.
func open(cfg Config) (*files, error) {
	f := &files{cfg: cfg}
	stamps, err := f.stat()
	if err != nil {
		return nil, err
	}
	if err := f.load(stamps); err != nil {
		return nil, err
	}
	if err := expired(f.cert.Leaf, time.Now()); err != nil {
		return nil, fmt.Errorf("mtls: %s: %w", cfg.Cert, err)
	}
	return f, nil
}

func (f *files) stat() (stamps [3]stamp, err error) {
	for i, path := range []string{f.cfg.CA, f.cfg.Cert, f.cfg.Key} {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return stamps, fmt.Errorf("mtls: %w", err)
		}
		stamps[i] = stamp{info.ModTime(), info.Size()}
	}
	return stamps, nil
}

func (f *files) load(stamps [3]stamp) error {
	cert, err := tls.LoadX509KeyPair(f.cfg.Cert, f.cfg.Key)
	if err != nil {
		return fmt.Errorf("mtls: %s with %s: %w", f.cfg.Cert, f.cfg.Key, err)
	}
	roots := x509.NewCertPool()
	if f.cfg.CA != "" {
		pem, err := os.ReadFile(f.cfg.CA)
		if err != nil {
			return fmt.Errorf("mtls: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("mtls: %s holds no certificate", f.cfg.CA)
		}
	}
	f.cert, f.roots, f.stamps = &cert, roots, stamps
	return nil
}

// current gives what is on disk. Files in the middle of being replaced do not
// fit together; the last that did stay in use until the next look.
func (f *files) current() (*tls.Certificate, *x509.CertPool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= lookEvery {
		f.looked = now
		if stamps, err := f.stat(); err == nil && stamps != f.stamps {
			_ = f.load(stamps)
		}
	}
	return f.cert, f.roots
}

func (f *files) certificate() (*tls.Certificate, error) {
	cert, _ := f.current()
	return cert, nil
}

// verify checks the peer's chain, that it may be used so, and its name.
func (f *files) verify(chain []*x509.Certificate, usage x509.ExtKeyUsage, names []string) error {
	if len(chain) == 0 {
		return errors.New("mtls: the peer has no certificate")
	}
	if err := expired(chain[0], time.Now()); err != nil {
		return fmt.Errorf("mtls: the peer's certificate: %w", err)
	}
	_, roots := f.current()
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage},
	})
	if err != nil {
		return fmt.Errorf("mtls: the peer's certificate: %w", err)
	}
	return allowed(chain[0], names)
}

func expired(cert *x509.Certificate, now time.Time) error {
	switch {
	case now.After(cert.NotAfter):
		return fmt.Errorf("it expired on %s", cert.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(cert.NotBefore):
		return fmt.Errorf("it is valid from %s on", cert.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}
