// Package seen tells auth, at leisure, which MCP servers were used and by which clients.
package seen

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
)

const (
	// tellEvery is how often what was seen is told.
	tellEvery = 5 * time.Second
	// sameEvery is how long a server whose client did not change is not told of again.
	sameEvery = time.Minute
	// maxServers bounds what is remembered; use beyond it is told of later.
	maxServers = 4096
	// tellTimeout bounds one report.
	tellTimeout = 5 * time.Second
)

// A Tracker remembers the use of servers until it is told. Use is a convenience for people: what a crash loses is not missed. The audit log has
// every call.
type Tracker struct {
	log  *slog.Logger
	auth internalauthv1connect.McpServerRecordServiceClient
	now  func() time.Time

	mu      sync.Mutex
	servers map[string]*use
}

// use is what is known of one server's use.
type use struct {
	client string
	caller *access.Caller
	// fresh says that there is something to tell; toldAt and toldClient are what was told last.
	fresh      bool
	toldAt     time.Time
	toldClient string
	lastUsed   time.Time
}

// New makes a tracker over auth's internal mount. The client must pass the caller's grant on, see [access.BearerOut].
func New(auth *connect.Client, log *slog.Logger, now func() time.Time) *Tracker {
	return &Tracker{
		log: log, now: now,
		auth:    internalauthv1connect.NewMcpServerRecordServiceClient(auth),
		servers: make(map[string]*use),
	}
}

// Used notes that a server was used; client is empty where it is not known.
func (t *Tracker) Used(ctx context.Context, server *internalauthv1.McpServer, client string) {
	caller, ok := access.FromContext(ctx)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.servers[server.GetId()]
	if u == nil {
		if len(t.servers) >= maxServers {
			return
		}
		u = &use{client: server.GetLastClient()}
		t.servers[server.GetId()] = u
	}
	if client != "" {
		u.client = client
	}
	u.caller, u.fresh, u.lastUsed = caller, true, t.now()
}

// Client is the last client known to use a server, or empty. Older revisions name themselves only when a session begins.
func (t *Tracker) Client(server *internalauthv1.McpServer) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.servers[server.GetId()]; u != nil {
		return u.client
	}
	return server.GetLastClient()
}

// Run tells auth what was seen until ctx ends, and then once more. It returns nil.
func (t *Tracker) Run(ctx context.Context) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
			defer cancel()
			t.tell(last, true)
			return nil
		case <-tick.C:
			t.tell(ctx, false)
		}
	}
}

// report is one thing to tell.
type report struct {
	id, client string
	caller     *access.Caller
}

func (t *Tracker) tell(ctx context.Context, all bool) {
	for _, r := range t.take(all) {
		ctx, cancel := context.WithTimeout(access.WithCaller(ctx, r.caller), tellTimeout)
		_, err := t.auth.TouchMcpServerRecord(ctx, &internalauthv1.TouchMcpServerRecordRequest{Id: r.id, Client: r.client})
		cancel()
		if err != nil {
			t.log.DebugContext(ctx, "use of an MCP server not noted", "mcp_server_id", r.id, "error", err)
		}
	}
}

// take collects what is due, and forgets servers that nobody has used for long.
func (t *Tracker) take(all bool) []report {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	var out []report
	for id, u := range t.servers {
		due := all || u.client != u.toldClient || now.Sub(u.toldAt) >= sameEvery
		switch {
		case u.fresh && due:
			out = append(out, report{id: id, client: u.client, caller: u.caller})
			u.fresh, u.toldAt, u.toldClient = false, now, u.client
		case !u.fresh && now.Sub(u.lastUsed) > time.Hour:
			delete(t.servers, id)
		}
	}
	return out
}
