package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sando-dev/sando/bench/internal/load"
)

// profileTime is how long a profile is taken; the load goes on a little longer.
const profileTime = 5 * time.Second

// profiles takes CPU profiles of services under the load of rows B1, B7 and B8, each service as a process of its own, and of B1 and B8 in one process,
// which is what the rows measure.
func (b *bench) profiles(ctx context.Context) error {
	s, err := b.needSplit(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return err
	}
	one, err := b.needAllInOne(ctx)
	if err != nil {
		return err
	}
	for _, users := range pageSizes() {
		if err := b.profileOf(ctx, s, "proxy", "page-"+strconv.Itoa(users), s.page(users)); err != nil {
			return err
		}
		if err := b.profileOf(ctx, one, "proxy", "in-one-page-"+strconv.Itoa(users), one.page(users)); err != nil {
			return err
		}
	}
	unified := s.get(s.Unified, "/unified/user-directory/users?limit=1000")
	if err := b.profileOf(ctx, s, "unified", "page-1000", unified); err != nil {
		return err
	}
	urls, err := s.MakeMCPServers(ctx, s.accounts[:min(len(s.accounts), 1000)])
	if err != nil {
		return err
	}
	if err := warm(ctx, load.Target{Next: agentCalls(urls, callBody())}, len(urls)); err != nil {
		return err
	}
	if err := b.profileOf(ctx, s, "mcp", "call", agentCalls(urls, callBody())); err != nil {
		return err
	}
	agents, err := b.needAgents(ctx)
	if err != nil {
		return err
	}
	return b.profileOf(ctx, b.allInOne, "proxy", "and-mcp-call", agentCalls(agents.urls, callBody()))
}

func (b *bench) profileOf(ctx context.Context, s *stage, service, name string, next func() load.Call) error {
	busy := make(chan error, 1)
	go func() {
		_, err := load.Run(ctx, load.Target{Next: next}, load.Plan{Connections: b.connections, Duration: profileTime + time.Second})
		busy <- err
	}()
	text, err := fetch(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", s.Debug[service], int(profileTime.Seconds())))
	if loadErr := <-busy; err == nil {
		err = loadErr
	}
	if err != nil {
		return fmt.Errorf("profile of %s: %w", service, err)
	}
	return os.WriteFile(filepath.Join(b.profile, service+"-"+name+".pprof"), text, 0o644)
}
