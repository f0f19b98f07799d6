package rpcerr

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
)

// A Violation says which field of a request is wrong, and why.
type Violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// An Error is a fault that the caller may know about, with a private cause.
// Everything but the cause is public. The With methods return changed copies,
// so an Error may be a shared value.
type Error struct {
	Code Code
	// Message replaces the table's text.
	Message string
	// Origin is who failed; empty means the table's domain.
	Origin string
	// Status overrides the table's HTTP status; 0 keeps it.
	Status int
	// RetryAfter is how long to wait before a retry makes sense; 0 when unknown.
	RetryAfter time.Duration
	// Fix replaces the table's suggestion.
	Fix string
	// Details are further facts for the caller; values must encode as JSON.
	Details map[string]any
	// Violations name the fields that are wrong.
	Violations []Violation
	// Raw is the body of the upstream that failed, already redacted.
	Raw json.RawMessage `json:",omitempty"`
	// Retryable overrides the table's answer; nil keeps it.
	Retryable *bool

	cause error
	// rpc is what a peer answered, for a code that only the peer knows.
	rpc connect.Code
}

// New makes an error. An empty message leaves the text to the table.
func New(c Code, msg string) *Error { return &Error{Code: c, Message: msg} }

// Newf makes an error with a formatted public message.
func Newf(c Code, format string, args ...any) *Error {
	return New(c, fmt.Sprintf(format, args...))
}

// Invalid makes a VALIDATION_FAILED error about one field.
func Invalid(field, description string) *Error {
	e := New(ValidationFailed, field+": "+description)
	e.Violations = []Violation{{Field: field, Description: description}}
	return e
}

// Error is for logs: it includes the private cause.
func (e *Error) Error() string {
	text := string(e.Code)
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.cause != nil {
		text += " (" + e.cause.Error() + ")"
	}
	return text
}

// Unwrap gives the private cause.
func (e *Error) Unwrap() error { return e.cause }

// WithCause attaches what really happened, for the log only.
func (e *Error) WithCause(err error) *Error {
	c := *e
	c.cause = err
	return &c
}

// WithFix replaces the suggested fix.
func (e *Error) WithFix(fix string) *Error {
	c := *e
	c.Fix = fix
	return &c
}

// WithDetail adds a fact for the caller.
func (e *Error) WithDetail(k string, v any) *Error {
	c := *e
	c.Details = make(map[string]any, len(e.Details)+1)
	maps.Copy(c.Details, e.Details)
	c.Details[k] = v
	return &c
}

// WithRetryAfter says when a retry makes sense.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// CodeOf gives the code of an error, our own or another service's, and "" when
// it has none. It tells a caller what to do next; what to show is for a Table.
func CodeOf(err error) Code {
	switch e := err.(type) {
	case nil:
		return ""
	case *Error:
		return e.Code
	case *connect.Error:
		if e.IsRemote() {
			return reasonOf(e)
		}
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if c := CodeOf(part); c != "" {
				return c
			}
		}
		return ""
	}
	return CodeOf(errors.Unwrap(err))
}

// reasonOf reads the code in the details of a remote error.
func reasonOf(e *connect.Error) Code {
	for _, d := range e.Details() {
		var info errdetails.ErrorInfo
		if d.Type == string(info.ProtoReflect().Descriptor().FullName()) && proto.Unmarshal(d.Value, &info) == nil {
			return Code(info.GetReason())
		}
	}
	return ""
}

// relayed marks another service's error as fit for our own caller.
type relayed struct{ err error }

func (r relayed) Error() string { return r.err.Error() }
func (r relayed) Unwrap() error { return r.err }

// Relay marks another service's error to be passed on with its code, text and
// details. Without it a remote error reaches our caller as INTERNAL: what one
// service may tell us is not always what we may tell others.
func Relay(err error) error {
	if err == nil {
		return nil
	}
	return relayed{err}
}
