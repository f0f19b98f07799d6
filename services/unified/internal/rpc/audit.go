package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/store"
)

// Recorder is the audit log; an entry is durable when Record returns.
type Recorder interface {
	Record(ctx context.Context, entries ...*authv1.LogEntry) error
}

// Audit records changes of mappings: the intent before, the outcome after.
type Audit struct {
	Recorder Recorder
	Errors   *rpcerr.Table
	Now      func() time.Time
}

// change runs act between its intent and its outcome. Without a record of the intent nothing is done.
func (a Audit) change(ctx context.Context, p place, action string, v store.Version, act func() error) error {
	intent, err := a.entry(ctx, p, action, v)
	if err != nil {
		return err
	}
	intent.Phase = "intent"
	if err := a.Recorder.Record(ctx, intent); err != nil {
		return err
	}
	failed := act()
	outcome, err := a.entry(ctx, p, action, v)
	if err != nil {
		return err
	}
	outcome.Phase, outcome.IntentId, outcome.Status = "outcome", &intent.Id, new(int32(http.StatusOK))
	if failed != nil {
		e := a.Errors.From(failed)
		code := string(e.Code)
		outcome.Code, outcome.Status = &code, new(int32(http.StatusInternalServerError))
		if entry, ok := a.Errors.Entry(e.Code); ok {
			outcome.Status = new(int32(entry.HTTP))
		}
	}
	// The caller may be gone by now; what was done is recorded all the same.
	if err := a.Recorder.Record(context.WithoutCancel(ctx), outcome); err != nil && failed == nil {
		return err
	}
	return failed
}

func (a Audit) entry(ctx context.Context, p place, action string, v store.Version) (*authv1.LogEntry, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(v.Body))
	text := hex.EncodeToString(digest[:])
	e := &authv1.LogEntry{
		Id: id.String(), EnvironmentId: p.environment, LogType: "admin", CreatedAt: timestamppb.New(a.Now()),
		ActorKind: p.caller.Grant.Kind, ActorId: p.caller.Grant.TokenID, Action: action, ArgumentsDigest: &text,
		RequestId: interceptor.RequestIDFrom(ctx),
	}
	if p.account != "" {
		e.IntegratedAccountId = &p.account
	}
	if client, ok := strings.CutPrefix(v.Author, "agent:"); ok {
		e.Client = &client
	}
	return e, nil
}
