package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
)

// errOver is what a connection tells an engine that writes for an attempt
// which has been given up.
var errOver = errors.New("the attempt is over")

// A turn is one attempt's use of a connection, and the proof of what was sent:
// not that nothing was seen to be written, but that nothing will be.
type turn struct{ state atomic.Int32 }

const (
	turnFree    int32 = iota // nothing was written
	turnWriting              // a write is going on
	turnSent                 // bytes may have left
	turnOver                 // given up with nothing written; writing is refused
)

// begin claims the right to write.
func (t *turn) begin() bool {
	return t.state.CompareAndSwap(turnFree, turnWriting) || t.state.Load() != turnOver
}

// wrote notes how a write ended. With no byte taken the provider cannot have
// anything: a TLS record that is cut does not authenticate.
func (t *turn) wrote(n int) {
	if n > 0 {
		t.state.Store(turnSent)
		return
	}
	t.state.CompareAndSwap(turnWriting, turnFree)
}

// finish ends the turn and reports whether bytes may have left.
func (t *turn) finish() (sent bool) {
	return !t.state.CompareAndSwap(turnFree, turnOver)
}

// conn is a connection, above TLS, that keeps account of whose turn it is.
type conn struct {
	net.Conn
	socket *socket // what Conn is, or reads from
	turn   atomic.Pointer[turn]
}

func (c *conn) Write(p []byte) (int, error) {
	t := c.turn.Load()
	if t == nil {
		return c.Conn.Write(p)
	}
	if !t.begin() {
		return 0, errOver
	}
	n, err := c.Conn.Write(p)
	t.wrote(n)
	return n, err
}

// A dialer opens connections the one way there is.
type dialer struct {
	cfg  *Config
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	tls  *tls.Config
}

func newDialer(cfg *Config) *dialer {
	d := &dialer{cfg: cfg, dial: cfg.Dial, tls: cfg.TLS.Clone()}
	if d.dial == nil {
		d.dial = new(net.Dialer).DialContext
	}
	if d.tls == nil {
		d.tls = &tls.Config{}
	}
	d.tls.MinVersion = max(d.tls.MinVersion, tls.VersionTLS12)
	d.tls.NextProtos = []string{"http/1.1"}
	if d.tls.ClientSessionCache == nil {
		d.tls.ClientSessionCache = tls.NewLRUClientSessionCache(1024)
	}
	return d
}

// plain connects to an http origin.
func (d *dialer) plain(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.DialTimeout)
	defer cancel()
	c, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, &dialError{err}
	}
	s := newSocket(c)
	return &conn{Conn: s, socket: s}, nil
}

// secure connects to an https origin.
func (d *dialer) secure(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.plain(ctx, network, address)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	cfg := d.tls.Clone()
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.TLSTimeout)
	defer cancel()
	below := c.(*conn).socket
	below.secured = true
	secured := tls.Client(below, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		// The handshake has failed; what closing adds is of no use.
		_ = c.Close()
		return nil, &tlsError{err}
	}
	return &conn{Conn: secured, socket: below}, nil
}

// probe tells what the connection holds that nobody asked for.
func (c *conn) probe() finding { return c.socket.probe(c.Conn) }

// dialError and tlsError mark the phase in which connecting failed.
type (
	dialError struct{ cause error }
	tlsError  struct{ cause error }
)

func (e *dialError) Error() string { return "connect: " + e.cause.Error() }
func (e *dialError) Unwrap() error { return e.cause }
func (e *tlsError) Error() string  { return "TLS handshake: " + e.cause.Error() }
func (e *tlsError) Unwrap() error  { return e.cause }
