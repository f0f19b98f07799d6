package rpcerr

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"connectrpc.com/connect/v2"
)

// An Entry is what a table knows about one code.
type Entry struct {
	Code Code
	// HTTP is the status of a REST answer.
	HTTP int
	// RPC is the status of a Connect or gRPC answer.
	RPC connect.Code
	// Text is shown when an error brings no message of its own.
	Text string
	// Fix tells the caller what to do about it; empty when there is nothing.
	Fix string
	// Retryable says whether the same call may succeed later.
	Retryable bool
}

// A Table maps codes to what callers see. It is immutable.
type Table struct {
	domain  string
	entries map[Code]Entry
	order   []Code
}

// NewTable makes a table from entries. The domain is the ErrorInfo domain and
// the origin of every error that names no other. It refuses a code given
// twice, a status that is none, and a table without the codes that the
// plumbing needs.
func NewTable(domain string, entries []Entry) (*Table, error) {
	if domain == "" {
		return nil, errors.New("rpcerr: a table needs a domain")
	}
	t := &Table{domain: domain, entries: make(map[Code]Entry, len(entries))}
	for _, e := range entries {
		if err := e.check(); err != nil {
			return nil, err
		}
		if _, twice := t.entries[e.Code]; twice {
			return nil, fmt.Errorf("rpcerr: code %s is in the table twice", e.Code)
		}
		t.entries[e.Code] = e
		t.order = append(t.order, e.Code)
	}
	for _, c := range plumbing() {
		if _, ok := t.entries[c]; !ok {
			return nil, fmt.Errorf("rpcerr: the table lacks %s, which the plumbing answers with", c)
		}
	}
	return t, nil
}

func (e Entry) check() error {
	switch {
	case e.Code == "":
		return errors.New("rpcerr: an entry has no code")
	case e.HTTP < 400 || http.StatusText(e.HTTP) == "" && e.HTTP != statusClientClosed:
		return fmt.Errorf("rpcerr: %s: %d is not the status of an error", e.Code, e.HTTP)
	case e.RPC < connect.CodeCanceled || e.RPC > connect.CodeUnauthenticated:
		return fmt.Errorf("rpcerr: %s: %d is not an RPC code", e.Code, e.RPC)
	case e.Text == "":
		return fmt.Errorf("rpcerr: %s has no text", e.Code)
	}
	return nil
}

// Entry finds the entry of a code.
func (t *Table) Entry(c Code) (Entry, bool) {
	e, ok := t.entries[c]
	return e, ok
}

// All gives the entries in the order of the table.
func (t *Table) All() []Entry {
	all := make([]Entry, len(t.order))
	for i, c := range t.order {
		all[i] = t.entries[c]
	}
	return all
}

// Domain is the name that errors of this table carry.
func (t *Table) Domain() string { return t.domain }

// With makes a larger table, for a service that adds codes of its own.
func (t *Table) With(entries ...Entry) (*Table, error) {
	return NewTable(t.domain, slices.Concat(t.All(), entries))
}

// entry resolves an error's code, leaning on INTERNAL for one that is unknown
// here; a newer peer may have more codes than we do.
func (t *Table) entry(e *Error) Entry {
	if found, ok := t.entries[e.Code]; ok {
		return found
	}
	fallback := t.entries[Internal]
	fallback.Code = e.Code
	if e.rpc != 0 {
		fallback.RPC = e.rpc
	}
	return fallback
}

// Codes gives the codes of the table, sorted.
func (t *Table) Codes() []Code { return slices.Sorted(maps.Keys(t.entries)) }
