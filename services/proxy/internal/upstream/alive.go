package upstream

import (
	"crypto/tls"
	"net"
	"syscall"
)

// A pulse tells whether an idle connection is as it should be: open, and with
// nothing to read. It asks the operating system and does not wait. A
// connection that is not the system's is taken to be alive.
type pulse struct {
	raw   syscall.RawConn // nil where the system has none
	dead  bool
	feel  func(fd uintptr) bool
	quiet bool // what feel found
}

// of makes p the pulse of c.
func (p *pulse) of(c net.Conn) {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	sys, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sys.SyscallConn()
	p.raw, p.dead = raw, err != nil
	p.feel = func(fd uintptr) bool {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		p.quiet = n <= 0 && (err == syscall.EAGAIN || err == syscall.EWOULDBLOCK) //nolint:errorlint // a bare Errno
		return true
	}
}

func (p *pulse) alive() bool {
	if p.dead || p.raw == nil {
		return !p.dead
	}
	return p.raw.Read(p.feel) == nil && p.quiet
}
