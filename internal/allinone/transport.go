package allinone

import (
	"context"
	"fmt"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
)

// A switchboard is the transport between the services of one process. Services need each other's clients to be built, so clients are made first and
// the servers behind them are plugged in afterwards, before the first call.
type switchboard struct {
	byProcedure map[string]connect.Transport
}

// plug makes the procedures of a server reachable.
func (s *switchboard) plug(server *connect.Server) {
	transport := connectinprocess.New(server)
	for spec := range server.Specs() {
		s.byProcedure[spec.Procedure] = transport
	}
}

// NewClientStream implements connect.Transport.
func (s *switchboard) NewClientStream(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
	transport, ok := s.byProcedure[spec.Procedure]
	if !ok {
		return nil, fmt.Errorf("allinone: no service has %s", spec.Procedure)
	}
	return transport.NewClientStream(ctx, spec)
}
