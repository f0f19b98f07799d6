package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// DebugConfig is the private listener for profiles and the Go runtime's metrics.
type DebugConfig struct {
	// Listen is its address; keep it on the loopback interface or inside the cluster. Empty switches it off. The metrics of the product are not here but where the OTEL_ variables send them.
	Listen string `yaml:"listen"`
}

// A DebugServer serves /debug/pprof, and the Go runtime's metrics on /metrics.
type DebugServer struct {
	listener net.Listener
	http     *http.Server
}

// Bind binds the private listener; without an address there is none, and Run and
// Close do nothing.
func (c DebugConfig) Bind(logger *slog.Logger) (*DebugServer, error) {
	if c.Listen == "" {
		return &DebugServer{}, nil
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("debug listener: %w", err)
	}
	return &DebugServer{listener: l, http: &http.Server{
		Handler:           debugRoutes(),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}}, nil
}

func debugRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.Handler())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// Run serves until Close.
func (d *DebugServer) Run(ctx context.Context) error {
	if d.listener == nil {
		return nil
	}
	if err := d.http.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close cuts what is being served: a profile may take longer than a drain.
func (d *DebugServer) Close(context.Context) error {
	if d.listener == nil {
		return nil
	}
	return d.http.Close()
}
