// Package daemon runs one service as its own process: a public listener, an
// internal one that only named services reach over mTLS, a private one for
// profiles and the runtime's metrics, and an orderly end.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/log"
	"github.com/sando-dev/sando/kit/mtls"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/kit/wire"
)

// Config is what every service's process is configured with.
type Config struct {
	// Public is the listener for callers from outside. Behind an ingress it may speak plain HTTP/1.1 and h2c.
	Public edge.Config `yaml:"public"`
	// Internal is the listener for the other services. It always speaks mTLS.
	Internal edge.Config `yaml:"internal"`
	// Debug is the private listener for profiles and the Go runtime's metrics.
	Debug DebugConfig `yaml:"debug"`
	// MTLS is this service's certificate and the authority it trusts.
	MTLS mtls.Config `yaml:"mtls"`
	// Peers are the internal listeners of the other services.
	Peers Peers `yaml:"peers"`
	// Log says what is logged and how.
	Log LogConfig `yaml:"log"`
	// Drain is how long calls in flight may take to finish when the process is stopped.
	Drain time.Duration `yaml:"drain"`
}

// Peers are URLs of internal listeners, e.g. https://auth:9443.
type Peers struct {
	// Auth is the URL of auth's internal listener.
	Auth string `yaml:"auth"`
	// Proxy is the URL of proxy's internal listener.
	Proxy string `yaml:"proxy"`
	// Unified is the URL of unified's internal listener.
	Unified string `yaml:"unified"`
}

// LogConfig says what is logged and how.
type LogConfig struct {
	// Level is debug, info, warn or error.
	Level slog.Level `yaml:"level"`
	// Format is json or text.
	Format log.Format `yaml:"format" choices:"json,text"`
}

// DefaultConfig listens on the loopback interface only.
func DefaultConfig() Config {
	return Config{
		Public:   edge.DefaultConfig("127.0.0.1:8080"),
		Internal: edge.DefaultConfig("127.0.0.1:9443"),
		Debug:    DebugConfig{Listen: "127.0.0.1:9090"},
		Log:      LogConfig{Format: log.JSON},
		Drain:    20 * time.Second,
	}
}

// A Service is what a process runs.
type Service interface {
	// Mount registers the service's public and internal surface.
	Mount(public, internal *edge.Mux) error
	// Ready says what calls would have to wait for; nil when they can be served.
	Ready() error
	// Run works in the background until ctx ends.
	Run(ctx context.Context) error
	// Close frees what the service holds, after its listeners have stopped.
	Close() error
}

// A Runtime is what a service is built with.
type Runtime struct {
	Log       *slog.Logger
	Telemetry telemetry.Telemetry
	// Dial makes a client of another service's internal listener; the service's name is checked in its certificate.
	Dial func(service string) (*connect.Client, error)
}

// Options describe a process.
type Options struct {
	// Name is the service's name, as in certificates: auth, proxy, unified, mcp.
	Name   string
	Config Config
	Errors *rpcerr.Table
	JSON   wire.JSON
	// Callers are the services that may reach the internal listener.
	Callers []string
	// Outgoing makes the interceptors of every client of another service.
	Outgoing func(telemetry.Telemetry) ([]connect.ClientInterceptor, error)
	// Build constructs the service; nothing listens yet.
	Build func(ctx context.Context, r Runtime) (Service, error)
	// Stderr takes the log.
	Stderr io.Writer
}

// Run builds everything, then serves until ctx ends. The first part that fails stops the process.
func Run(ctx context.Context, o Options) (err error) {
	logger, flush := log.New(o.Stderr, o.Config.Log.Level, o.Config.Log.Format)
	defer flush()
	logger = logger.With("service", o.Name)
	// Libraries that write to the standard logger are scrubbed as well.
	log.SetDefault(logger)
	t, err := telemetry.Start(ctx, "sando-"+o.Name, app.Version(), logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(ctx, t)) }()
	logger = t.Logger(logger, "sando")
	log.SetDefault(logger)

	peers := &dialer{o: o, telemetry: t}
	defer peers.close()
	service, err := o.Build(ctx, Runtime{Log: logger, Telemetry: t, Dial: peers.dial})
	if err != nil {
		return err
	}
	parts, err := listen(o, logger, service)
	if err != nil {
		return errors.Join(err, service.Close())
	}
	logger.InfoContext(ctx, "started", "version", app.Version())
	return app.Run(ctx, logger, o.Config.Drain, parts...)
}

// listen binds the listeners and lists the parts in the order of starting: the service works before anybody can call it.
func listen(o Options, logger *slog.Logger, service Service) ([]app.Part, error) {
	mux := func(listener edge.Config) *edge.Mux {
		return edge.NewMux(edge.MuxOptions{Errors: o.Errors, JSON: o.JSON, Log: logger, Compress: listener.Compress})
	}
	public, internal := mux(o.Config.Public), mux(o.Config.Internal)
	if err := service.Mount(public, internal); err != nil {
		return nil, err
	}
	public.ReadyWhen(o.Name, service.Ready)
	internal.ReadyWhen(o.Name, service.Ready)
	tlsConfig, err := mtls.Server(o.Config.MTLS, o.Callers...)
	if err != nil {
		return nil, err
	}
	// Two parts, because what the service holds is freed only after its Run has returned.
	parts := []app.Part{
		{Name: o.Name + " state", Close: func(context.Context) error { return service.Close() }},
		{Name: o.Name, Run: service.Run},
	}
	inside, err := edge.Listen(o.Config.Internal, internal.Handler(), tlsConfig)
	if err != nil {
		return nil, err
	}
	outside, err := edge.Listen(o.Config.Public, public.Handler(), nil)
	if err != nil {
		return nil, errors.Join(err, inside.Close(context.Background()))
	}
	debug, err := o.Config.Debug.Bind(logger)
	if err != nil {
		return nil, errors.Join(err, inside.Close(context.Background()), outside.Close(context.Background()))
	}
	logger.Info("listening", "public", outside.Addr(), "internal", inside.Addr(), "debug", o.Config.Debug.Listen)
	return append(parts,
		app.Part{Name: "debug listener", Run: debug.Run, Close: debug.Close},
		app.Part{Name: "internal listener", Run: inside.Run, Close: inside.Close},
		app.Part{Name: "public listener", Run: outside.Run, Close: outside.Close},
	), nil
}

func shutdown(ctx context.Context, t telemetry.Telemetry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := t.Shutdown(ctx); err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	return nil
}
