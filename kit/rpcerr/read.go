package rpcerr

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// shaped is the cause of a connect error that a table made: the error is
// already in its final form, and the log can still read the private half.
type shaped struct {
	err       *Error
	requestID string
}

func (s shaped) Error() string { return s.err.Error() }
func (s shaped) Unwrap() error { return s.err }

// From reads any error: our own, a context error, or the error of a remote
// service with its details, whether it came by connect or by gRPC. It never
// returns nil for a non-nil error. The result of reading a remote error holds
// that service's public half, so showing it to our caller is a choice; see
// [Relay].
func (t *Table) From(err error) *Error {
	if err == nil {
		return nil
	}
	e, remote := t.decide(err, false)
	if remote != nil {
		return t.fromRemote(remote)
	}
	return t.orPlain(e, err)
}

// public reads an error for showing it: a remote error that nobody relayed
// stays private.
func (t *Table) public(err error) *Error {
	e, remote := t.decide(err, false)
	switch {
	case remote == nil:
		return t.orPlain(e, err)
	case remote.relay:
		return t.fromRemote(remote)
	default:
		return New(Internal, "").WithCause(err)
	}
}

func (t *Table) orPlain(e *Error, err error) *Error {
	if e != nil {
		return e
	}
	return t.fromPlain(err)
}

// peer is an error that another service answered with.
type peer struct {
	err     error
	code    connect.Code
	text    string
	details []detail
	relay   bool
}

type detail struct {
	name  string
	value []byte
}

// decide walks the tree of errors from the outside and stops at the first that
// says what happened: our own error, or a peer's. It must not look behind a
// peer's: in process, the peer's private half hangs there.
func (t *Table) decide(err error, relay bool) (*Error, *peer) {
	switch e := err.(type) {
	case nil:
		return nil, nil
	case *Error:
		return e, nil
	case relayed:
		relay = true
	case *connect.Error:
		if e.IsRemote() {
			return nil, connectPeer(e, relay)
		}
		return t.fromLocal(e), nil
	case interface{ GRPCStatus() *status.Status }:
		return nil, grpcPeer(err, e.GRPCStatus(), relay)
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if own, remote := t.decide(part, relay); own != nil || remote != nil {
				return own, remote
			}
		}
		return nil, nil
	}
	return t.decide(errors.Unwrap(err), relay)
}

// fromPlain reads an error that carries no code.
func (t *Table) fromPlain(err error) *Error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, context.Canceled):
		return New(Cancelled, "").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return New(DeadlineExceeded, "").WithCause(err)
	case errors.As(err, &tooLarge):
		return New(RequestTooLarge, "").WithDetail("limit_bytes", tooLarge.Limit).WithCause(err)
	default:
		return New(Internal, "").WithCause(err)
	}
}

// fromLocal reads a connect error made in this process: by a table, by the RPC
// library (a body that does not parse, a message over the limit) or by a
// handler that did without this package. The last two keep their code and lose
// their text, unless an *Error caused them, as when a codec says what is wrong.
func (t *Table) fromLocal(ce *connect.Error) *Error {
	cause := errors.Unwrap(ce)
	if s, ok := cause.(shaped); ok {
		return s.err
	}
	if e, remote := t.decide(cause, false); e != nil && remote == nil {
		return e
	}
	if e := t.fromPlain(cause); e.Code != Internal {
		return e
	}
	if ce.Code() == connect.CodeCanceled && cause != nil {
		// A connection that the peer reset: connect calls that cancelled, but
		// nobody gave up.
		return New(Unavailable, "").WithCause(ce)
	}
	return New(codeOf(ce.Code()), "").WithCause(ce)
}

func connectPeer(ce *connect.Error, relay bool) *peer {
	p := &peer{err: ce, code: ce.Code(), text: ce.Message(), relay: relay}
	for _, d := range ce.Details() {
		p.details = append(p.details, detail{d.Type, d.Value})
	}
	return p
}

func grpcPeer(err error, s *status.Status, relay bool) *peer {
	p := &peer{err: err, code: connect.Code(s.Code()), text: s.Message(), relay: relay}
	for _, d := range s.Proto().GetDetails() {
		p.details = append(p.details, detail{string(d.MessageName()), d.GetValue()})
	}
	return p
}

// fromRemote rebuilds the error that the peer's table made.
func (t *Table) fromRemote(p *peer) *Error {
	e := New(codeOf(p.code), "").WithCause(p.err)
	e.rpc = p.code
	for _, d := range p.details {
		switch d.name {
		case "google.rpc.ErrorInfo":
			var info errdetails.ErrorInfo
			if proto.Unmarshal(d.value, &info) == nil && info.GetDomain() == t.domain {
				e.Message = p.text
				e.readInfo(&info, t.domain)
			}
		case "google.rpc.RetryInfo":
			var retry errdetails.RetryInfo
			if proto.Unmarshal(d.value, &retry) == nil {
				e.RetryAfter = retry.GetRetryDelay().AsDuration()
			}
		case "google.rpc.BadRequest":
			var bad errdetails.BadRequest
			if proto.Unmarshal(d.value, &bad) == nil {
				for _, v := range bad.GetFieldViolations() {
					e.Violations = append(e.Violations, Violation{v.GetField(), v.GetDescription()})
				}
			}
		}
	}
	return e
}

func (e *Error) readInfo(info *errdetails.ErrorInfo, domain string) {
	e.Code = Code(info.GetReason())
	for k, v := range info.GetMetadata() {
		switch k {
		case metaOrigin:
			if v != domain {
				e.Origin = v
			}
		case metaRetryable:
			retryable := v == "true"
			e.Retryable = &retryable
		case metaFix:
			e.Fix = v
		case metaStatus:
			e.Status, _ = strconv.Atoi(v)
		case metaRetryAfter:
			if s, err := strconv.Atoi(v); err == nil && e.RetryAfter == 0 {
				e.RetryAfter = time.Duration(s) * time.Second
			}
		case metaDetails:
			// Numbers keep their digits.
			dec := json.NewDecoder(strings.NewReader(v))
			dec.UseNumber()
			_ = dec.Decode(&e.Details)
		case metaRaw:
			e.Raw = json.RawMessage(v)
		}
	}
}
