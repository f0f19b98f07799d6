// Package rpcerr gives every fault of a service one shape, whatever transport
// carries it.
//
// A handler returns an [*Error]: a code, a text for the caller and a private
// cause that only the log sees. A [Table] knows, for each code, the HTTP
// status, the RPC code, a default text and a suggested fix; it turns errors
// into connect errors (google.rpc.ErrorInfo, RetryInfo and BadRequest as
// details) and into the JSON object of REST, and reads both back.
//
// Only an *Error, and an error of another service that was marked with
// [Relay], show text. Everything else leaves as INTERNAL without a word.
package rpcerr

import "connectrpc.com/connect/v2"

// A Code names a fault. Codes are stable: callers branch on them.
type Code string

// The codes that the plumbing itself answers with. Every table must hold them.
const (
	Internal             Code = "INTERNAL"
	Unauthenticated      Code = "UNAUTHENTICATED"
	PermissionDenied     Code = "PERMISSION_DENIED"
	NotFound             Code = "NOT_FOUND"
	MethodNotAllowed     Code = "METHOD_NOT_ALLOWED"
	UnsupportedMediaType Code = "UNSUPPORTED_MEDIA_TYPE"
	ValidationFailed     Code = "VALIDATION_FAILED"
	RequestTooLarge      Code = "REQUEST_TOO_LARGE"
	DeadlineExceeded     Code = "DEADLINE_EXCEEDED"
	Cancelled            Code = "CANCELLED"
	Unavailable          Code = "UNAVAILABLE"
	Unimplemented        Code = "UNIMPLEMENTED"
	Conflict             Code = "CONFLICT"
	ResultTooLarge       Code = "RESULT_TOO_LARGE"
	RateLimited          Code = "RATE_LIMITED"
)

// plumbing lists the codes above.
func plumbing() []Code {
	return []Code{
		Internal, Unauthenticated, PermissionDenied, NotFound, MethodNotAllowed,
		UnsupportedMediaType, ValidationFailed, RequestTooLarge, DeadlineExceeded,
		Cancelled, Unavailable, Unimplemented, Conflict, ResultTooLarge, RateLimited,
	}
}

// codeOf says which code stands for a bare RPC code: one that came without
// details, from the RPC library or from a peer that speaks another dialect.
func codeOf(c connect.Code) Code {
	switch c {
	case connect.CodeCanceled:
		return Cancelled
	case connect.CodeInvalidArgument, connect.CodeOutOfRange:
		return ValidationFailed
	case connect.CodeDeadlineExceeded:
		return DeadlineExceeded
	case connect.CodeNotFound:
		return NotFound
	case connect.CodeAlreadyExists, connect.CodeAborted, connect.CodeFailedPrecondition:
		return Conflict
	case connect.CodePermissionDenied:
		return PermissionDenied
	case connect.CodeResourceExhausted:
		return RequestTooLarge
	case connect.CodeUnimplemented:
		return Unimplemented
	case connect.CodeUnavailable:
		return Unavailable
	case connect.CodeUnauthenticated:
		return Unauthenticated
	default:
		return Internal
	}
}
