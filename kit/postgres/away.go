package postgres

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
)

// Away recognises the errors of a driver that mean that the server cannot serve now, and may soon: it cannot be reached, breaks off, starts, stops, or has
// run out of something. Whatever else an error says, its operation has failed; whether a commit that broke off took effect, nobody knows, unless [Answered].
func Away(err error) bool {
	if state, ok := Answered(err); ok {
		return awayState(state)
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	// What a driver says of a connection that it has found closed before it sent anything.
	if unsent, ok := errors.AsType[interface {
		error
		SafeToRetry() bool
	}](err); ok && unsent.SafeToRetry() {
		return true
	}
	for _, broken := range []error{driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}

// Answered gives the SQLSTATE of an error that the server itself reported.
func Answered(err error) (state string, ok bool) {
	reported, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	if !ok {
		return "", false
	}
	return reported.SQLState(), true
}

// awayState goes by appendix A of PostgreSQL's manual.
func awayState(state string) bool {
	switch state {
	case "57P01", "57P02", "57P03", "57P05": // admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout
		return true
	case "57014": // query_canceled: by statement_timeout, or by whoever looks after the server
		return true
	case "25006": // read_only_sql_transaction: a standby, until a fail-over ends
		return true
	case "25P03", "55P03": // idle_in_transaction_session_timeout, lock_not_available
		return true
	}
	// Connection exceptions, insufficient resources (disk, memory, connections), and errors of the system such as I/O.
	return strings.HasPrefix(state, "08") || strings.HasPrefix(state, "53") || strings.HasPrefix(state, "58")
}
