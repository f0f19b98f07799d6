package writes

import (
	"context"
	"sync"
)

// groupMost is the number of steps in one transaction.
const groupMost = 256

// A group commits together what is asked for while the transaction before is
// still being committed: a write costs a share of a sync to disk, and a single
// one waits for nobody.
type group struct {
	apply func(context.Context, []Op) ([]Result, error)

	mu      sync.Mutex
	waiting []*member
	busy    bool
	done    sync.WaitGroup
}

type member struct {
	op     Op
	result Result
	err    error
	over   chan struct{}
}

// do takes one step and returns when it is durable, or the store has failed;
// in that case it may still have taken place.
func (g *group) do(op Op) (Result, error) {
	m := &member{op: op, over: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, m)
	if !g.busy {
		g.busy = true
		g.done.Go(g.work)
	}
	g.mu.Unlock()
	<-m.over
	return m.result, m.err
}

// work commits until nobody waits.
func (g *group) work() {
	for {
		g.mu.Lock()
		n := min(len(g.waiting), groupMost)
		if n == 0 {
			g.busy = false
			g.mu.Unlock()
			return
		}
		batch := g.waiting[:n:n]
		g.waiting = g.waiting[n:]
		g.mu.Unlock()
		g.commit(batch)
	}
}

func (g *group) commit(batch []*member) {
	ops := make([]Op, len(batch))
	for i, m := range batch {
		ops[i] = m.op
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	results, err := g.apply(ctx, ops)
	for i, m := range batch {
		if m.err = err; err == nil {
			m.result = results[i]
		}
		close(m.over)
	}
}

// wait returns when nothing is being committed.
func (g *group) wait() { g.done.Wait() }
