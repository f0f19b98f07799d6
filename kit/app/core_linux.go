package app

import (
	"fmt"
	"syscall"
)

// forbidCore tells the system never to write this process's memory to a file,
// nor to show it to another process of the same user: keys and tokens are in
// it, and they would outlive the process there.
func forbidCore() error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		return fmt.Errorf("app: core files cannot be turned off: %w", errno)
	}
	return nil
}
