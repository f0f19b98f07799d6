package main

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/sando-dev/sando/bench/internal/fleet"
	"github.com/sando-dev/sando/bench/internal/load"
	"github.com/sando-dev/sando/bench/internal/measure"
	"github.com/sando-dev/sando/bench/internal/sando"
)

// rowB12 runs two proxies that share their rate budgets through Redis, and asks one of them, then both in turn.
func (b *bench) rowB12(ctx context.Context) error {
	redis, err := b.startRedis(ctx)
	if err != nil {
		return err
	}
	d, err := sando.StartSplit(ctx, b.fleet, sando.Options{Name: "replicas", Bin: b.bin, Upstream: b.upstream, Valkey: "redis://" + redis + "/0"})
	if err != nil {
		return err
	}
	defer stopAll(d)
	s, err := b.linked(ctx, d)
	if err != nil {
		return err
	}
	// Half of an account's limit is divided between the replicas beforehand, and only within that is a read warm: each account may be asked less often
	// than elsewhere.
	further, err := s.Link(ctx, len(s.accounts)+1, 3*len(s.accounts))
	if err != nil {
		return err
	}
	s.accounts = append(s.accounts, further...)
	if err := warm(ctx, load.Target{Next: s.get(s.Proxies[0], "/proxy/users?limit=1")}, len(s.accounts)); err != nil {
		return err
	}
	if err := b.twoProxies(ctx, s, redis); err != nil {
		return err
	}
	return b.sharedLimit(ctx, s)
}

// twoProxies compares the cost of a call, and counts what the two ask Redis.
func (b *bench) twoProxies(ctx context.Context, s *stage, redis string) error {
	one, two := s.get(s.Proxies[0], "/proxy/users?limit=1"), s.get(s.Proxies[1], "/proxy/users?limit=1")
	both := load.Target{Next: alternate(one, two)}
	// Linking has shown the accounts to the first proxy only.
	if err := warm(ctx, load.Target{Next: two}, len(s.accounts)); err != nil {
		return err
	}
	processes := append(s.process("proxy"), s.process("proxy-2")...)
	r, err := b.interleave(ctx, "replicas, page of 1", []subject{
		{"one of two", load.Target{Next: one}, processes},
		{"both in turn", both, processes},
	}, b.plan(), b.rounds)
	if err != nil {
		return err
	}
	b.add(reading{Row: "B12", What: "CPU per call, both proxies in turn / one of them", Must: 1.05, Value: measure.Of(measure.Ratios(r.of("both in turn", cpu), r.of("one of two", cpu)))})
	before, err := commands(ctx, redis)
	if err != nil {
		return err
	}
	began := time.Now()
	asked, err := load.Run(ctx, both, b.plan())
	if err != nil {
		return err
	}
	beats := float64(len(s.Proxies)) * math.Ceil(time.Since(began).Seconds())
	after, err := commands(ctx, redis)
	if err != nil {
		return err
	}
	b.add(reading{
		Row: "B12", What: "scripts run in Redis per warm read", Must: 0, Value: once(max(0, float64(after-before)-beats) / float64(asked.Requests)),
		Note: fmt.Sprintf("of %d scripts %.0f are heartbeats, one a second and proxy; each account is asked every few seconds", after-before, beats),
	})
	return nil
}

// sharedLimit asks for one account 30 times its limit for a minute, over both proxies.
func (b *bench) sharedLimit(ctx context.Context, s *stage) error {
	fresh, err := s.Link(ctx, len(s.accounts)+1, 1)
	if err != nil {
		return err
	}
	impatient := s.header()
	impatient.Set("Sando-Max-Wait", "0s")
	var calls []load.Call
	for _, proxy := range s.Proxies {
		calls = append(calls, load.Call{URL: proxy + "/proxy/users?limit=1&integrated_account_id=" + fresh[0], Header: impatient})
	}
	storm, err := load.Run(ctx, load.Target{Next: inTurn(calls)}, load.Plan{Connections: 64, Rate: 30 * published / 60, Duration: time.Minute})
	if err != nil {
		return err
	}
	passed := storm.Requests - storm.Failed
	b.add(reading{
		Row: "B12", What: "calls of one account in a minute over two proxies, off its limit", Must: 0.05,
		Value: once(math.Abs(float64(passed)/published - 1)), Note: fmt.Sprintf("%d of %d calls passed", passed, storm.Requests),
	})
	return nil
}

func alternate(a, b func() load.Call) func() load.Call {
	which := inTurn([]load.Call{{URL: "a"}, {URL: "b"}})
	return func() load.Call {
		if which().URL == "a" {
			return a()
		}
		return b()
	}
}

func (b *bench) startRedis(ctx context.Context) (addr string, err error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return "", fmt.Errorf("redis-server: %w (apt-get install redis-server)", err)
	}
	if addr, err = fleet.FreeAddr(); err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	p, err := b.fleet.Start(fleet.Program{
		Name: "redis", Path: path, Dir: b.fleet.Dir,
		Args: []string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", b.fleet.Dir},
	})
	if err != nil {
		return "", err
	}
	return addr, p.Await(ctx, fleet.Listens(addr))
}

// commands is how many scripts and plain commands clients have sent to a Redis. What scripts do inside is not counted, nor is what keeps
// connections alive.
func commands(ctx context.Context, addr string) (int64, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := conn.Write([]byte("INFO commandstats\r\n")); err != nil {
		return 0, err
	}
	var stats strings.Builder
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if line = strings.TrimSpace(line); line == "" {
			return scripts(stats.String()), nil
		}
		stats.WriteString(line + "\n")
	}
}

// scripts sums the calls of scripts and functions in Redis's commandstats.
func scripts(stats string) int64 {
	var sum int64
	for line := range strings.Lines(stats) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":")
		if name != "eval" && name != "evalsha" && name != "fcall" {
			continue
		}
		calls, _, _ := strings.Cut(strings.TrimPrefix(rest, "calls="), ",")
		if n, err := strconv.ParseInt(calls, 10, 64); err == nil {
			sum += n
		}
	}
	return sum
}
