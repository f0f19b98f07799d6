//go:build unix

package upstream

import (
	"net"
	"syscall"
)

// probes tells that the system can be asked what a connection holds.
const probes = true

// rawRead gives what reads from the connection of s without waiting, into s.into; nil for one that
// is not the system's own: something that wraps it may hold bytes back.
func rawRead(s *socket) (syscall.RawConn, func(fd uintptr) bool) {
	var c syscall.Conn
	switch conn := s.Conn.(type) {
	case *net.TCPConn:
		c = conn
	case *net.UnixConn:
		c = conn
	default:
		return nil, nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, nil
	}
	return raw, func(fd uintptr) bool {
		n, err := syscall.Read(int(fd), s.into)
		for err == syscall.EINTR { //nolint:errorlint // a bare Errno
			n, err = syscall.Read(int(fd), s.into)
		}
		s.n = max(n, 0)
		switch err { //nolint:errorlint // the same
		case nil:
		case syscall.EAGAIN:
			s.err = errQuiet
		default:
			s.err = err
		}
		return true
	}
}
