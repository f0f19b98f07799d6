package budget

import "time"

// A waiter is a call in the queue.
type waiter struct {
	caller   Caller
	deadline moment        // when it gives up
	done     chan struct{} // closed when it is decided
	refused  *Exhausted    // why not; nil when granted
}

func (w *waiter) grant() { close(w.done) }

func (w *waiter) refuse(after time.Duration) {
	w.refused = &Exhausted{after}
	close(w.done)
}

// A queue holds waiters so that accounts take turns, and within an account its
// principals. A nil one is empty.
type queue struct {
	accounts []*flow // the first is served next
	length   int
}

// A flow is an account or one of its principals: it has flows or waiters.
type flow struct {
	name    string
	flows   []*flow
	waiters []*waiter
	length  int
}

// find gives the flow of that name and its place; nil when there is none.
func find(flows []*flow, name string) (*flow, int) {
	for i, f := range flows {
		if f.name == name {
			return f, i
		}
	}
	return nil, -1
}

// empty tells that nobody waits.
func (q *queue) empty() bool { return q == nil || q.length == 0 }

// mixed tells that more than one caller waits.
func (q *queue) mixed() bool {
	return q != nil && (len(q.accounts) > 1 || len(q.accounts) == 1 && len(q.accounts[0].flows) > 1)
}

func (q *queue) push(w *waiter) {
	account, _ := find(q.accounts, w.caller.Account)
	if account == nil {
		account = &flow{name: w.caller.Account}
		q.accounts = append(q.accounts, account)
	}
	principal, _ := find(account.flows, w.caller.Principal)
	if principal == nil {
		principal = &flow{name: w.caller.Principal}
		account.flows = append(account.flows, principal)
	}
	principal.waiters = append(principal.waiters, w)
	principal.length++
	account.length++
	q.length++
}

// pop takes the waiter whose turn it is; the queue must not be empty.
func (q *queue) pop() *waiter {
	account := q.accounts[0]
	principal := account.flows[0]
	w := principal.waiters[0]
	q.drop(0, 0, 0)
	if principal.length > 0 {
		account.flows = rotate(account.flows)
	}
	if account.length > 0 {
		q.accounts = rotate(q.accounts)
	}
	return w
}

// rotate moves the first flow to the end.
func rotate(flows []*flow) []*flow {
	first := flows[0]
	copy(flows, flows[1:])
	flows[len(flows)-1] = first
	return flows
}

// drop takes out a waiter by its place, and flows that it leaves empty.
func (q *queue) drop(a, p, i int) {
	account := q.accounts[a]
	principal := account.flows[p]
	principal.waiters = cut(principal.waiters, i)
	principal.length--
	account.length--
	q.length--
	if principal.length == 0 {
		account.flows = cut(account.flows, p)
	}
	if account.length == 0 {
		q.accounts = cut(q.accounts, a)
	}
}

func cut[T any](list []*T, i int) []*T {
	copy(list[i:], list[i+1:])
	list[len(list)-1] = nil
	return list[:len(list)-1]
}

// remove takes w out; false when it is not there.
func (q *queue) remove(w *waiter) bool {
	account, a := find(q.accounts, w.caller.Account)
	if account == nil {
		return false
	}
	principal, p := find(account.flows, w.caller.Principal)
	if principal == nil {
		return false
	}
	for i, other := range principal.waiters {
		if other == w {
			q.drop(a, p, i)
			return true
		}
	}
	return false
}

// rank is the place that a call of c would have in the order of service, from
// 1 on, if nobody came after it.
func (q *queue) rank(c Caller) int {
	if q == nil {
		return 1
	}
	account, _ := find(q.accounts, c.Account)
	own := 0 // calls of c that are waiting
	turn := 1
	if account != nil {
		if principal, _ := find(account.flows, c.Principal); principal != nil {
			own = principal.length
		}
		for _, f := range account.flows {
			if f.name != c.Principal {
				turn += min(f.length, own+1)
			}
		}
	}
	turn += own
	rank := turn
	for _, f := range q.accounts {
		if f.name != c.Account {
			rank += min(f.length, turn)
		}
	}
	return rank
}

// makeRoom takes out the last waiter of the account with the most waiting, and
// in it of the principal with the most. Nobody goes when a call of c would
// wait in a flow as long as that.
func (q *queue) makeRoom(c Caller) *waiter {
	a := longest(q.accounts)
	account := q.accounts[a]
	p := longest(account.flows)
	principal := account.flows[p]
	if account.name == c.Account {
		own, _ := find(account.flows, c.Principal)
		if own != nil && principal.length <= own.length+1 || principal.length <= 1 {
			return nil
		}
	} else {
		own, _ := find(q.accounts, c.Account)
		if own != nil && account.length <= own.length+1 || account.length <= 1 {
			return nil
		}
	}
	last := principal.length - 1
	w := principal.waiters[last]
	q.drop(a, p, last)
	return w
}

func longest(flows []*flow) int {
	best := 0
	for i, f := range flows {
		if f.length > flows[best].length {
			best = i
		}
	}
	return best
}

// removeIf takes out and returns the waiters for which out is true.
func (q *queue) removeIf(out func(*waiter) bool) (removed []*waiter) {
	if q.empty() {
		return nil
	}
	for _, account := range q.accounts {
		for _, principal := range account.flows {
			for _, w := range principal.waiters {
				if out(w) {
					removed = append(removed, w)
				}
			}
		}
	}
	for _, w := range removed {
		q.remove(w)
	}
	return removed
}
