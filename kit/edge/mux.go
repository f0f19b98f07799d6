// Package edge is the listener of a service: one port for gRPC, gRPC-Web,
// Connect and REST, with health, reflection, limits and an orderly end.
package edge

import (
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectgzip"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/wire"
)

// DefaultMaxBody is the limit of a request body, and of one RPC message, when
// MuxOptions name none: 4 MiB.
const DefaultMaxBody = 4 << 20

// MuxOptions configure a Mux.
type MuxOptions struct {
	// Errors is how faults of the edge itself are shown.
	Errors *rpcerr.Table
	// JSON is the encoding of REST and of Connect's JSON.
	JSON wire.JSON
	// Log takes panics of plain handlers and troubles of connections; nil is
	// nowhere.
	Log *slog.Logger
	// MaxBody limits a request body in bytes, and each message of an RPC; 0 is
	// DefaultMaxBody. MaxBody raises it for a handler.
	MaxBody int64
	// Compress packs answers of RPCs for clients that take it; see Config, which
	// has the same for REST. What clients pack is taken either way.
	Compress bool
	// NoReflection leaves out gRPC reflection.
	NoReflection bool
}

// A Mux routes the requests of one listener. Register everything before
// Handler is called; after that it does not change.
type Mux struct {
	o       MuxOptions
	rpc     *procedures
	plain   *http.ServeMux
	gateway *runtime.ServeMux
	// roots are the first segments of plain patterns; "" is any.
	roots map[string]bool
	// shortcuts lead to streaming routes of the gateway.
	shortcuts shortcuts
	servers   []*connect.Server
	// services are the names of the RPC services mounted.
	services []string
	serving  atomic.Bool
	// conditions are what readiness depends on besides serving.
	conditions []condition
	// draining is raised by the Server that runs the mux.
	draining *signal
	finish   sync.Once
}

// NewMux makes an empty mux. It is not ready until a Server runs it, or
// SetServing says so.
func NewMux(o MuxOptions) *Mux {
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Mux{
		o:         o,
		rpc:       newProcedures(),
		plain:     http.NewServeMux(),
		roots:     map[string]bool{},
		shortcuts: shortcuts{},
		draining:  newSignal(),
	}
	m.gateway = gateway.NewMux(gateway.Options{
		JSON: o.JSON, Errors: o.Errors, Log: o.Log, NotFound: http.HandlerFunc(m.notFound),
	})
	return m
}

// RPC serves the procedures of srv over gRPC, gRPC-Web and Connect, and lists
// its services in health and reflection.
func (m *Mux) RPC(srv *connect.Server) {
	connecthttp.Mount(m.rpc, srv, m.rpcOptions()...)
	m.servers = append(m.servers, srv)
	for spec := range srv.Specs() {
		if name := serviceOf(spec.Procedure); !slices.Contains(m.services, name) {
			m.services = append(m.services, name)
		}
	}
}

func (m *Mux) rpcOptions() []connecthttp.Option {
	from := math.MaxInt
	if m.o.Compress {
		from = compressFrom
	}
	return []connecthttp.Option{
		connecthttp.WithCodecs(connectproto.NewBinaryCodec(), m.o.JSON.Codec()),
		connecthttp.WithReadMaxBytes(int(m.o.MaxBody)),
		connecthttp.WithCompressors(connectgzip.New(connectgzip.WithLevel(gzip.BestSpeed))),
		connecthttp.WithCompressMinBytes(from),
	}
}

// serviceOf gives the service in a procedure: /a.b.Service/Method.
func serviceOf(procedure string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(procedure, "/"), "/")
	return name
}

// REST adds generated gateway routes that call srv in process, under its
// interceptors. Register every method on srv first.
func (m *Mux) REST(srv *connect.Server, routes ...gateway.Registration) error {
	conn := gateway.Conn(srv)
	for _, register := range routes {
		if err := register(context.Background(), m.gateway, conn); err != nil {
			return fmt.Errorf("edge: register routes: %w", err)
		}
	}
	return nil
}

// Stream adds a handler under a path template of the gateway, such as
// /proxy/{resource}/{id}. Variables are read with Request.PathValue.
func (m *Mux) Stream(method, pattern string, h http.Handler) error {
	err := m.gateway.HandlePath(method, pattern, func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		for k, v := range params {
			r.SetPathValue(k, v)
		}
		h.ServeHTTP(w, r)
	})
	if err != nil {
		return fmt.Errorf("edge: %s %s: %w", method, pattern, err)
	}
	m.shortcuts.add(method, pattern, h)
	return nil
}

// Handle adds a plain handler under a pattern of net/http. It runs outside of
// the interceptors, and ahead of REST: the pattern "/" would hide every route.
func (m *Mux) Handle(pattern string, h http.Handler) {
	m.plain.Handle(pattern, h)
	m.roots[rootOf(pattern)] = true
}

// rootOf gives the first segment of a pattern of net/http, or "" where that
// may be anything.
func rootOf(pattern string) string {
	_, path, ok := strings.Cut(pattern, "/")
	if !ok {
		return ""
	}
	root, _, _ := strings.Cut(path, "/")
	if strings.HasPrefix(root, "{") {
		return ""
	}
	return root
}

// isPlain reports whether a plain handler may want the request. The router of
// net/http, which also cleans paths, is asked only then: it costs more than
// many a call's own work.
func (m *Mux) isPlain(r *http.Request) bool {
	root, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !m.roots[""] && !m.roots[root] && !unclean(r.URL.Path) {
		return false
	}
	_, pattern := m.plain.Handler(r)
	return pattern != ""
}

// unclean reports whether net/http may read a path differently than it is
// written.
func unclean(path string) bool {
	return strings.Contains(path, "//") || strings.Contains(path, "/.")
}

// A condition is something that must hold before calls can be served.
type condition struct {
	name string
	met  func() error
}

// ReadyWhen makes readiness depend on a service: while met answers an error,
// /readyz says why not. It is called on each question, so it must be quick,
// and its error is shown, so it must hold no secret.
func (m *Mux) ReadyWhen(name string, met func() error) {
	m.conditions = append(m.conditions, condition{name: name, met: met})
}

// SetServing turns readiness on or off: /readyz and grpc.health.v1. A Server
// that runs the mux's Handler does it by itself.
func (m *Mux) SetServing(on bool) { m.serving.Store(on) }

// Handler gives the handler for a listener.
func (m *Mux) Handler() http.Handler {
	m.finish.Do(func() {
		m.mountHealth()
		if !m.o.NoReflection {
			m.mountReflection()
		}
	})
	return &handler{Mux: m}
}
