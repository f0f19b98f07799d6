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
	"errors"
	"fmt"
	"strconv"
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

// appendBody appends the canonical bytes of an entry. They are what encoding/json makes of a [Body] without HTML escapes, several times cheaper.
func appendBody(b []byte, e *authv1.LogEntry, sequence int64) ([]byte, error) {
	w := members{b: append(b, '{')}
	w.text("id", e.GetId())
	w.text("environment_id", e.GetEnvironmentId())
	w.number("sequence", sequence)
	w.text("log_type", e.GetLogType())
	w.text("phase", e.GetPhase())
	w.time("created_at", e.GetCreatedAt().AsTime())
	w.optional("actor_kind", e.GetActorKind())
	w.optional("actor_id", e.GetActorId())
	w.text("action", e.GetAction())
	w.optional("integrated_account_id", e.GetIntegratedAccountId())
	w.optional("mcp_server_id", e.GetMcpServerId())
	w.optional("tool_name", e.GetToolName())
	w.optional("client", e.GetClient())
	w.optionalNumber("status", e.GetStatus())
	w.optional("code", e.GetCode())
	w.optionalNumber("upstream_status", e.GetUpstreamStatus())
	if e.DurationMs != nil {
		w.number("duration_ms", int64(e.GetDurationMs()))
	}
	w.optional("arguments_digest", e.GetArgumentsDigest())
	w.json("arguments", e.GetArguments().GetJson())
	w.optional("request_id", e.GetRequestId())
	w.optional("trace_id", e.GetTraceId())
	w.optional("intent_id", e.GetIntentId())
	if w.err != nil {
		return nil, fmt.Errorf("audit: encode entry %s: %w", e.GetId(), w.err)
	}
	return append(w.b, '}'), nil
}

// members writes the members of a JSON object.
type members struct {
	b   []byte
	err error
}

func (w *members) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(append(append(w.b, '"'), name...), '"', ':')
}

func (w *members) optional(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *members) text(name, value string) {
	w.name(name)
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			w.encode(value)
			return
		}
	}
	w.b = append(append(append(w.b, '"'), value...), '"')
}

func (w *members) number(name string, value int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, value, 10)
}

func (w *members) optionalNumber(name string, value int32) {
	if value != 0 {
		w.number(name, int64(value))
	}
}

func (w *members) time(name string, value time.Time) {
	w.name(name)
	// The same as timeFormat, of which the library knows only the first part by heart.
	value = value.UTC()
	w.b = bytes.TrimSuffix(value.AppendFormat(append(w.b, '"'), time.RFC3339), []byte("Z"))
	micros := 1e6 + int64(value.Nanosecond()/1e3)
	at := len(w.b)
	w.b = append(strconv.AppendInt(w.b, micros, 10), `Z"`...)
	w.b[at] = '.' // in place of the million that keeps the zeros
}

func (w *members) json(name string, value json.RawMessage) {
	if len(value) > 0 {
		w.name(name)
		w.encode(value)
	}
}

// encode has encoding/json write a value that is not plain.
func (w *members) encode(value any) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	w.err = errors.Join(w.err, enc.Encode(value))
	w.b = append(w.b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

// domain begins what is hashed, so that the hash of an entry is that of nothing else.
const domain = "sando.audit.v1\n"

// Hash links a body to the hash of the entry before it.
func Hash(previous, body []byte) []byte {
	h := sha256.New()
	h.Write([]byte(domain))
	h.Write(previous)
	h.Write(body)
	return h.Sum(nil)
}

// rowSize is enough for what is hashed of an ordinary entry, in bytes.
const rowSize = 768

// link makes the row of an entry that follows a chain's head.
func link(e *authv1.LogEntry, head store.ChainHead) (store.LogEntry, error) {
	sequence := head.Sequence + 1
	// The body is written behind what it is hashed with: see Hash.
	hashed := append(append(make([]byte, 0, rowSize), domain...), head.Hash...)
	start := len(hashed)
	hashed, err := appendBody(hashed, e, sequence)
	if err != nil {
		return store.LogEntry{}, err
	}
	hash := sha256.Sum256(hashed)
	return store.LogEntry{
		EnvironmentID: e.GetEnvironmentId(), Sequence: sequence, ID: e.GetId(), Type: e.GetLogType(), CreatedAt: e.GetCreatedAt().AsTime(),
		AccountID: e.GetIntegratedAccountId(), MCPServerID: e.GetMcpServerId(), ToolName: e.GetToolName(), Status: int(e.GetStatus()),
		Body: hashed[start:], Hash: hash[:],
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
