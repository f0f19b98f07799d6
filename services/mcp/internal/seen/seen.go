// Package seen tells auth, at leisure, which MCP servers were used and by which clients.
package seen

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
)

const (
	// tellEvery is how often what was seen is told.
	tellEvery = 5 * time.Second
	// sameEvery is how long a server whose client did not change is not told of again.
	sameEvery = 5 * time.Minute
	// maxUses is the most servers that are told of at once.
	maxUses = 1000
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
	environment, client string
	// fresh says that there is something to tell; toldAt and toldClient are what was told last.
	fresh      bool
	toldAt     time.Time
	toldClient string
	lastUsed   time.Time
}

// New makes a tracker over auth's internal mount.
func New(auth *connect.Client, log *slog.Logger, now func() time.Time) *Tracker {
	return &Tracker{
		log: log, now: now,
		auth:    internalauthv1connect.NewMcpServerRecordServiceClient(auth),
		servers: make(map[string]*use),
	}
}

// Used notes that a server was used; client is empty where it is not known.
func (t *Tracker) Used(server *internalauthv1.McpServer, client string) {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.servers[server.GetId()]
	if u == nil {
		if len(t.servers) >= maxServers {
			return
		}
		u = &use{environment: server.GetEnvironmentId(), client: server.GetLastClient()}
		t.servers[server.GetId()] = u
	}
	if client != "" {
		u.client = client
	}
	u.fresh, u.lastUsed = true, now
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

// tell reports what is due, many servers in one call.
func (t *Tracker) tell(ctx context.Context, all bool) {
	for uses := range slices.Chunk(t.take(all), maxUses) {
		ctx, cancel := context.WithTimeout(ctx, tellTimeout)
		_, err := t.auth.TouchMcpServerRecords(ctx, &internalauthv1.TouchMcpServerRecordsRequest{Uses: uses})
		cancel()
		if err != nil {
			t.log.DebugContext(ctx, "use of MCP servers not noted", "servers", len(uses), "error", err)
		}
	}
}

// take collects what is due, and forgets servers that nobody has used for long.
func (t *Tracker) take(all bool) []*internalauthv1.McpServerUse {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	var out []*internalauthv1.McpServerUse
	for id, u := range t.servers {
		due := all || u.client != u.toldClient || now.Sub(u.toldAt) >= sameEvery
		switch {
		case u.fresh && due:
			out = append(out, &internalauthv1.McpServerUse{
				EnvironmentId: u.environment, Id: id, Client: u.client, UsedAt: timestamppb.New(u.lastUsed),
			})
			u.fresh, u.toldAt, u.toldClient = false, now, u.client
		case !u.fresh && now.Sub(u.lastUsed) > time.Hour:
			delete(t.servers, id)
		}
	}
	return out
}
