// Package audit keeps the log of an environment as a chain of hashes, so that an entry can be neither changed nor dropped without trace.
//
// The body of an entry is one JSON object with its members in the order of [Body], times in RFC 3339 with microseconds, empty members left
// out, no space between tokens and no HTML escapes. These bytes are stored and exported as they are; nobody has to encode an entry again to
// check it. The hash of an entry is
//
//	SHA-256("sando.audit.v1\n" || previous hash (32 bytes, none for the first entry) || body)
//
// and the body holds environment and sequence, so that an entry fits one place of one chain only.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// Body is what the hash of an entry covers.
type Body struct {
	ID              string          `json:"id"`
	EnvironmentID   string          `json:"environment_id"`
	Sequence        int64           `json:"sequence"`
	LogType         string          `json:"log_type"`
	Phase           string          `json:"phase"`
	CreatedAt       string          `json:"created_at"`
	ActorKind       string          `json:"actor_kind,omitempty"`
	ActorID         string          `json:"actor_id,omitempty"`
	Action          string          `json:"action"`
	AccountID       string          `json:"integrated_account_id,omitempty"`
	MCPServerID     string          `json:"mcp_server_id,omitempty"`
	ToolName        string          `json:"tool_name,omitempty"`
	Client          string          `json:"client,omitempty"`
	Status          int32           `json:"status,omitempty"`
	Code            string          `json:"code,omitempty"`
	UpstreamStatus  int32           `json:"upstream_status,omitempty"`
	DurationMS      *int32          `json:"duration_ms,omitempty"`
	ArgumentsDigest string          `json:"arguments_digest,omitempty"`
	Arguments       json.RawMessage `json:"arguments,omitempty"`
	RequestID       string          `json:"request_id,omitempty"`
	TraceID         string          `json:"trace_id,omitempty"`
	IntentID        string          `json:"intent_id,omitempty"`
}

// timeFormat is RFC 3339 with exactly the precision that is stored.
const timeFormat = "2006-01-02T15:04:05.000000Z"

func bodyOf(e *authv1.LogEntry, sequence int64) Body {
	return Body{
		ID: e.GetId(), EnvironmentID: e.GetEnvironmentId(), Sequence: sequence, LogType: e.GetLogType(), Phase: e.GetPhase(),
		CreatedAt: e.GetCreatedAt().AsTime().UTC().Format(timeFormat), ActorKind: e.GetActorKind(), ActorID: e.GetActorId(), Action: e.GetAction(),
		AccountID: e.GetIntegratedAccountId(), MCPServerID: e.GetMcpServerId(), ToolName: e.GetToolName(), Client: e.GetClient(),
		Status: e.GetStatus(), Code: e.GetCode(), UpstreamStatus: e.GetUpstreamStatus(), DurationMS: e.DurationMs,
		ArgumentsDigest: e.GetArgumentsDigest(), Arguments: json.RawMessage(e.GetArguments().GetJson()),
		RequestID: e.GetRequestId(), TraceID: e.GetTraceId(), IntentID: e.GetIntentId(),
	}
}

// encode gives the canonical bytes.
func (b Body) encode() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b); err != nil {
		return nil, fmt.Errorf("audit: encode entry %s: %w", b.ID, err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Hash links a body to the hash of the entry before it.
func Hash(previous, body []byte) []byte {
	h := sha256.New()
	h.Write([]byte("sando.audit.v1\n"))
	h.Write(previous)
	h.Write(body)
	return h.Sum(nil)
}

// link makes the row of an entry that follows a chain's head.
func link(e *authv1.LogEntry, head store.ChainHead) (store.LogEntry, error) {
	sequence := head.Sequence + 1
	body, err := bodyOf(e, sequence).encode()
	if err != nil {
		return store.LogEntry{}, err
	}
	return store.LogEntry{
		EnvironmentID: e.GetEnvironmentId(), Sequence: sequence, ID: e.GetId(), Type: e.GetLogType(), CreatedAt: e.GetCreatedAt().AsTime(),
		AccountID: e.GetIntegratedAccountId(), MCPServerID: e.GetMcpServerId(), ToolName: e.GetToolName(), Status: int(e.GetStatus()),
		Body: body, Hash: Hash(head.Hash, body),
	}, nil
}

// Entry reads a stored entry for the API.
func Entry(row store.LogEntry) (*authv1.LogEntry, error) {
	var b Body
	if err := json.Unmarshal(row.Body, &b); err != nil {
		return nil, fmt.Errorf("audit: entry %d of %s: %w", row.Sequence, row.EnvironmentID, err)
	}
	at, err := time.Parse(time.RFC3339Nano, b.CreatedAt)
	if err != nil {
		return nil, fmt.Errorf("audit: entry %d of %s: %w", row.Sequence, row.EnvironmentID, err)
	}
	e := &authv1.LogEntry{
		Id: b.ID, EnvironmentId: b.EnvironmentID, Sequence: b.Sequence, LogType: b.LogType, Phase: b.Phase, CreatedAt: timestamppb.New(at),
		ActorKind: b.ActorKind, ActorId: b.ActorID, Action: b.Action, RequestId: b.RequestID, DurationMs: b.DurationMS,
		IntegratedAccountId: optional(b.AccountID), McpServerId: optional(b.MCPServerID), ToolName: optional(b.ToolName), Client: optional(b.Client),
		Code: optional(b.Code), ArgumentsDigest: optional(b.ArgumentsDigest), TraceId: optional(b.TraceID), IntentId: optional(b.IntentID),
		Hash: hex.EncodeToString(row.Hash),
	}
	if b.Status != 0 {
		e.Status = &b.Status
	}
	if b.UpstreamStatus != 0 {
		e.UpstreamStatus = &b.UpstreamStatus
	}
	if b.Arguments != nil {
		e.Arguments = &rpcv1.RawJson{Json: b.Arguments}
	}
	return e, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
