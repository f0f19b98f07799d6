package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

var (
	errSilent   = errors.New("no answer within the header timeout")
	errStalled  = errors.New("the body stalled")
	errTooLarge = errors.New("the body is over the limit")
	errHeader   = errors.New("the header is over the limit")
)

// bodyError marks a failure of the caller's own request body.
type bodyError struct{ cause error }

func (e *bodyError) Error() string { return "read the request body: " + e.cause.Error() }
func (e *bodyError) Unwrap() error { return e.cause }

// classify names what went wrong in an attempt. Parent is the caller's
// context; why the watch cut the attempt explains what came after.
func classify(parent context.Context, w *watch, err error, sent bool) *Error {
	e := &Error{Sent: sent, cause: err}
	switch cause := w.why(); {
	case parent.Err() != nil:
		e.cause = context.Cause(parent)
		e.Kind = KindCancelled
		if errors.Is(parent.Err(), context.DeadlineExceeded) {
			e.Kind, e.Timeout = KindTimeout, true
		}
		return e
	case cause == errSilent || cause == errStalled:
		e.Kind, e.Timeout, e.cause = KindTimeout, true, cause
		return e
	}
	e.Kind, e.Timeout = kindOf(err)
	return e
}

func kindOf(err error) (kind Kind, timeout bool) {
	if body, ok := errors.AsType[*bodyError](err); ok {
		return KindBody, isTimeout(body)
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return KindDNS, isTimeout(err)
	}
	if _, ok := errors.AsType[*tlsError](err); ok {
		return KindTLS, isTimeout(err)
	}
	if _, ok := errors.AsType[*dialError](err); ok {
		return KindDial, isTimeout(err)
	}
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, errHeader),
		// Go's transport has no error value for this.
		strings.Contains(err.Error(), "response headers exceeded"):
		return KindTooLarge, false
	case isTimeout(err):
		return KindTimeout, true
	case isBroken(err):
		return KindReset, false
	}
	return KindProtocol, false
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

func isBroken(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.ErrClosedPipe) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return true
	}
	_, ok := errors.AsType[*net.OpError](err)
	// Go's transport has no error value for this.
	return ok || strings.Contains(err.Error(), "server closed idle connection")
}

// blames tells whether a failed attempt of the given length counts against
// the provider.
func (b *Breaker) blames(e *Error, took time.Duration) bool {
	switch e.Kind {
	case KindDNS, KindDial, KindTLS, KindReset, KindProtocol:
		return true
	case KindTimeout:
		return errors.Is(e.cause, errSilent) || took >= b.Patience
	}
	return false
}
