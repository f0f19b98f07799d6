package budget

import "maps"

// A Standing is where one key stands: calls allowed in a minute, calls left,
// and calls that wait.
type Standing struct {
	Key                  Key
	Limit, Left, Waiting int
}

// Each reports every key in use that has a limit, in no order. It is for
// metrics: each key costs the lock that its calls take when they must wait.
func (b *lines) Each(report func(Standing)) {
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.RLock()
		found := maps.Clone(s.lines)
		s.mu.RUnlock()
		kinds := b.byNumber() // numbers come before the lines that have them
		for p, l := range found {
			limit, left, _ := l.state()
			if limit > 0 {
				k := kinds[p.kind]
				report(Standing{
					Key:   Key{Origin: k.origin, Organization: p.organization, Operation: k.operation},
					Limit: limit, Left: left, Waiting: l.waiting(),
				})
			}
		}
	}
}

func (b *lines) byNumber() map[uint32]kind {
	kinds := make(map[uint32]kind)
	for k, number := range *b.kinds.Load() {
		kinds[number] = k
	}
	return kinds
}

// waiting is how many calls wait.
func (l *line) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queue == nil {
		return 0
	}
	return l.queue.length
}
