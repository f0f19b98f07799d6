package allinone

import (
	"context"
	"fmt"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"

	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
)

// A switchboard is the transport between the services of one process. Services need each other's clients to be built, so clients are made first and
// the servers behind them are plugged in afterwards, before the first call.
type switchboard struct {
	byProcedure map[string]connect.Transport
}

// plug makes the procedures of a server reachable.
func (s *switchboard) plug(server *connect.Server) {
	transport := connectinprocess.New(server, connectinprocess.WithCopyFunc(handOver))
	for spec := range server.Specs() {
		s.byProcedure[spec.Procedure] = transport
	}
}

// handOver copies a message between services. A page of the proxy is not copied, it changes hands: the proxy makes it for one caller and keeps
// nothing of it.
func handOver(dst, src any) error {
	to, ok := dst.(*proxyv1.ListResponse)
	from, same := src.(*proxyv1.ListResponse)
	if !ok || !same {
		return connectinprocess.ProtoCopy(dst, src)
	}
	page := from.GetResult()
	from.Result = nil
	if err := connectinprocess.ProtoCopy(to, from); err != nil {
		return err
	}
	to.Result = page
	return nil
}

// NewClientStream implements connect.Transport.
func (s *switchboard) NewClientStream(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
	transport, ok := s.byProcedure[spec.Procedure]
	if !ok {
		return nil, fmt.Errorf("allinone: no service has %s", spec.Procedure)
	}
	return transport.NewClientStream(ctx, spec)
}
