package budget

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func drawCaller(t *rapid.T) Caller {
	return Caller{
		Account:   fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "account")),
		Principal: fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "principal")),
	}
}

func drawQueue(t *rapid.T) (*queue, []*waiter) {
	q := new(queue)
	var all []*waiter
	for range rapid.IntRange(0, 40).Draw(t, "waiting") {
		if q.length > 0 && rapid.IntRange(0, 4).Draw(t, "pop") == 0 {
			q.pop()
			continue
		}
		w := &waiter{caller: drawCaller(t)}
		q.push(w)
		all = append(all, w)
	}
	return q, all
}

// As long as two accounts wait, neither is served twice more than the other;
// and so for the principals of one account.
func TestQueueTakesTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, _ := drawQueue(t)
		accounts, principals := map[string]int{}, map[Caller]int{}
		waiting := map[Caller]int{}
		for _, a := range q.accounts {
			for _, p := range a.flows {
				waiting[Caller{a.name, p.name}] = p.length
			}
		}
		left := func(account string) (n int) {
			for c, k := range waiting {
				if c.Account == account {
					n += k
				}
			}
			return n
		}
		for q.length > 0 {
			w := q.pop()
			accounts[w.caller.Account]++
			principals[w.caller]++
			waiting[w.caller]--
			for c := range waiting {
				if left(c.Account) > 0 && accounts[w.caller.Account] > accounts[c.Account]+1 {
					t.Fatalf("account %s was served %d times while %s waited with %d", w.caller.Account, accounts[w.caller.Account], c.Account, accounts[c.Account])
				}
				if c.Account == w.caller.Account && waiting[c] > 0 && principals[w.caller] > principals[c]+1 {
					t.Fatalf("%v was served %d times while %v waited with %d", w.caller, principals[w.caller], c, principals[c])
				}
			}
		}
	})
}

// The rank is never better than the place that a call then has.
func TestQueueRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, _ := drawQueue(t)
		w := &waiter{caller: drawCaller(t)}
		rank, length := q.rank(w.caller), q.length
		q.push(w)
		place := 1
		for q.pop() != w {
			place++
		}
		if place > rank {
			t.Fatalf("place %d, promised %d", place, rank)
		}
		if rank > length+1 {
			t.Fatalf("rank %d with %d waiting", rank, length)
		}
	})
}

func TestQueueRemove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, all := drawQueue(t)
		for _, w := range rapid.Permutation(all).Draw(t, "order") {
			before := q.length
			removed := q.remove(w)
			if removed != (q.length == before-1) {
				t.Fatalf("removed %v, but %d of %d are left", removed, q.length, before)
			}
			if q.remove(w) {
				t.Fatal("removed a waiter twice")
			}
		}
		if q.length != 0 || len(q.accounts) != 0 {
			t.Fatalf("%d waiters in %d accounts are left", q.length, len(q.accounts))
		}
	})
}

func TestQueueMakesRoomForOthersOnly(t *testing.T) {
	q := new(queue)
	for range 5 {
		q.push(&waiter{caller: Caller{"a", "agent"}})
	}
	q.push(&waiter{caller: Caller{"a", "sync"}})
	if q.makeRoom(Caller{"a", "agent"}) != nil {
		t.Error("the loudest made room for itself")
	}
	if w := q.makeRoom(Caller{"b", "x"}); w == nil || w.caller.Principal != "agent" {
		t.Errorf("another account got the place of %v", w)
	}
	if w := q.makeRoom(Caller{"a", "sync"}); w == nil || w.caller.Principal != "agent" {
		t.Errorf("another principal got the place of %v", w)
	}
	if q.length != 4 {
		t.Errorf("%d are left; want 4", q.length)
	}
}
