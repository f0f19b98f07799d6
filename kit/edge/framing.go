package edge

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
)

// framing follows the requests of HTTP/1.1 connections far enough to see one
// whose length is said twice: by two Content-Length, two Transfer-Encoding or
// one of each. net/http drops one of them before a handler could see it, and
// what stood in front may have believed the other.
//
// It is for connections without TLS, which an ingress or router keeps open for
// the requests of many callers.
type framing struct{ net.Listener }

// Accept gives the next connection.
func (l framing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &framed{halfCloser: halfCloser{c}}, nil
}

// framed is a connection whose requests are followed.
type framed struct {
	halfCloser
	requests requests
	twice    atomic.Bool
}

func (c *framed) Read(p []byte) (int, error) {
	n, err := c.halfCloser.Read(p)
	c.requests.follow(p[:n])
	if c.requests.twice {
		c.twice.Store(true)
	}
	return n, err
}

type framedKey struct{}

// withFraming lets the requests of a connection find it.
func withFraming(ctx context.Context, c net.Conn) context.Context {
	if f, ok := c.(*framed); ok {
		return context.WithValue(ctx, framedKey{}, f)
	}
	return ctx
}

// lengthTwice reports whether the connection of a request has said the length
// of one twice.
func lengthTwice(r *http.Request) bool {
	f, ok := r.Context().Value(framedKey{}).(*framed)
	return ok && r.ProtoMajor == 1 && f.twice.Load()
}

// halfCloser is a connection that net/http can end in two steps, so that the
// last answer arrives.
type halfCloser struct{ net.Conn }

// CloseWrite ends the sending side.
func (c halfCloser) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// requests is where in a row of requests the bytes of a connection have come to.
type requests struct {
	state state
	line  [64]byte // how the current line begins
	n     int      // bytes of it that are kept
	long  bool     // it has more
	skip  uint64   // bytes of a body or chunk to come

	begun              bool // past the first line of a header
	lengths, encodings int
	length             uint64

	twice bool
}

type state int

const (
	inHeader state = iota
	inBody
	inChunkSize
	inChunk
	inTrailer
	astray // what comes is not followed: HTTP/2, or no HTTP that net/http takes
)

func (r *requests) follow(p []byte) {
	for len(p) > 0 && r.state != astray && !r.twice {
		if r.state == inBody || r.state == inChunk {
			n := min(r.skip, uint64(len(p)))
			r.skip, p = r.skip-n, p[n:]
			if r.skip == 0 {
				r.endBody()
			}
			continue
		}
		part, rest, ended := bytes.Cut(p, []byte{'\n'})
		kept := copy(r.line[r.n:], part)
		r.n, r.long, p = r.n+kept, r.long || kept < len(part), rest
		if ended {
			r.endLine(bytes.TrimSuffix(r.line[:r.n], []byte{'\r'}))
			r.n, r.long = 0, false
		}
	}
}

// endBody goes on after a body, or after the data of a chunk, whose own line
// end is the empty line that inChunkSize passes over.
func (r *requests) endBody() {
	if r.state == inChunk {
		r.state = inChunkSize
		return
	}
	r.next()
}

// next awaits another request.
func (r *requests) next() { *r = requests{} }

func (r *requests) endLine(line []byte) {
	switch r.state {
	case inChunkSize:
		r.chunk(line)
	case inTrailer:
		if len(line) == 0 {
			r.next()
		}
	default:
		r.header(line)
	}
}

func (r *requests) header(line []byte) {
	switch {
	case !r.begun && len(line) == 0: // net/http passes over empty lines between requests
	case !r.begun && bytes.HasPrefix(line, []byte("PRI * HTTP/2")):
		r.state = astray
	case !r.begun:
		r.begun = true
	case len(line) == 0:
		r.endHeader()
	default:
		name, value, _ := bytes.Cut(line, []byte{':'})
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			r.lengths++
			r.takeLength(bytes.TrimSpace(value))
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			r.encodings++
		}
	}
}

// takeLength reads a Content-Length. What cannot be read here, net/http
// refuses, but for a number that comes after a lot of spaces.
func (r *requests) takeLength(value []byte) {
	n, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil || r.long {
		r.lengths++
	}
	r.length = n
}

func (r *requests) endHeader() {
	switch {
	case r.lengths+r.encodings > 1:
		r.twice = true
	case r.encodings == 1:
		r.state = inChunkSize
	case r.length > 0:
		r.state, r.skip = inBody, r.length
	default:
		r.next()
	}
}

func (r *requests) chunk(line []byte) {
	if len(line) == 0 {
		return
	}
	size, _, _ := bytes.Cut(line, []byte{';'})
	n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 63)
	switch {
	case err != nil:
		r.state = astray
	case n == 0:
		r.state = inTrailer
	default:
		r.state, r.skip = inChunk, n
	}
}
