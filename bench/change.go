package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/sando-dev/sando/bench/internal/load"
	"github.com/sando-dev/sando/bench/internal/measure"
	"github.com/sando-dev/sando/bench/internal/sando"
)

// A matter is something that both builds are asked for.
type matter struct {
	name   string
	target func(s *stage) (load.Target, error)
}

// rowChange compares this build with the one of --before, in turns: pages, refusals and tool calls. Both run on this machine at the same time, each
// with a data folder and accounts of its own.
func (b *bench) rowChange(ctx context.Context) error {
	if b.before == "" {
		return errors.New("needs --before, the folder of the binaries to compare with")
	}
	now, err := b.needAllInOne(ctx)
	if err != nil {
		return err
	}
	d, err := sando.StartAllInOne(ctx, b.fleet, sando.Options{Name: "before", Bin: b.before, Upstream: b.upstream})
	if err != nil {
		return err
	}
	before, err := b.linked(ctx, d)
	if err != nil {
		return err
	}
	for _, m := range b.matters(ctx) {
		if err := b.compare(ctx, m, now, before); err != nil {
			return err
		}
	}
	return nil
}

// matters lists what is compared.
func (b *bench) matters(ctx context.Context) []matter {
	var all []matter
	for _, users := range pageSizes() {
		all = append(all, matter{pageCase(users), func(s *stage) (load.Target, error) {
			least, err := pageBytes(ctx, upstreamPage(b.upstream, users)())
			return load.Target{Next: s.page(users), Bytes: enveloped(least)}, err
		}})
	}
	return append(all,
		matter{"401", func(s *stage) (load.Target, error) { return s.unknownToken(), nil }},
		matter{"429", func(s *stage) (load.Target, error) { return s.spentBudget(), nil }},
		matter{"tools/call", func(s *stage) (load.Target, error) {
			urls, err := s.makeAgents(ctx)
			return load.Target{Next: agentCalls(urls, callBody())}, err
		}},
	)
}

// compare measures one matter on both builds.
func (b *bench) compare(ctx context.Context, m matter, now, before *stage) error {
	var subjects []subject
	for _, side := range []struct {
		name  string
		stage *stage
	}{{"now", now}, {"before", before}} {
		target, err := m.target(side.stage)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", m.name, side.name, err)
		}
		subjects = append(subjects, subject{side.name, target, side.stage.process("proxy")})
	}
	r, err := b.interleave(ctx, "change, "+m.name, subjects, b.plan(), b.rounds)
	if err != nil {
		return err
	}
	read := reading{Row: rowNameChange, What: "CPU of this build / the one before", Case: m.name, Must: 1.05}
	if len(r["now"]) == 0 || len(r["before"]) == 0 {
		read.Missing = errNoRounds.Error()
	} else {
		read.Value = measure.Of(measure.Ratios(r.of("now", cpu), r.of("before", cpu)))
	}
	b.add(read)
	return nil
}

// servedURL is a page of 1, without the account.
func (s *stage) servedURL() string {
	return s.Proxy + "/proxy/users?limit=1&fields=" + userFields + "&integrated_account_id="
}

// unknownToken asks with a token that auth does not know.
func (s *stage) unknownToken() load.Target {
	wrong := s.header()
	wrong.Set("Authorization", "Bearer sando_api_"+"wrongwrongwrongwrongwrongwrongwrongwrongwro")
	call := load.Call{URL: s.servedURL() + s.accounts[0], Header: wrong}
	return load.Target{Next: inTurn([]load.Call{call}), Status: http.StatusUnauthorized}
}

// spentBudget asks for one account far more often than its limit allows, and does not wait.
func (s *stage) spentBudget() load.Target {
	impatient := s.header()
	impatient.Set("Sando-Max-Wait", "0s")
	call := load.Call{URL: s.servedURL() + s.accounts[len(s.accounts)-1], Header: impatient}
	return load.Target{Next: inTurn([]load.Call{call}), Status: http.StatusTooManyRequests}
}
