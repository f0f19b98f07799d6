package main

import (
	"context"

	"github.com/sando-dev/sando/bench/internal/load"
	"github.com/sando-dev/sando/bench/internal/measure"
)

// rowB7 compares a unified page of 1000 with the same done by a typical back end in Go, by one in Node with JSONata and by one in Node by hand, and
// with the proxy's page under it.
func (b *bench) rowB7(ctx context.Context) error {
	s, err := b.needAllInOne(ctx)
	if err != nil {
		return err
	}
	// The first call of an account also reads how the organisation's own fields are defined.
	if err := warm(ctx, load.Target{Next: s.get(s.Unified, "/unified/user-directory/users?limit=1")}, len(s.accounts)); err != nil {
		return err
	}
	subjects := []subject{
		{"unified", load.Target{Next: s.get(s.Unified, "/unified/user-directory/users?limit=1000"), Bytes: 400_000}, s.process("unified")},
		{"proxy", load.Target{Next: s.page(1000), Bytes: 400_000}, s.process("proxy")},
	}
	for _, name := range []string{"typed", "node-hand", "node-jsonata"} {
		p, err := b.needPeer(ctx, name)
		if err != nil {
			return err
		}
		subjects = append(subjects, p.subject(name, 1000, 400_000))
	}
	r, err := b.interleave(ctx, "unified page of 1000", subjects, b.plan(), b.rounds)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		what, below string
		must, goal  float64
	}{
		{"CPU of unified / encoding/json with structs", "typed", 0.35, 0.10},
		{"CPU of unified / JSONata on Node", "node-jsonata", 1.0 / 20, 1.0 / 80},
		{"CPU of unified / proxy", "proxy", 2.5, 1.6},
	} {
		b.add(reading{
			Row: "B7", What: c.what, Case: pageCase(1000), Must: c.must, Goal: c.goal,
			Value: measure.Of(measure.Ratios(r.of("unified", cpu), r.of(c.below, cpu))),
		})
	}
	return nil
}
