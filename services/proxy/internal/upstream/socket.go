package upstream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// A socket is the far end of a connection, below TLS where there is TLS. It can be asked whether
// anything is there to be read, without waiting, and so can whatever reads from it: in a probe its
// reads fail at once, with errQuiet, where they would wait.
type socket struct {
	net.Conn
	secured bool // TLS reads from it
	records records

	probing   bool
	disturbed bool // TLS wanted to write during a probe
	first     [len(timedOut)]byte
	raw       syscall.RawConn // nil where it cannot be read without waiting
	read      func(fd uintptr) bool
	into      []byte // where read reads to
	n         int    // what it found
	err       error
}

// errQuiet is the answer to a probe of a connection that has nothing to say. It is temporary
// because crypto/tls keeps any other error for good.
var errQuiet net.Error = quietError{}

type quietError struct{}

func (quietError) Error() string   { return "nothing to read" }
func (quietError) Timeout() bool   { return true }
func (quietError) Temporary() bool { return true }

// errProbing is the answer to a write during a probe, which must not wait either.
var errProbing = errors.New("a probe does not write")

func newSocket(c net.Conn) *socket {
	s := &socket{Conn: c}
	s.raw, s.read = rawRead(s)
	return s
}

func (s *socket) Read(p []byte) (int, error) {
	var n int
	var err error
	if s.probing && s.raw != nil {
		n, err = s.look(p)
	} else {
		n, err = s.Conn.Read(p)
	}
	if s.secured {
		s.records.follow(p[:n])
	}
	return n, err
}

func (s *socket) Write(p []byte) (int, error) {
	if s.probing {
		s.disturbed = true
		return 0, errProbing
	}
	return s.Conn.Write(p)
}

// look reads what is there, without waiting.
func (s *socket) look(p []byte) (int, error) {
	s.into, s.n, s.err = p, 0, nil
	err := s.raw.Read(s.read)
	s.into = nil
	switch {
	case err != nil:
		return 0, err
	case s.err != nil:
		return 0, s.err
	case s.n == 0:
		return 0, io.EOF
	}
	return s.n, nil
}

// A finding is what a probe of an idle connection has found.
type finding int

const (
	quiet   finding = iota // open, with nothing to read at any layer
	dead                   // closed, about to be, or in the middle of a record
	surplus                // it holds bytes of an answer that nobody asked for
)

// timedOut begins what some servers and balancers say before they close a connection that was
// idle for too long.
const timedOut = "HTTP/1.1 408"

// patience is how long a connection that cannot be asked without waiting is listened to.
const patience = time.Millisecond

// probe asks top, which is the socket or the TLS above it, for a byte. TLS takes in the messages
// that concern only itself, such as session tickets, and asks further, so that exactly errQuiet
// says that nothing is left: neither here nor in a buffer of TLS. Nobody else may use the
// connection meanwhile.
func (s *socket) probe(top net.Conn) finding {
	s.probing = true
	n, err := s.ask(top)
	s.probing = false
	switch {
	case n > 0 && !bytes.HasPrefix([]byte(timedOut), s.first[:n]):
		return surplus
	case n > 0 || err != errQuiet || s.disturbed || !s.records.whole(): //nolint:errorlint // exactly that error
		return dead
	}
	return quiet
}

func (s *socket) ask(top net.Conn) (int, error) {
	if s.raw != nil {
		return top.Read(s.first[:])
	}
	if err := s.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	n, err := top.Read(s.first[:])
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	if err := s.SetReadDeadline(time.Time{}); err != nil {
		return n, err
	}
	return n, errQuiet
}

// records follows the records of TLS by their headers (RFC 8446, section 5.1), to tell whether
// the bytes so far end in the middle of one: TLS holds these back and says nothing of them.
type records struct {
	header [5]byte
	have   int // bytes of the header
	left   int // bytes of the record to come
}

func (r *records) follow(p []byte) {
	for len(p) > 0 {
		if r.left > 0 {
			n := min(r.left, len(p))
			r.left -= n
			p = p[n:]
			continue
		}
		n := copy(r.header[r.have:], p)
		p = p[n:]
		if r.have += n; r.have == len(r.header) {
			r.have, r.left = 0, int(r.header[3])<<8|int(r.header[4])
		}
	}
}

func (r *records) whole() bool { return r.have == 0 && r.left == 0 }
