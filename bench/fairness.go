package main

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/sando-dev/sando/bench/internal/load"
)

// published is Torii's limit for users, calls a minute.
const published = 100

// rowB10 asks quiet accounts at 50 a second, alone and beside an account that is asked 30 times its limit.
func (b *bench) rowB10(ctx context.Context) error {
	s, err := b.needAllInOne(ctx)
	if err != nil {
		return err
	}
	duration := time.Minute
	if b.quick {
		duration = 5 * time.Second
	}
	further, err := s.Link(ctx, len(s.accounts)+1, 1)
	if err != nil {
		return err
	}
	quiet := load.Target{Next: s.page(100), Bytes: 10_000}
	steady := load.Plan{Connections: 64, Rate: 50, Duration: duration}
	alone, err := load.Run(ctx, quiet, steady)
	if err != nil {
		return err
	}
	impatient := s.header()
	impatient.Set("Sando-Max-Wait", "0s")
	loud := load.Target{Next: inTurn([]load.Call{{URL: s.Proxy + "/proxy/users?limit=100&integrated_account_id=" + further[0], Header: impatient}})}

	var storm load.Result
	var stormErr error
	var beside sync.WaitGroup
	beside.Go(func() {
		storm, stormErr = load.Run(ctx, loud, load.Plan{Connections: 64, Rate: 30 * published / 60, Duration: duration})
	})
	crowded, err := load.Run(ctx, quiet, steady)
	beside.Wait()
	if err != nil || stormErr != nil {
		return fmt.Errorf("%w, %w", err, stormErr)
	}
	b.add(reading{
		Row: "B10", What: "quiet accounts' p99 beside a loud one / alone", Must: 1.5,
		Value: once(milliseconds(crowded.Quantile(0.99)) / milliseconds(alone.Quantile(0.99))),
		Note:  fmt.Sprintf("p99 alone %.2f ms", milliseconds(alone.Quantile(0.99))),
	})
	b.add(reading{Row: "B10", What: "quiet accounts' errors", Must: 0, Value: once(float64(crowded.Failed + alone.Failed)), Note: crowded.Failure})
	share := reading{Row: "B10", What: "the loud account's calls in its first minute, off its limit", Must: 0.02}
	if b.quick {
		share.Missing = "takes a minute; not in quick mode"
	} else {
		share.Value = once(math.Abs(float64(storm.Requests-storm.Failed)/published - 1))
		share.Note = fmt.Sprintf("%d of %d calls passed", storm.Requests-storm.Failed, storm.Requests)
	}
	b.add(share)
	return nil
}
