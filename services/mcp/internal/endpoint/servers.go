package endpoint

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/services/mcp/internal/scope"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

// maxServers bounds each of the two caches; past it an arbitrary entry makes room, which costs a rebuild.
const maxServers = 4096

// server is what one MCP server serves. The parts behind the pointers are shared by all servers of the same scope.
type server struct {
	*shared
	maxBytes int
}

// shared is made once for each scope: the tools shown, and the SDK's server that shows them.
type shared struct {
	set *tool.Set
	sdk *mcp.Server
	// handshakeList and statelessList are the prepared answers of tools/list.
	handshakeList, statelessList prepared
}

// servers finds the server of a record, and makes it when it was not there: never one for each request.
type servers struct {
	tools []*tool.Tool
	build func(*tool.Set) *mcp.Server

	hits, misses atomic.Int64

	mu       sync.RWMutex
	byRecord map[recordKey]*server
	byScope  map[string]*shared
}

// recordKey names one state of a server's record.
type recordKey struct {
	id      string
	seconds int64
	nanos   int32
}

func newServers(tools []*tool.Tool, build func(*tool.Set) *mcp.Server) *servers {
	return &servers{
		tools: tools, build: build,
		byRecord: make(map[recordKey]*server), byScope: make(map[string]*shared),
	}
}

// of is the server of a record.
func (s *servers) of(record *internalauthv1.McpServer, g *grant.Grant) (*server, error) {
	key := recordKey{record.GetId(), record.GetUpdatedAt().GetSeconds(), record.GetUpdatedAt().GetNanos()}
	s.mu.RLock()
	found := s.byRecord[key]
	s.mu.RUnlock()
	if found != nil {
		s.hits.Add(1)
		return found, nil
	}
	s.misses.Add(1)
	return s.add(key, record, g)
}

// usage is what the cache does, for its metrics.
func (s *servers) usage() (hits, misses, entries int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.hits.Load(), s.misses.Load(), int64(len(s.byRecord))
}

func (s *servers) add(key recordKey, record *internalauthv1.McpServer, g *grant.Grant) (*server, error) {
	config, err := scope.Parse(record.GetConfig())
	if err != nil {
		return nil, err
	}
	selected, err := scope.Select(config, s.tools)
	if err != nil {
		return nil, err
	}
	// A tool that came into the catalog after the server was made is outside of its grant, so it is not shown.
	selected = slices.DeleteFunc(selected, func(t *tool.Tool) bool {
		return slices.ContainsFunc(t.Grants, func(id string) bool { return !g.MayOperation(id, !t.ReadOnly()) })
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	common, err := s.share(selected, config)
	if err != nil {
		return nil, err
	}
	made := &server{shared: common, maxBytes: config.ResultBytes()}
	makeRoom(s.byRecord)
	s.byRecord[key] = made
	return made, nil
}

func (s *servers) share(selected []*tool.Tool, config scope.Config) (*shared, error) {
	o := tool.Options{
		Style:    config.Style(),
		Discover: config.Exposure() == scope.Discovery,
		Confirm:  config.ConfirmDestructive,
	}
	key := scopeKey(selected, o)
	if found := s.byScope[key]; found != nil {
		return found, nil
	}
	set, err := tool.NewSet(selected, o)
	if err != nil {
		return nil, err
	}
	made := &shared{set: set, sdk: s.build(set)}
	makeRoom(s.byScope)
	s.byScope[key] = made
	return made, nil
}

// scopeKey is the same for scopes that show the same.
func scopeKey(selected []*tool.Tool, o tool.Options) string {
	var b strings.Builder
	b.WriteString(string(o.Style))
	for _, on := range []bool{o.Discover, o.Confirm} {
		if on {
			b.WriteByte('+')
		} else {
			b.WriteByte('-')
		}
	}
	for _, t := range selected {
		b.WriteByte(' ')
		b.WriteString(t.Name)
	}
	return b.String()
}

func makeRoom[K comparable, V any](m map[K]V) {
	if len(m) < maxServers {
		return
	}
	for k := range m {
		delete(m, k)
		return
	}
}
