package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sando-dev/sando/bench/internal/fleet"
	"github.com/sando-dev/sando/bench/internal/load"
	"github.com/sando-dev/sando/bench/internal/sando"
)

// bench holds what rows share. Each thing is started when the first row needs it.
type bench struct {
	options
	fleet  *fleet.Fleet
	report *report

	upstream string // base URL of the stand-in Torii
	peers    map[string]*peer
	allInOne *stage
	split    *stage
	pages    map[int]*pageRuns
	agents   *agentStage
	tools    string // file with sando's answer to tools/list
}

// A stage is a deployment with accounts linked.
type stage struct {
	*sando.Deployment
	accounts []string
}

func newBench(ctx context.Context, o options) (*bench, error) {
	f, err := fleet.New()
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, fleet: f, peers: make(map[string]*peer), pages: make(map[int]*pageRuns)}
	if b.report, err = newReport(ctx, o); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := b.startUpstream(ctx); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return b, nil
}

func (b *bench) close() error { return b.fleet.Close() }

// startUpstream builds the peers that are Go programs and starts the stand-in Torii.
func (b *bench) startUpstream(ctx context.Context) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.peerBin("")+string(filepath.Separator), "./peers/...")
	build.Dir = filepath.Join(b.root, "bench")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the peers: %w\n%s", err, out)
	}
	addr, err := fleet.FreeAddr()
	if err != nil {
		return err
	}
	p, err := b.fleet.Start(fleet.Program{
		Name: "torii", Path: b.peerBin("torii"),
		Args: []string{"--listen", addr, "--users", strconv.Itoa(allUsers), "--gzip=" + strconv.FormatBool(b.gzip)},
	})
	if err != nil {
		return err
	}
	b.upstream = "http://" + addr + "/v1.0"
	return p.Await(ctx, fleet.Listens(addr))
}

func (b *bench) peerBin(name string) string { return filepath.Join(b.fleet.Dir, "peers", name) }

// needAllInOne starts the product in one process and links the accounts.
func (b *bench) needAllInOne(ctx context.Context) (*stage, error) {
	if b.allInOne != nil {
		return b.allInOne, nil
	}
	d, err := sando.StartAllInOne(ctx, b.fleet, sando.Options{Name: "sando", Bin: b.bin, Upstream: b.upstream})
	if err != nil {
		return nil, err
	}
	b.allInOne, err = b.linked(ctx, d)
	return b.allInOne, err
}

// needSplit does the same with four processes.
func (b *bench) needSplit(ctx context.Context) (*stage, error) {
	if b.split != nil {
		return b.split, nil
	}
	d, err := sando.StartSplit(ctx, b.fleet, sando.Options{Name: "split", Bin: b.bin, Upstream: b.upstream})
	if err != nil {
		return nil, err
	}
	b.split, err = b.linked(ctx, d)
	return b.split, err
}

func (b *bench) linked(ctx context.Context, d *sando.Deployment) (*stage, error) {
	began := time.Now()
	accounts, err := d.Link(ctx, 1, b.accounts)
	if err != nil {
		return nil, fmt.Errorf("linking accounts: %w", err)
	}
	fmt.Fprintf(os.Stderr, "  linked %d accounts in %s\n", len(accounts), time.Since(began).Round(100*time.Millisecond))
	s := &stage{d, accounts}
	return s, warm(ctx, load.Target{Next: s.page(1)}, len(accounts))
}

// warm sends so many requests, so that each account is known before anything is measured.
func warm(ctx context.Context, target load.Target, requests int) error {
	for asked := 0; asked < requests; {
		turn, err := subject{"warm-up", target, nil}.measure(ctx, load.Plan{Connections: 16, Duration: time.Second / 2})
		if err != nil {
			return fmt.Errorf("warming up: %w", err)
		}
		asked += turn.Requests
	}
	return nil
}

// plan is a closed loop of the usual length.
func (b *bench) plan() load.Plan { return load.Plan{Connections: b.connections, Duration: b.round} }

// header is what a caller of the product sends.
func (s *stage) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + s.Token}, "Accept-Encoding": {"identity"}}
}

// spread asks for each account in turn.
func (s *stage) spread(call func(account string) load.Call) func() load.Call {
	calls := make([]load.Call, len(s.accounts))
	for i, account := range s.accounts {
		calls[i] = call(account)
	}
	return inTurn(calls)
}

func inTurn(calls []load.Call) func() load.Call {
	var next atomic.Uint64
	return func() load.Call { return calls[(next.Add(1)-1)%uint64(len(calls))] }
}

// get asks for a path below a base URL, for each account in turn.
func (s *stage) get(base, path string) func() load.Call {
	header := s.header()
	return s.spread(func(account string) load.Call {
		return load.Call{URL: base + path + "&integrated_account_id=" + account, Header: header}
	})
}

// page asks proxy for users over REST.
func (s *stage) page(users int) func() load.Call {
	return s.get(s.Proxy, "/proxy/users?limit="+strconv.Itoa(users)+"&fields="+userFields)
}

// process lists the processes of a service.
func (s *stage) process(service string) []*fleet.Process {
	return []*fleet.Process{s.Processes[service]}
}
