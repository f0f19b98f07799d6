package upstream

import (
	"crypto/tls"
	"net"
	"syscall"
)

// alive tells whether an idle connection is as it should be: open, and with
// nothing to read. It asks the operating system and does not wait. A
// connection that is not the system's is taken to be alive.
func alive(c net.Conn) bool {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	sys, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = n <= 0 && (err == syscall.EAGAIN || err == syscall.EWOULDBLOCK) //nolint:errorlint // a bare Errno
		return true
	})
	return err == nil && quiet
}
