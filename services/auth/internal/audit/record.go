package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// ErrEntry: an entry cannot be recorded as it is.
var ErrEntry = errors.New("audit: not a recordable entry")

// maxArguments bounds the recorded arguments of one entry, in bytes.
const maxArguments = 8 << 10

// complete gives an entry its id and its time, and refuses what the chain must not hold.
func complete(e *authv1.LogEntry, now time.Time) error {
	if e.GetId() == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		e.Id = id.String()
	}
	if e.GetCreatedAt() == nil {
		e.CreatedAt = timestamppb.New(now)
	}
	switch {
	case e.GetEnvironmentId() == "":
		return fmt.Errorf("%w: %s names no environment", ErrEntry, e.GetId())
	case e.GetAction() == "":
		return fmt.Errorf("%w: %s names no action", ErrEntry, e.GetId())
	case !slices.Contains([]string{"unified_proxy_api", "mcp", "admin", "link"}, e.GetLogType()):
		return fmt.Errorf("%w: %s has the type %q", ErrEntry, e.GetId(), e.GetLogType())
	case e.GetPhase() != "intent" && e.GetPhase() != "outcome":
		return fmt.Errorf("%w: %s has the phase %q", ErrEntry, e.GetId(), e.GetPhase())
	case (e.GetPhase() == "outcome") != (e.GetStatus() != 0):
		return fmt.Errorf("%w: %s is an %s with the status %d", ErrEntry, e.GetId(), e.GetPhase(), e.GetStatus())
	}
	if a := e.GetArguments().GetJson(); len(a) > maxArguments || a != nil && !json.Valid(a) {
		e.Arguments = nil // the digest still tells what they were
	}
	return nil
}

// Record adds entries of one environment to its chain, within the transaction of w. An id that the log holds already is passed over.
func Record(ctx context.Context, w store.Writer, now time.Time, entries ...*authv1.LogEntry) error {
	ids := make([]string, len(entries))
	for i, e := range entries {
		if err := complete(e, now); err != nil {
			return err
		}
		if e.GetEnvironmentId() != entries[0].GetEnvironmentId() {
			return fmt.Errorf("%w: one batch names several environments", ErrEntry)
		}
		ids[i] = e.GetId()
	}
	if len(entries) == 0 {
		return nil
	}
	// Reading the head locks the chain, so that the ids are looked for afterwards.
	head, err := w.ChainHead(ctx, entries[0].GetEnvironmentId())
	if err != nil {
		return fmt.Errorf("audit: environment %s: %w", entries[0].GetEnvironmentId(), err)
	}
	known, err := w.LogHas(ctx, head.EnvironmentID, ids)
	if err != nil {
		return err
	}
	rows := make([]store.LogEntry, 0, len(entries))
	at := head
	for _, e := range entries {
		if known[e.GetId()] {
			continue
		}
		known[e.GetId()] = true
		row, err := link(e, at)
		if err != nil {
			return err
		}
		rows = append(rows, row)
		at.Sequence, at.Hash = row.Sequence, row.Hash
	}
	return w.AppendLog(ctx, head, rows)
}

// Act makes the entry of something that the caller in ctx did to auth itself. Fields that it leaves empty are for the caller to fill.
func Act(ctx context.Context, logType, action string) *authv1.LogEntry {
	e := &authv1.LogEntry{
		LogType: logType, Phase: "outcome", Action: action, Status: new(int32(http.StatusOK)), ArgumentsDigest: digestFrom(ctx), RequestId: interceptor.RequestIDFrom(ctx),
	}
	if c, ok := access.FromContext(ctx); ok {
		e.EnvironmentId, e.ActorKind, e.ActorId = c.Grant.EnvironmentID, c.Grant.Kind, c.Grant.TokenID
	}
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		id := sc.TraceID().String()
		e.TraceId = &id
	}
	return e
}
