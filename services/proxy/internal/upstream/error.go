package upstream

import (
	"fmt"
	"time"
)

// A Kind says what went wrong on the way.
type Kind string

const (
	// KindInvalid: the request itself cannot be sent; nothing was.
	KindInvalid Kind = "invalid"
	// KindDNS: the provider's name has no address.
	KindDNS Kind = "dns"
	// KindDial: no connection could be made.
	KindDial Kind = "dial"
	// KindTLS: the handshake failed, a certificate that does not fit included.
	KindTLS Kind = "tls"
	// KindReset: the connection broke, before or within the answer.
	KindReset Kind = "reset"
	// KindTimeout: the provider was silent for too long, or the caller's
	// deadline passed.
	KindTimeout Kind = "timeout"
	// KindProtocol: what came back is not HTTP, or not what was asked for.
	KindProtocol Kind = "protocol"
	// KindTooLarge: header or body are over the limit.
	KindTooLarge Kind = "too_large"
	// KindBreakerOpen: the provider kept failing; nothing was sent.
	KindBreakerOpen Kind = "breaker_open"
	// KindCancelled: the caller went away.
	KindCancelled Kind = "cancelled"
	// KindBody: the caller's own request body could not be read.
	KindBody Kind = "body"
)

// An Error is why there is no answer, or no whole one. Its text names neither
// URL nor header values.
type Error struct {
	Kind Kind
	// Sent says that bytes of the request may have reached the provider. When
	// it is false they provably have not, and will not.
	Sent bool
	// Timeout says that waiting longer might have helped.
	Timeout bool
	// RetryAfter is when trying again makes sense; 0 when that is not known.
	RetryAfter time.Duration

	cause error
}

func (e *Error) Error() string {
	if e.cause == nil {
		return "upstream: " + string(e.Kind)
	}
	return fmt.Sprintf("upstream: %s: %v", e.Kind, e.cause)
}

func (e *Error) Unwrap() error { return e.cause }
