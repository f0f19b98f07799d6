package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
)

const healthService = "grpc.health.v1.Health"

// mountHealth answers /healthz (the process lives), /readyz (it takes calls)
// and the gRPC health service. None of them asks for a token.
func (m *Mux) mountHealth() {
	m.Handle("GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { says(w, "ok") }))
	m.Handle("GET /readyz", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := m.ready(); err != nil {
			m.o.Errors.WriteHTTP(w, interceptor.RequestIDFrom(r.Context()), rpcerr.New(rpcerr.Unavailable, "Not ready: "+err.Error()))
			return
		}
		says(w, "ready")
	}))
	srv := connect.NewServer(m.shaping())
	schema := grpc_health_v1.File_grpc_health_v1_health_proto.Services().ByName("Health").Methods()
	srv.Register(
		connect.Method{Spec: connect.Spec{
			Procedure: grpc_health_v1.Health_Check_FullMethodName, Schema: schema.ByName("Check"),
			IdempotencyLevel: connect.IdempotencyNoSideEffects,
		}, Handler: m.check},
		connect.Method{Spec: connect.Spec{
			Procedure: grpc_health_v1.Health_List_FullMethodName, Schema: schema.ByName("List"),
			IdempotencyLevel: connect.IdempotencyNoSideEffects,
		}, Handler: m.list},
		connect.Method{Spec: connect.Spec{
			Procedure: grpc_health_v1.Health_Watch_FullMethodName, Schema: schema.ByName("Watch"),
			StreamType: connect.StreamTypeServer,
		}, Handler: m.watch},
	)
	connecthttp.Mount(m.rpc, srv, m.rpcOptions()...)
}

// ready says what calls would have to wait for.
func (m *Mux) ready() error {
	if !m.serving.Load() {
		return errors.New("the listener does not take calls")
	}
	for _, c := range m.conditions {
		if err := c.met(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

func says(w http.ResponseWriter, word string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, word+"\n")
}

// shaping gives errors of the edge's own services the one shape.
func (m *Mux) shaping() connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			if err := next(ctx, spec, stream); err != nil {
				return m.o.Errors.Connect(interceptor.Received(err), interceptor.RequestIDFrom(ctx))
			}
			return nil
		}
	}
}

func (m *Mux) status() *grpc_health_v1.HealthCheckResponse {
	s := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if m.ready() == nil {
		s = grpc_health_v1.HealthCheckResponse_SERVING
	}
	return &grpc_health_v1.HealthCheckResponse{Status: s}
}

func (m *Mux) knows(service string) bool {
	return service == "" || service == healthService || slices.Contains(m.services, service)
}

func (m *Mux) check(_ context.Context, _ connect.Spec, s connect.ServerStream) error {
	var req grpc_health_v1.HealthCheckRequest
	if err := s.Receive(&req); err != nil {
		return err
	}
	if !m.knows(req.GetService()) {
		return rpcerr.Newf(rpcerr.NotFound, "There is no service %q.", req.GetService())
	}
	return s.Send(m.status())
}

func (m *Mux) list(_ context.Context, _ connect.Spec, s connect.ServerStream) error {
	if err := s.Receive(&grpc_health_v1.HealthListRequest{}); err != nil {
		return err
	}
	all := map[string]*grpc_health_v1.HealthCheckResponse{"": m.status()}
	for _, name := range m.services {
		all[name] = m.status()
	}
	return s.Send(&grpc_health_v1.HealthListResponse{Statuses: all})
}

// watch sends the status now and when draining starts, and ends soon after:
// a watch must not keep the server from stopping.
func (m *Mux) watch(ctx context.Context, _ connect.Spec, s connect.ServerStream) error {
	var req grpc_health_v1.HealthCheckRequest
	if err := s.Receive(&req); err != nil {
		return err
	}
	status := m.status()
	if !m.knows(req.GetService()) {
		status.Status = grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN
	}
	if err := s.Send(status); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-Draining(ctx):
		return s.Send(&grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_NOT_SERVING})
	}
}
