package postgres_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/sando-dev/sando/kit/postgres"
)

// reported is what the server answered.
type reported string

func (r reported) Error() string    { return "ERROR (SQLSTATE " + string(r) + ")" }
func (r reported) SQLState() string { return string(r) }

// unsent is what a driver says when it found the connection closed.
type unsent bool

func (u unsent) Error() string     { return "conn closed" }
func (u unsent) SafeToRetry() bool { return bool(u) }

func TestE4Away(t *testing.T) {
	for _, tt := range []struct {
		err  error
		away bool
	}{
		{reported("57P01"), true},
		{reported("57P02"), true},
		{reported("57P03"), true},
		{reported("57014"), true},
		{reported("53300"), true},
		{reported("53100"), true},
		{reported("08006"), true},
		{reported("58030"), true},
		{reported("25006"), true},
		{reported("23505"), false},
		{reported("40001"), false},
		{reported("42P01"), false},
		{reported("22021"), false},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, true},
		{&net.DNSError{Name: "database"}, true},
		{os.ErrDeadlineExceeded, true},
		{context.DeadlineExceeded, true},
		{context.Canceled, false},
		{io.ErrUnexpectedEOF, true},
		{net.ErrClosed, true},
		{driver.ErrBadConn, true},
		{unsent(true), true},
		{unsent(false), false},
		{errors.New("cannot scan"), false},
	} {
		if away := postgres.Away(fmt.Errorf("store: %w", tt.err)); away != tt.away {
			t.Errorf("%v: %t, want %t", tt.err, away, tt.away)
		}
	}
}
