package call

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
)

const (
	logTypeMCP   = "mcp"
	phaseOutcome = "outcome"
	// recordTimeout bounds the recording of a call whose client has gone.
	recordTimeout = 10 * time.Second
)

// record writes the call into the audit log, durably. A client that goes away does not stop it.
func (p *Pipeline) record(ctx context.Context, w *work, outcome error) error {
	entry, err := p.entry(ctx, w, outcome)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return p.Recorder.Record(ctx, entry)
}

func (p *Pipeline) entry(ctx context.Context, w *work, outcome error) (*authv1.LogEntry, error) {
	caller, ok := access.FromContext(ctx)
	if !ok {
		return nil, rpcerr.New(rpcerr.Unauthenticated, "")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, rpcerr.New(access.CodeAuditUnavailable, "").WithCause(err)
	}
	digest := sha256.Sum256(w.Arguments)
	e := &authv1.LogEntry{
		Id:              id.String(),
		EnvironmentId:   caller.Grant.EnvironmentID,
		LogType:         logTypeMCP,
		Phase:           phaseOutcome,
		CreatedAt:       timestamppb.New(w.start),
		ActorKind:       caller.Grant.Kind,
		ActorId:         caller.Grant.TokenID,
		Action:          w.action(),
		McpServerId:     optional(caller.Grant.MCPServerID),
		ToolName:        optional(p.toolName(w)),
		Client:          optional(w.Client),
		Status:          new(int32(http.StatusOK)),
		DurationMs:      new(int32(p.Now().Sub(w.start).Milliseconds())),
		ArgumentsDigest: new(hex.EncodeToString(digest[:])),
		RequestId:       interceptor.RequestIDFrom(ctx),
	}
	e.IntegratedAccountId = accountOf(ctx)
	if e.IntegratedAccountId == nil && w.arguments != nil {
		e.IntegratedAccountId = optional(w.arguments.Text(catalog.ArgumentAccount))
	}
	if w.arguments != nil {
		if plain := w.arguments.Named(recordedArguments()...); plain != nil {
			e.Arguments = &rpcv1.RawJson{Json: plain}
		}
	}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		e.TraceId = new(sc.TraceID().String())
	}
	p.describe(e, w, outcome)
	return e, nil
}

// describe adds how the call ended, as REST would show it.
func (p *Pipeline) describe(e *authv1.LogEntry, w *work, outcome error) {
	if w.upstream != 0 {
		e.UpstreamStatus = &w.upstream
	}
	if outcome == nil && w.asked {
		outcome = rpcerr.New(access.CodeConfirmationRequired, "")
	}
	if outcome == nil {
		return
	}
	fault := p.Errors.From(outcome)
	e.Code = new(string(fault.Code))
	status := fault.Status
	if row, ok := p.Errors.Entry(fault.Code); ok && status == 0 {
		status = row.HTTP
	}
	e.Status = new(int32(status))
	if status := upstreamStatus(fault); status != 0 {
		e.UpstreamStatus = &status
	}
}

// upstreamStatus is what the provider answered to a call that failed; 0 where it was not asked, or nobody knows.
func upstreamStatus(e *rpcerr.Error) int32 {
	// Details of another service come as JSON numbers.
	if status, ok := e.Details["upstream_status"].(float64); ok {
		return int32(status)
	}
	if e.Origin != "" && e.Origin != access.Domain {
		return int32(e.Status)
	}
	return 0
}

// recordedArguments are the arguments whose values stand in the log: which records a call was about. Of all others it has the digest only.
func recordedArguments() []string {
	return []string{"id", "id_app", "id_user", "app_id", "user_id", "limit", "model", "resource", "layer"}
}

// toolName is the name that was called, as it may be written down. A name that no tool has is whatever a client put there, a secret perhaps.
func (p *Pipeline) toolName(w *work) string {
	if _, ok := p.known[w.Name]; ok || w.tool != nil {
		return w.Name
	}
	return ""
}

// action is what was done: the operation, or what was asked for in its place.
func (w *work) action() string {
	if w.tool != nil {
		return w.tool.Operation.GetId()
	}
	return "mcp.tools.call"
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
