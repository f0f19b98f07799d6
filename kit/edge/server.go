package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/sando-dev/sando/kit/mtls"
)

// Config configures a listener.
type Config struct {
	// Listen is the address: host:port.
	Listen string `yaml:"listen"`
	// ReadHeaderTimeout bounds the time a client may take to send its headers.
	ReadHeaderTimeout time.Duration `yaml:"read_header_timeout"`
	// IdleTimeout closes connections that nothing came over for this long.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// MaxHeaderBytes limits the size of the request's headers.
	MaxHeaderBytes int `yaml:"max_header_bytes"`
	// MaxStreams limits the calls at once on one HTTP/2 connection.
	MaxStreams int `yaml:"max_streams"`
	// Stall ends a call whose client neither takes nor sends a byte for this long
	// while one is due, over HTTP/1.1 and in each stream of HTTP/2.
	Stall time.Duration `yaml:"stall"`
	// MaxConnectionsPerAddress limits the connections at once from one address. 0 is no limit: all calls that come through an ingress come from
	// one address.
	MaxConnectionsPerAddress int `yaml:"max_connections_per_address"`
	// DrainDelay is how long the listener says NOT_SERVING and goes on working
	// before it stops, so that balancers can notice.
	DrainDelay time.Duration `yaml:"drain_delay"`
	// Compress packs answers with gzip for clients that take it, over REST and RPC. Off by default: an ingress does it as well, and packing costs
	// more than all the rest of a large call. What clients pack is taken either way.
	Compress bool `yaml:"compress"`
	// CertFile and KeyFile turn on TLS; without them an operator's ingress is
	// expected in front.
	CertFile string `yaml:"cert_file"`
	// KeyFile is the private key of CertFile.
	KeyFile string `yaml:"key_file"`
}

// DefaultConfig gives sound limits for a listener on addr.
func DefaultConfig(addr string) Config {
	return Config{
		Listen:            addr,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		MaxStreams:        250,
		Stall:             30 * time.Second,
	}
}

// check refuses limits that limit nothing.
func (c Config) check() error {
	var errs []error
	for _, limit := range []struct {
		name string
		ok   bool
	}{
		{"read_header_timeout", c.ReadHeaderTimeout > 0},
		{"idle_timeout", c.IdleTimeout > 0},
		{"max_header_bytes", c.MaxHeaderBytes > 0},
		{"max_streams", c.MaxStreams > 0},
		{"stall", c.Stall > 0},
	} {
		if !limit.ok {
			errs = append(errs, fmt.Errorf("%s must be positive", limit.name))
		}
	}
	if c.MaxConnectionsPerAddress < 0 {
		errs = append(errs, errors.New("max_connections_per_address must not be negative; 0 is no limit"))
	}
	if c.DrainDelay < 0 {
		errs = append(errs, errors.New("drain_delay must not be negative"))
	}
	return errors.Join(errs...)
}

// A Server serves one listener.
type Server struct {
	cfg      Config
	listener net.Listener
	http     *http.Server
	mux      *Mux
	cancel   context.CancelFunc
	draining *signal
}

// Listen binds the address. tlsConfig replaces the certificate files of cfg,
// for mTLS; both may be missing, then the port speaks HTTP/1.1 and h2c.
func Listen(cfg Config, h http.Handler, tlsConfig *tls.Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	if tlsConfig == nil && (cfg.CertFile != "" || cfg.KeyFile != "") {
		var err error
		if tlsConfig, err = mtls.Public(cfg.CertFile, cfg.KeyFile); err != nil {
			return nil, fmt.Errorf("edge: %w", err)
		}
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{cfg: cfg, listener: l, cancel: cancel, draining: newSignal()}
	if finished, ok := h.(*handler); ok {
		s.mux, s.draining = finished.Mux, finished.draining
	}
	if cfg.MaxConnectionsPerAddress > 0 {
		s.listener = newCrowd(l, cfg.MaxConnectionsPerAddress, s.log())
	}
	ctx = context.WithValue(ctx, drainKey{}, s.draining)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	if tlsConfig == nil {
		protocols.SetUnencryptedHTTP2(true)
		s.listener = framing{s.listener}
	} else {
		tlsConfig = tlsConfig.Clone()
		tlsConfig.NextProtos = []string{"h2", "http/1.1"}
		s.listener = tls.NewListener(s.listener, tlsConfig)
	}
	if cfg.Compress {
		if h, err = compress(h); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	s.http = &http.Server{
		Handler:           guard(cfg.Stall, h),
		Protocols:         protocols,
		TLSConfig:         tlsConfig,
		ReadHeaderTimeout: cfg.ReadHeaderTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    cfg.MaxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: cfg.MaxStreams,
			WriteByteTimeout:     cfg.Stall,
			SendPingTimeout:      cfg.Stall,
		},
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: withFraming,
		ErrorLog:    slog.NewLogLogger(s.log().Handler(), slog.LevelWarn),
	}
	return s, nil
}

func (s *Server) log() *slog.Logger {
	if s.mux != nil {
		return s.mux.o.Log
	}
	return slog.New(slog.DiscardHandler)
}

// Addr is the address that is bound, with the port chosen for port 0.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until Close is called or ctx ends, and returns nil then.
func (s *Server) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = s.http.Close() })()
	if s.mux != nil {
		s.mux.SetServing(true)
	}
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("edge: %w", err)
	}
	return nil
}

// Drain says NOT_SERVING and tells endless streams to end, see Draining; the
// listener goes on.
func (s *Server) Drain() {
	if s.mux != nil {
		s.mux.SetServing(false)
	}
	s.draining.raise()
}

// Close drains, waits for DrainDelay, stops taking connections and lets the
// calls in flight finish. Calls that are still running when three quarters of
// the time are over are cancelled; when all of it is over their connections
// are cut.
func (s *Server) Close(ctx context.Context) error {
	s.Drain()
	defer s.cancel()
	select {
	case <-time.After(s.cfg.DrainDelay):
	case <-ctx.Done():
	}
	if deadline, ok := ctx.Deadline(); ok {
		defer time.AfterFunc(time.Until(deadline)*3/4, s.cancel).Stop()
	}
	err := s.http.Shutdown(ctx)
	// Shutdown closes the listener only when Serve has taken it.
	_ = s.listener.Close()
	if err != nil {
		return errors.Join(fmt.Errorf("edge: calls were cut: %w", err), s.http.Close())
	}
	return nil
}
