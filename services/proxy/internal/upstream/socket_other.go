//go:build !unix

package upstream

import "syscall"

// probes tells that the system cannot be asked, without waiting, what a connection holds.
const probes = false

func rawRead(*socket) (syscall.RawConn, func(fd uintptr) bool) { return nil, nil }
