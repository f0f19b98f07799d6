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

// ListLogEntries lists entries, newest first. A token that is narrowed to accounts sees the entries of those.
func (h Logs) ListLogEntries(ctx context.Context, r *authv1.ListLogEntriesRequest) (*authv1.ListLogEntriesResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	p := pager{h.Cursors}
	before, err := h.before(p, caller, r)
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
	rows, err := h.Store.LogEntries(ctx, f, before, int(limitOf(r))+1)
	if err != nil {
		return nil, err
	}
	rows, next, err := cut(p, caller, r, rows, func(e store.LogEntry) string { return strconv.FormatInt(e.Sequence, 10) })
	if err != nil {
		return nil, err
	}
	answer := &authv1.ListLogEntriesResponse{NextCursor: next, Limit: limitOf(r)}
	for _, row := range rows {
		e, err := audit.Entry(row)
		if err != nil {
			return nil, err
		}
		answer.Result = append(answer.Result, e)
	}
	return answer, nil
}

func (h Logs) before(p pager, caller *access.Caller, r *authv1.ListLogEntriesRequest) (int64, error) {
	last, err := p.after(caller, r)
	if err != nil || last == "" {
		return 0, err
	}
	return strconv.ParseInt(last, 10, 64)
}
