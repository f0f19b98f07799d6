//go:build !linux

package app

// forbidCore does nothing: what keeps a core from being written differs from
// system to system, and production runs on Linux.
func forbidCore() error { return nil }
