package kittest

import (
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// Errors makes a table of the codes that the plumbing needs, in the domain
// "sando", plus the entries given.
func Errors(t testing.TB, more ...rpcerr.Entry) *rpcerr.Table {
	t.Helper()
	entry := func(c rpcerr.Code, http int, rpc connect.Code, text, fix string, retryable bool) rpcerr.Entry {
		return rpcerr.Entry{Code: c, HTTP: http, RPC: rpc, Text: text, Fix: fix, Retryable: retryable}
	}
	table, err := rpcerr.NewTable("sando", append([]rpcerr.Entry{
		entry(rpcerr.Internal, 500, connect.CodeInternal, "Something went wrong on our side.", "", true),
		entry(rpcerr.Unauthenticated, 401, connect.CodeUnauthenticated, "The token is not valid.", "Send a valid token.", false),
		entry(rpcerr.PermissionDenied, 403, connect.CodePermissionDenied, "The token may not do this.", "", false),
		entry(rpcerr.NotFound, 404, connect.CodeNotFound, "There is no such thing.", "", false),
		entry(rpcerr.MethodNotAllowed, 405, connect.CodeUnimplemented, "The method is not allowed here.", "", false),
		entry(rpcerr.UnsupportedMediaType, 415, connect.CodeInvalidArgument, "The body has the wrong type.", "", false),
		entry(rpcerr.ValidationFailed, 400, connect.CodeInvalidArgument, "The request is not valid.", "Read details.violations.", false),
		entry(rpcerr.RequestTooLarge, 413, connect.CodeResourceExhausted, "The body is too large.", "", false),
		entry(rpcerr.DeadlineExceeded, 504, connect.CodeDeadlineExceeded, "The time was not enough.", "", true),
		entry(rpcerr.Cancelled, 499, connect.CodeCanceled, "The caller went away.", "", true),
		entry(rpcerr.Unavailable, 503, connect.CodeUnavailable, "Not available now.", "Try again.", true),
		entry(rpcerr.Unimplemented, 501, connect.CodeUnimplemented, "This does not exist yet.", "", false),
		entry(rpcerr.Conflict, 409, connect.CodeAborted, "It conflicts with what is there.", "", false),
		entry(rpcerr.ResultTooLarge, 413, connect.CodeResourceExhausted, "The result is too large.", "Ask for less.", false),
		entry(rpcerr.RateLimited, 429, connect.CodeResourceExhausted, "Too many calls.", "Wait.", true),
	}, more...))
	if err != nil {
		t.Fatal(err)
	}
	return table
}
