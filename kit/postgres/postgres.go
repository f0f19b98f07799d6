// Package postgres bounds what a serving process may ask of PostgreSQL, and tells when it is away.
package postgres

import (
	"strconv"
	"time"
)

const (
	// StatementTimeout ends a statement that runs longer: no call waits that long, and what goes on behind a caller that has left holds locks.
	StatementTimeout = time.Minute
	// IdleTimeout ends a transaction that waits for its process: one that hangs, or whose machine has died.
	IdleTimeout = time.Minute
)

// Bound adds the bounds to the parameters that a connection starts with, unless the URL gave them: statement_timeout and
// idle_in_transaction_session_timeout, in milliseconds or PostgreSQL's own notation. Migrations, which may take long, go without.
func Bound(parameters map[string]string) {
	for name, limit := range map[string]time.Duration{
		"statement_timeout": StatementTimeout, "idle_in_transaction_session_timeout": IdleTimeout,
	} {
		if parameters[name] == "" {
			parameters[name] = strconv.FormatInt(limit.Milliseconds(), 10)
		}
	}
}
