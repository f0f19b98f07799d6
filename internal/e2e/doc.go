// Package e2e runs the built binaries against the emulator, as users would: one suite of cases replayed over REST, gRPC, Connect and gRPC-Web, against the
// all-in-one and against the four services apart. It has no code but tests; `make test` builds the binaries first.
package e2e
