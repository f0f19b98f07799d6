// Package rpc answers auth's procedures: it checks what the rules cannot, calls the domain, and turns records into messages.
package rpc

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
)

// defaultLimit is the page size of a list that names none.
const defaultLimit = 50

// pager seals cursors. A cursor holds the id of the last row handed out, and opens only for the environment, the list and the filters that it
// was made for.
type pager struct{ ring *sealed.Ring }

// listRequest is a request for a page.
type listRequest interface {
	proto.Message
	GetLimit() int32
	GetNextCursor() string
}

func limitOf(r interface{ GetLimit() int32 }) int32 {
	if n := r.GetLimit(); n > 0 {
		return n
	}
	return defaultLimit
}

// after reads the id that a page continues after; empty for the first.
func (p pager) after(caller *access.Caller, r listRequest) (string, error) {
	if r.GetNextCursor() == "" {
		return "", nil
	}
	aad, err := binding(caller, r)
	if err != nil {
		return "", err
	}
	last, err := p.ring.Open("auth.cursor", r.GetNextCursor(), aad)
	if err != nil {
		return "", rpcerr.New(access.CodeCursorInvalid, "").WithCause(err)
	}
	return string(last), nil
}

// next seals the cursor of the page after last.
func (p pager) next(caller *access.Caller, r listRequest, last string) (string, error) {
	aad, err := binding(caller, r)
	if err != nil {
		return "", err
	}
	return p.ring.Seal("auth.cursor", []byte(last), aad)
}

// binding is what a cursor is bound to: everything of the request but the page itself.
func binding(caller *access.Caller, r listRequest) ([]byte, error) {
	bare := proto.Clone(r).ProtoReflect()
	for _, name := range []protoreflect.Name{"limit", "next_cursor"} {
		if fd := bare.Descriptor().Fields().ByName(name); fd != nil {
			bare.Clear(fd)
		}
	}
	filters, err := proto.MarshalOptions{Deterministic: true}.Marshal(bare.Interface())
	if err != nil {
		return nil, err
	}
	aad := append([]byte(caller.Grant.EnvironmentID+"\x00"+string(bare.Descriptor().FullName())+"\x00"), filters...)
	return aad, nil
}

// cut parts the rows of a page from the one row too many that tells that there is a further page, and makes the cursor.
func cut[T any](p pager, caller *access.Caller, r listRequest, rows []T, id func(T) string) ([]T, *string, error) {
	limit := int(limitOf(r))
	if len(rows) <= limit {
		return rows, nil, nil
	}
	rows = rows[:limit]
	cursor, err := p.next(caller, r, id(rows[limit-1]))
	return rows, &cursor, err
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// moment reads an optional timestamp; unset is the zero time.
func moment(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
