package emulator

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// lingering bounds how long a connection whose end was announced is kept for the peer to close.
const lingering = 10 * time.Second

// raw is the reply as HTTP/1.1 bytes, so that a fault decides what is on the wire where net/http would refuse to write it.
func (rep reply) raw(r *http.Request, length int) []byte {
	header := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
	body := rep.encode(header, r)
	if length >= 0 {
		header.Set("Content-Length", strconv.Itoa(length))
	} else if header.Get("Transfer-Encoding") == "" && length == wholeLength {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	var buffer bytes.Buffer
	fmt.Fprintf(&buffer, "HTTP/1.1 %d %s\r\n", rep.status, http.StatusText(rep.status))
	header.Write(&buffer) //nolint:errcheck // a bytes.Buffer takes everything
	buffer.WriteString("\r\n")
	if header.Get("Transfer-Encoding") == "chunked" {
		fmt.Fprintf(&buffer, "%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		return buffer.Bytes()
	}
	buffer.Write(body)
	return buffer.Bytes()
}

// Lengths that raw announces other than a given one.
const (
	wholeLength = -1 // the length of the body
	noLength    = -2 // none
)

// packets is a connection whose writes can be held and then sent as one TCP segment, or in segments of a size. Below
// tls.Conn it decides how TLS records share segments.
type packets struct {
	net.Conn
	mu   sync.Mutex
	held *bytes.Buffer // nil passes writes through
}

func (p *packets) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held != nil {
		return p.held.Write(b)
	}
	return p.Conn.Write(b)
}

// hold keeps what is written until release.
func (p *packets) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = &bytes.Buffer{}
}

// release sends what was held, in one write or in writes of size bytes.
func (p *packets) release(size int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.held.Bytes()
	p.held = nil
	p.Conn.SetWriteDeadline(time.Now().Add(lingering)) //nolint:errcheck // TLS's goodbye leaves one that has passed
	defer p.Conn.SetWriteDeadline(time.Time{})         //nolint:errcheck // likewise
	return inPieces(held, size, func(piece []byte) error {
		_, err := p.Conn.Write(piece)
		return err
	})
}

// inPieces calls each with pieces of at most size bytes; a size of 0 is everything in one.
func inPieces(b []byte, size int, each func([]byte) error) error {
	if size <= 0 {
		size = max(len(b), 1)
	}
	for len(b) > 0 {
		n := min(size, len(b))
		if err := each(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// packetListener accepts connections as packets.
type packetListener struct{ net.Listener }

func (l packetListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &packets{Conn: conn}, nil
}

// taken is a connection that a fault took from its server to write on it as it likes.
type taken struct {
	conn   net.Conn // the plain or the TLS connection
	held   *packets // below it, nil when the server's listener does not make them
	server *http.Server
	unread io.Reader // what the server had read of the next request; nil when nothing
}

// take takes the connection of a request. Where there is none to take, as under HTTP/2, the answer is aborted.
func take(w http.ResponseWriter, r *http.Request) taken {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	t := taken{conn: conn}
	t.server, _ = r.Context().Value(http.ServerContextKey).(*http.Server)
	inner := conn
	if secure, ok := conn.(*tls.Conn); ok {
		inner = secure.NetConn()
	}
	t.held, _ = inner.(*packets)
	if n := buffered.Reader.Buffered(); n > 0 {
		rest, _ := buffered.Reader.Peek(n) // they are there
		t.unread = bytes.NewReader(bytes.Clone(rest))
	}
	return t
}

// send writes the parts: each is at least one TLS record of its own, at most record bytes long where that is set, and
// all of them leave in one TCP segment, or in segments of the size. notify adds TLS's close_notify to the last.
func (t taken) send(parts [][]byte, record, segment int, notify bool) {
	plain, secure := t.conn, false
	if _, ok := t.conn.(*tls.Conn); ok {
		secure = true
	}
	if !secure {
		all := bytes.Join(parts, nil)
		inPieces(all, cmp.Or(segment, record), func(b []byte) error { _, err := plain.Write(b); return err }) //nolint:errcheck // the client is gone
		return
	}
	if t.held != nil {
		t.held.hold()
		defer t.held.release(segment) //nolint:errcheck // the client is gone
	}
	if record > 0 {
		parts = [][]byte{bytes.Join(parts, nil)}
	}
	for _, part := range parts {
		inPieces(part, record, func(b []byte) error { _, err := t.conn.Write(b); return err }) //nolint:errcheck // the client is gone
	}
	if notify {
		t.conn.(*tls.Conn).CloseWrite() //nolint:errcheck // the client is gone
	}
}

// end does with the connection what the fault says.
func (t taken) end(how string) {
	switch how {
	case CloseNotify:
		if half, ok := t.conn.(*packets); ok {
			if tcp, ok := half.Conn.(*net.TCPConn); ok {
				tcp.CloseWrite() //nolint:errcheck // there is nothing to do about it
			}
		} else if tcp, ok := t.conn.(*net.TCPConn); ok {
			tcp.CloseWrite() //nolint:errcheck // likewise
		}
		t.conn.SetReadDeadline(time.Now().Add(lingering)) //nolint:errcheck // the copy then ends with the connection
		io.Copy(io.Discard, t.conn)                       //nolint:errcheck // the peer's end is all that is waited for
		t.conn.Close()                                    //nolint:errcheck // likewise
	case CloseEnd:
		bottom(t.conn).Close() //nolint:errcheck // likewise
	case CloseReset:
		breakOff(t.conn)
	default:
		t.giveBack()
	}
}

// giveBack lets the server go on with the connection, so that a client which keeps using it is answered.
func (t taken) giveBack() {
	conn := t.conn
	if t.unread != nil {
		conn = &resumed{Conn: t.conn, unread: io.MultiReader(t.unread, t.conn)}
	}
	if t.server == nil {
		conn.Close() //nolint:errcheck // there is nothing to do about it
		return
	}
	one := &single{conn: conn}
	t.server.Serve(one) //nolint:errcheck // it always ends with errOnlyOne, or the server is closing
	one.drop()
}

// resumed is a connection of which some bytes were read already.
type resumed struct {
	net.Conn
	unread io.Reader
}

func (c *resumed) Read(p []byte) (int, error) { return c.unread.Read(p) }

// bottom is the connection below TLS and packets.
func bottom(conn net.Conn) net.Conn {
	for {
		switch c := conn.(type) {
		case *tls.Conn:
			conn = c.NetConn()
		case *packets:
			conn = c.Conn
		case *resumed:
			conn = c.Conn
		default:
			return conn
		}
	}
}

// breakOff ends a connection with a TCP reset, so that the peer cannot mistake it for an orderly end.
func breakOff(conn net.Conn) {
	inner := bottom(conn)
	if tcp, ok := inner.(*net.TCPConn); ok {
		tcp.SetLinger(0) //nolint:errcheck // Close then resets if it can
	}
	inner.Close() //nolint:errcheck // there is nothing to do about it
}

// single is a listener of one connection.
type single struct {
	mu   sync.Mutex
	conn net.Conn
}

func (s *single) Accept() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil, net.ErrClosed
	}
	conn := s.conn
	s.conn = nil
	return conn, nil
}

// drop closes the connection where the server, which is closing, did not take it.
func (s *single) drop() {
	if conn, err := s.Accept(); err == nil {
		conn.Close() //nolint:errcheck // there is nothing to do about it
	}
}

func (s *single) Close() error   { return nil }
func (s *single) Addr() net.Addr { return &net.TCPAddr{} }
