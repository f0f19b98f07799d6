package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/sando-dev/sando/emulator"
	"github.com/sando-dev/sando/kit/app"
)

// toriiOptions are the flags that only the stand-in Torii reads.
type toriiOptions struct {
	tls, strictSCIM, tagsAsArray bool
	storageListen                string
}

// standIn is the emulator on its own port.
type standIn struct {
	*emulator.Server
	ca []byte // empty without TLS
}

func listenTorii(o options, logger *slog.Logger) (*standIn, error) {
	torii := emulator.New(emulator.Options{
		Users: o.users, NoRateLimits: o.noRateLimits, Control: o.control, Logger: logger.With("service", "emulator"),
		TLS: o.torii.tls, StrictSCIM: o.torii.strictSCIM, TagsAsArray: o.torii.tagsAsArray, StorageListen: o.torii.storageListen,
	})
	server, err := torii.Listen(o.emulatorListen)
	if err != nil {
		return nil, err
	}
	return &standIn{Server: server, ca: torii.CA()}, nil
}

// trust lets this process trust the stand-in's certificate. crypto/x509 reads the variable when it first verifies one.
func (s *standIn) trust(dataDir string) error {
	if len(s.ca) == 0 {
		return nil
	}
	file := filepath.Join(dataDir, "emulator-ca.pem")
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file, s.ca, 0o600); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	return os.Setenv("SSL_CERT_FILE", file)
}

func (s *standIn) part() app.Part {
	return app.Part{
		Name: "emulator",
		Run: func(context.Context) error {
			if err := s.Serve(); err != http.ErrServerClosed {
				return err
			}
			return nil
		},
		Close: s.Shutdown,
	}
}
