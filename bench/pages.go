package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"

	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/bench/internal/load"
	"github.com/sando-dev/sando/bench/internal/measure"
	"github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
)

// pageSizes are the users of a page.
func pageSizes() []int { return []int{1, 100, 1000} }

// pageRuns are the samples of one page size, and those that are still to be taken.
type pageRuns struct {
	runs
	least int64
}

// needPages measures a page through nginx, ReverseProxy, a Node proxy and sando over REST, in one interleaved run.
func (b *bench) needPages(ctx context.Context, users int) (*pageRuns, error) {
	if p, ok := b.pages[users]; ok {
		return p, nil
	}
	s, err := b.needAllInOne(ctx)
	if err != nil {
		return nil, err
	}
	least, err := pageBytes(ctx, upstreamPage(b.upstream, users)())
	if err != nil {
		return nil, err
	}
	subjects := []subject{{"direct", load.Target{Next: upstreamPage(b.upstream, users), Bytes: least}, nil}}
	for _, name := range []string{"nginx", "goproxy", "undici"} {
		p, err := b.needPeer(ctx, name)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, p.subject(name, users, least))
	}
	subjects = append(subjects, subject{"sando", load.Target{Next: s.page(users), Bytes: enveloped(least)}, s.process("proxy")})
	r, err := b.interleave(ctx, fmt.Sprintf("page of %d", users), subjects, b.plan(), b.rounds)
	if err != nil {
		return nil, err
	}
	if len(r["sando"]) == 0 {
		return nil, errNoRounds
	}
	b.pages[users] = &pageRuns{r, least}
	return b.pages[users], nil
}

// enveloped is the least length of a page in our envelope, whose own members differ from Torii's by some bytes.
func enveloped(least int64) int64 { return least - 200 }

// pageBytes is the length of an answer.
func pageBytes(ctx context.Context, c load.Call) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return 0, err
	}
	r.Header = c.Header.Clone()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", c.URL, resp.Status)
	}
	return io.Copy(io.Discard, resp.Body)
}

func (b *bench) rowB1(ctx context.Context) error {
	return b.dividedBy(ctx, "B1", "CPU of sando / nginx", "nginx", []float64{3.0, 2.2, 0.95}, []float64{2.0, 1.75, 0.8})
}

func (b *bench) rowB2(ctx context.Context) error {
	return b.dividedBy(ctx, "B2", "CPU of sando / ReverseProxy", "goproxy", []float64{1.0, 1.0, 1.6}, []float64{0.75, 0.85, 1.15})
}

func (b *bench) dividedBy(ctx context.Context, row, what, peer string, must, goal []float64) error {
	for i, users := range pageSizes() {
		p, err := b.needPages(ctx, users)
		if err != nil {
			return err
		}
		b.add(reading{
			Row: row, What: what, Case: pageCase(users), Must: must[i], Goal: goal[i],
			Value: measure.Of(measure.Ratios(p.of("sando", cpu), p.of(peer, cpu))),
		})
	}
	return nil
}

func pageCase(users int) string { return fmt.Sprintf("page of %d", users) }

// rowB3 holds sando against a proxy that cannot be run here: its recorded CPU seconds per 10,000 requests are scaled by what nginx needs now and
// needed then (the recording is in docs/guides/performance.md).
func (b *bench) rowB3(ctx context.Context) error {
	nango, nginx := []float64{50, 57, 132}, []float64{0.22, 0.47, 7.4}
	must := []float64{1.0 / 100, 1.0 / 40, 1.0 / 25}
	for i, users := range pageSizes() {
		p, err := b.needPages(ctx, users)
		if err != nil {
			return err
		}
		ratios := measure.Ratios(p.of("sando", cpu), p.of("nginx", cpu))
		for n := range ratios {
			ratios[n] *= nginx[i] / nango[i]
		}
		b.add(reading{
			Row: "B3", What: "CPU of sando / Nango's proxy", Case: pageCase(users), Must: must[i], Value: measure.Of(ratios),
			Note: "Nango's recorded cost, scaled by nginx",
		})
	}
	return nil
}

// rowB13 compares transports with REST, and four processes with one.
func (b *bench) rowB13(ctx context.Context) error {
	s, err := b.needAllInOne(ctx)
	if err != nil {
		return err
	}
	four, splitErr := b.needSplit(ctx)
	sizes := pageSizes()
	if b.quick {
		sizes = []int{100}
	}
	for _, users := range sizes {
		least, err := pageBytes(ctx, upstreamPage(b.upstream, users)())
		if err != nil {
			return err
		}
		subjects := []subject{
			{"sando", load.Target{Next: s.page(users), Bytes: enveloped(least)}, s.process("proxy")},
			{"connect", load.Target{Next: s.rpc(users, "application/proto"), Bytes: enveloped(least)}, s.process("proxy")},
			{"grpc", load.Target{Next: s.rpc(users, "application/grpc"), Bytes: enveloped(least), H2C: true}, s.process("proxy")},
		}
		if splitErr == nil {
			subjects = append(subjects, subject{
				"split", load.Target{Next: four.page(users), Bytes: enveloped(least)}, append(four.process("proxy"), four.process("auth")...),
			})
		}
		r, err := b.interleave(ctx, fmt.Sprintf("transports, page of %d", users), subjects, b.plan(), b.rounds)
		if err != nil {
			return err
		}
		for _, other := range []struct {
			name, what string
			must       float64
		}{{"connect", "CPU of Connect / REST", 1.5}, {"grpc", "CPU of gRPC / REST", 1.5}, {"split", "CPU of four processes / one", 2.5}} {
			read := reading{Row: "B13", What: other.what, Case: pageCase(users), Must: other.must}
			switch {
			case other.name == "split" && splitErr != nil:
				read.Missing = splitErr.Error()
			case len(r[other.name]) == 0 || len(r["sando"]) == 0:
				read.Missing = errNoRounds.Error()
			default:
				read.Value = measure.Of(measure.Ratios(r.of(other.name, cpu), r.of("sando", cpu)))
			}
			b.add(read)
		}
	}
	return nil
}

// rpc asks for a page by ProxyService.List. A gRPC request is a POST whose body is the message behind five bytes: not compressed, and its length.
func (s *stage) rpc(users int, contentType string) func() load.Call {
	header := s.header()
	header.Set("Content-Type", contentType)
	if contentType == "application/grpc" {
		header.Set("Te", "trailers")
	} else {
		header.Set("Connect-Protocol-Version", "1")
	}
	return s.spread(func(account string) load.Call {
		message, err := proto.Marshal(&proxyv1.ListRequest{Resource: "users", IntegratedAccountId: &account, Limit: new(int32(users)), Query: new("fields=" + userFields)})
		if err != nil {
			panic(err) // three scalars always marshal
		}
		if contentType == "application/grpc" {
			frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
			message = append(frame, message...)
		}
		return load.Call{Method: http.MethodPost, URL: s.Proxy + proxyv1connect.ProxyServiceListProcedure, Header: header, Body: message}
	})
}

// rowB14 compares calls that are refused with one that is served.
func (b *bench) rowB14(ctx context.Context) error {
	s, err := b.needAllInOne(ctx)
	if err != nil {
		return err
	}
	subjects := []subject{
		{"served", load.Target{Next: s.page(1)}, s.process("proxy")},
		{"401", s.unknownToken(), s.process("proxy")},
		{"429", s.spentBudget(), s.process("proxy")},
	}
	r, err := b.interleave(ctx, "refusals", subjects, b.plan(), b.rounds)
	if err != nil {
		return err
	}
	for _, name := range []string{"401", "429"} {
		read := reading{Row: "B14", What: "CPU of a refused call / a page of 1", Case: name, Must: 0.5, Goal: 0.35}
		if len(r[name]) == 0 || len(r["served"]) == 0 {
			read.Missing = errNoRounds.Error()
		} else {
			read.Value = measure.Of(measure.Ratios(r.of(name, cpu), r.of("served", cpu)))
		}
		b.add(read)
	}
	return nil
}

// rowB4 asks at a rate that leaves the machine room, and takes off what the upstream itself takes.
func (b *bench) rowB4(ctx context.Context) error {
	s, err := b.needAllInOne(ctx)
	if err != nil {
		return err
	}
	reverse, err := b.needPeer(ctx, "goproxy")
	if err != nil {
		return err
	}
	const users = 100
	least, err := pageBytes(ctx, upstreamPage(b.upstream, users)())
	if err != nil {
		return err
	}
	rounds := max(20, b.rounds)
	plan := load.Plan{Connections: 256, Rate: 300, Duration: min(b.round, 2*1e9)}
	if b.quick {
		rounds = max(4, b.rounds)
	}
	r, err := b.interleave(ctx, "latency at 300/s, page of 100", []subject{
		{"direct", load.Target{Next: upstreamPage(b.upstream, users), Bytes: least}, nil},
		reverse.subject("goproxy", users, least),
		{"sando", load.Target{Next: s.page(users), Bytes: enveloped(least)}, s.process("proxy")},
	}, plan, rounds)
	if err != nil {
		return err
	}
	if len(r["sando"]) == 0 || len(r["goproxy"]) == 0 || len(r["direct"]) == 0 {
		return errNoRounds
	}
	for _, q := range []struct {
		name       string
		figure     func(sample) float64
		must, goal float64
	}{{"p50", p50, 1.3, 1.0}, {"p99", p99, 1.5, 1.0}} {
		ours, theirs := added(r, "sando", q.figure), added(r, "goproxy", q.figure)
		read := reading{
			Row: "B4", What: "latency added by sando / by ReverseProxy", Case: q.name, Must: q.must, Goal: q.goal,
			Note: fmt.Sprintf("added: %.2f ms and %.2f ms", measure.Of(ours).Median, measure.Of(theirs).Median),
		}
		if n := negative(ours) + negative(theirs); n > len(ours)/5 {
			read.Missing = fmt.Sprintf("in %d of %d rounds a proxy was faster than none: the machine is too busy for this row", n, len(ours))
		} else {
			read.Value = measure.Of(measure.Ratios(ours, theirs))
		}
		b.add(read)
	}
	return nil
}

// negative counts the values that are not above zero.
func negative(values []float64) int {
	n := 0
	for _, v := range values {
		if v <= 0 {
			n++
		}
	}
	return n
}

// added is what a subject adds to the upstream's own latency, round by round, in ms.
func added(r runs, name string, figure func(sample) float64) []float64 {
	direct, with := r.of("direct", figure), r.of(name, figure)
	n := min(len(direct), len(with))
	out := make([]float64, n)
	for i := range n {
		out[i] = with[i] - direct[i]
	}
	return out
}
