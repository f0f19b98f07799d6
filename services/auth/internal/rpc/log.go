package rpc

import (
	"context"
	"strconv"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// Logs serves sando.auth.v1.LogService.
type Logs struct {
	Store   store.Reader
	Cursors *sealed.Ring
}

// ListLogEntries lists entries, newest first unless it is asked otherwise. A token that is narrowed to accounts sees the entries of those.
func (h Logs) ListLogEntries(ctx context.Context, r *authv1.ListLogEntriesRequest) (*authv1.ListLogEntriesResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	p := pager{h.Cursors}
	page, err := h.page(p, caller, r)
	if err != nil {
		return nil, err
	}
	f := store.LogFilter{
		EnvironmentID: caller.Grant.EnvironmentID, Accounts: caller.Grant.Accounts, Type: r.GetLogType(),
		CreatedAfter: moment(r.GetCreatedAtGt()), CreatedBefore: moment(r.GetCreatedAtLt()), Status: int(r.GetStatus()),
		MCPServerID: r.GetMcpServerId(), ToolName: r.GetToolName(),
	}
	if id := r.GetIntegratedAccountId(); id != "" {
		if !caller.Grant.MayAccount(id) {
			return nil, rpcerr.New(access.CodeAccountNotFound, "")
		}
		f.Accounts = []string{id}
	}
	rows, seen, err := h.Store.LogEntries(ctx, f, page)
	if err != nil {
		return nil, err
	}
	answer := &authv1.ListLogEntriesResponse{Limit: limitOf(r)}
	if page.OldestFirst {
		var next string
		next, err = p.next(caller, r, strconv.FormatInt(seen, 10))
		answer.NextCursor = &next
	} else {
		rows, answer.NextCursor, err = cut(p, caller, r, rows, func(e store.LogEntry) string { return strconv.FormatInt(e.Sequence, 10) })
	}
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		e, err := audit.Entry(row)
		if err != nil {
			return nil, err
		}
		answer.Result = append(answer.Result, e)
	}
	return answer, nil
}

// page reads where a list begins. One that begins with the oldest asks for no row too many: its end is never known.
func (h Logs) page(p pager, caller *access.Caller, r *authv1.ListLogEntriesRequest) (store.LogPage, error) {
	page := store.LogPage{After: r.GetAfterSequence(), OldestFirst: r.GetOrder() == "asc", Limit: int(limitOf(r))}
	if !page.OldestFirst {
		page.Limit++
	}
	last, err := p.after(caller, r)
	if err != nil || last == "" {
		return page, err
	}
	at, err := strconv.ParseInt(last, 10, 64)
	if page.OldestFirst {
		page.After = at
	} else {
		page.Before = at
	}
	return page, err
}
