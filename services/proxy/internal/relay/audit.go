package relay

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/kit/interceptor"
)

const (
	logType      = "unified_proxy_api"
	phaseIntent  = "intent"
	phaseOutcome = "outcome"
)

// entry describes a call to the log.
func (s *Service) entry(ctx context.Context, c *call, action, phase string) *authv1.LogEntry {
	g, now := c.caller.Grant, s.Now()
	e := &authv1.LogEntry{
		Id: entryID(now), EnvironmentId: g.EnvironmentID, LogType: logType, Phase: phase, CreatedAt: timestamppb.New(now),
		ActorKind: g.Kind, ActorId: g.TokenID, Action: action, RequestId: interceptor.RequestIDFrom(ctx),
	}
	if c.lease != nil {
		e.IntegratedAccountId = &c.lease.Account
	}
	if g.MCPServerID != "" {
		e.McpServerId = &g.MCPServerID
	}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		id := sc.TraceID().String()
		e.TraceId = &id
	}
	return e
}

// outcome describes how a call ended.
func (s *Service) outcome(ctx context.Context, c *call, action string, err error) *authv1.LogEntry {
	e := s.entry(ctx, c, action, phaseOutcome)
	status := int32(http.StatusOK)
	if err != nil {
		status, e.Code = s.statusOf(err)
	}
	e.Status = &status
	if c.upstreamStatus != 0 {
		e.UpstreamStatus = new(int32(c.upstreamStatus))
	}
	took := int32(min(e.GetCreatedAt().AsTime().Sub(c.began).Milliseconds(), math.MaxInt32))
	e.DurationMs = &took
	return e
}

// statusOf is the HTTP status that REST shows for an error, and its code.
func (s *Service) statusOf(err error) (int32, *string) {
	e := s.Errors.From(err)
	code := string(e.Code)
	if e.Status != 0 {
		return int32(e.Status), &code
	}
	if entry, ok := s.Errors.Entry(e.Code); ok {
		return int32(entry.HTTP), &code
	}
	return http.StatusInternalServerError, &code
}

// note puts a read on record without making it wait. The mcp service records
// the reads of its own callers.
func (s *Service) note(ctx context.Context, c *call, err error) {
	if c.caller.Grant.Kind == access.KindMCP {
		return
	}
	s.Audit.Later(s.outcome(ctx, c, c.op.GetId(), err))
}

// entryID makes a UUIDv7, which sorts by time: to a quarter of a microsecond, by the twelve bits that RFC 9562 (6.2, method 3) leaves for it. An
// entry's id is no secret, so that the runtime's generator will do, at a tenth of the price of uuid.NewV7.
func entryID(now time.Time) string {
	var id uuid.UUID
	millis, rest := uint64(now.UnixMilli()), uint64(now.Nanosecond()%1e6)
	binary.BigEndian.PutUint64(id[:8], millis<<16|7<<12|rest<<12/1e6)
	binary.BigEndian.PutUint64(id[8:], 1<<63|rand.Uint64()>>2)
	return id.String()
}

// newID makes an id that nobody can guess.
func newID() string {
	id, err := uuid.NewV7()
	if err != nil {
		// The source of randomness never fails; see crypto/rand.
		id = uuid.New()
	}
	return id.String()
}

// hexOf writes a digest for the log.
func hexOf(digest [32]byte) *string {
	text := hex.EncodeToString(digest[:])
	return &text
}
