package rpcerr

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Keys of ErrorInfo.metadata: what the REST object holds and google.rpc has no
// field for.
const (
	metaOrigin     = "origin"
	metaRetryable  = "retryable"
	metaFix        = "suggested_fix"
	metaRequestID  = "request_id"
	metaStatus     = "http_status"
	metaRetryAfter = "retry_after"
	metaDetails    = "details"
	metaRaw        = "raw_response"
)

// maxRaw bounds the upstream body that an error carries: details travel in
// headers, and headers are bounded.
const maxRaw = 4 << 10

// Connect gives the error its form for the wire: the code and text, and
// ErrorInfo, RetryInfo and BadRequest as details. Applied to its own result it
// changes nothing. It returns nil for nil.
func (t *Table) Connect(err error, requestID string) *connect.Error {
	out := t.Bare(err, requestID)
	if out == nil || out == err {
		return out
	}
	e := errors.Unwrap(out).(shaped).err
	entry := t.entry(e)
	out = withDetail(out, t.info(e, entry, requestID))
	if e.RetryAfter > 0 {
		out = withDetail(out, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
	}
	if len(e.Violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range e.Violations {
			bad.FieldViolations = append(bad.FieldViolations,
				&errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.Description})
		}
		out = withDetail(out, bad)
	}
	return out
}

// Bare is Connect for an error that no RPC will carry: it leaves out the
// details, which are for the wire and cost more than the rest.
func (t *Table) Bare(err error, requestID string) *connect.Error {
	if err == nil {
		return nil
	}
	if ce, ok := err.(*connect.Error); ok && ce != nil && !ce.IsRemote() {
		if s, ok := errors.Unwrap(ce).(shaped); ok && (s.requestID != "" || requestID == "") {
			return ce
		}
	}
	e := t.public(err)
	entry := t.entry(e)
	return connect.NewError(entry.RPC, strings.ToValidUTF8(e.text(entry), "\uFFFD")).WithCause(shaped{e, requestID})
}

func withDetail(e *connect.Error, m proto.Message) *connect.Error {
	d, err := connectproto.NewErrorDetail(m)
	if err != nil {
		// A violation that is not UTF-8; the error without it is still true.
		return e
	}
	return e.WithDetail(d)
}

func (t *Table) info(e *Error, entry Entry, requestID string) *errdetails.ErrorInfo {
	meta := map[string]string{
		metaOrigin:    t.origin(e),
		metaRetryable: strconv.FormatBool(e.retryable(entry)),
		metaStatus:    strconv.Itoa(e.status(entry)),
	}
	if requestID != "" {
		meta[metaRequestID] = requestID
	}
	if fix := e.fix(entry); fix != "" {
		meta[metaFix] = fix
	}
	if e.RetryAfter > 0 {
		meta[metaRetryAfter] = strconv.Itoa(seconds(e.RetryAfter))
	}
	if len(e.Details) > 0 {
		if b, err := json.Marshal(e.Details); err == nil {
			meta[metaDetails] = string(b)
		}
	}
	if raw := e.raw(); raw != nil {
		meta[metaRaw] = string(raw)
	}
	for k, v := range meta {
		// A string that is not UTF-8 would cost the whole detail.
		meta[k] = strings.ToValidUTF8(v, "\uFFFD")
	}
	return &errdetails.ErrorInfo{Reason: string(entry.Code), Domain: t.domain, Metadata: meta}
}

func (t *Table) origin(e *Error) string {
	if e.Origin != "" {
		return e.Origin
	}
	return t.domain
}

func (e *Error) text(entry Entry) string {
	if e.Message != "" {
		return e.Message
	}
	return entry.Text
}

func (e *Error) fix(entry Entry) string {
	if e.Fix != "" {
		return e.Fix
	}
	return entry.Fix
}

func (e *Error) status(entry Entry) int {
	if e.Status != 0 {
		return e.Status
	}
	return entry.HTTP
}

func (e *Error) retryable(entry Entry) bool {
	if e.Retryable != nil {
		return *e.Retryable
	}
	return entry.Retryable
}

// raw gives the upstream's body as valid JSON within bounds: a longer one, or
// one that is not JSON, becomes a string of its first bytes.
func (e *Error) raw() json.RawMessage {
	if len(e.Raw) == 0 {
		return nil
	}
	if len(e.Raw) <= maxRaw && json.Valid(e.Raw) {
		return e.Raw
	}
	head := e.Raw[:min(len(e.Raw), maxRaw)]
	for cut := 0; cut < utf8.UTFMax && !utf8.Valid(head) && len(head) > 0; cut++ {
		head = head[:len(head)-1]
	}
	quoted, err := json.Marshal(string(head))
	if err != nil {
		return nil
	}
	return quoted
}

// seconds rounds up: retrying early is never right.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
