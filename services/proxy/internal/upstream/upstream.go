// Package upstream carries requests to a provider: the only code of the
// product that opens connections to one.
//
// A [Client] knows HTTP and nothing of what is asked. It keeps connections
// alive per origin, asks for gzip and unpacks it, bounds what it reads, cuts a
// provider that stalls, repeats a read that failed on the way, and stops
// asking a provider that keeps failing. It follows no redirect, keeps no
// cookie, and sends a write a second time only when not one byte of the first
// attempt left the process.
package upstream

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// A Request is one call of a provider.
type Request struct {
	// Method is the verb, in capitals.
	Method string
	// URL is absolute, http or https, without user information. It is never
	// logged nor part of an error: it may hold secrets.
	URL *url.URL
	// Header is sent without what belongs to one hop (RFC 9110, section
	// 7.6.1), Host, Content-Length and Accept-Encoding, which the client sets
	// itself. It is not changed.
	Header http.Header
	// Body is what to send; nil for nothing. It stays the caller's to close.
	// A provider that answers before it has everything may have Body read
	// until Response.Body is closed.
	Body io.Reader
	// GetBody gives the body afresh for a further attempt. Without it a
	// request with a body is sent once.
	GetBody func() (io.Reader, error)
	// ContentLength is the length of Body in bytes; -1 when it is not known,
	// which sends it in chunks.
	ContentLength int64
	// Write says that the request changes something at the provider. It is
	// repeated only where it was provably not sent.
	Write bool
	// Idempotent lifts that limit from a write that the provider counts once
	// however often it arrives.
	Idempotent bool
	// Key names who suffers together, for the circuit breaker: origin and
	// organisation. Empty for no breaker.
	Key string
	// Patience is how long the caller waits for what a provider asks with
	// Retry-After before a further attempt; what is waited is taken off. Nil
	// waits as long as the context lasts.
	Patience *time.Duration
	// Again is asked before each further attempt, to take rate budget for it;
	// an error ends the attempts and the answer or error at hand stands. Nil
	// allows.
	Again func(ctx context.Context) error
}

// A Response is the provider's answer, whatever its status.
type Response struct {
	Status int
	// Header is without hop-by-hop fields and describes Body as it is:
	// Content-Encoding is gone when the body was unpacked, Content-Length too.
	Header http.Header
	// ContentLength is the length of Body in bytes, -1 when it is not known.
	ContentLength int64
	// Body is never nil and must be closed, by the goroutine that reads it. Its
	// Read fails with an *Error when the provider breaks off, stalls or sends
	// too much. Read to its end it leaves the connection for the next call.
	Body io.ReadCloser
}

// A Client calls providers. It is safe for concurrent use.
type Client interface {
	// Do sends r and returns when the answer's header has arrived. Every error
	// is an *Error. An answer with any status is not an error.
	Do(ctx context.Context, r *Request) (*Response, error)
	// Tripped counts the circuit breakers that let no call pass, and those that
	// let one try.
	Tripped() (open, trying int)
	// Close drops idle connections. Calls in flight go on.
	Close() error
}
