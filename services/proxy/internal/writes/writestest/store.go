// Package writestest is the contract of write records: what every store must
// do, and what the ledger does over it.
package writestest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/services/proxy/internal/writes"
)

// Open makes an empty store for a test and closes it after.
type Open func(t *testing.T) writes.Store

// noon is when the tests take place.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func row(n byte) writes.Row {
	return writes.Row{
		ID: writes.ID{n, 1, 2, 0xff}, Environment: "env", Account: "acc", Operation: "torii.contracts.create",
		Digest: [32]byte{n, 9}, Owner: "me", State: writes.StateBegun, Created: noon, Changed: noon,
	}
}

// TestStore runs the contract of a Store.
func TestStore(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, writes.Store){
		"insert": testInsert, "move": testMove, "delete": testDelete, "order": testOrder,
		"owners": testOwners, "purge": testPurge, "one of many": testOneOfMany, "crossing": testCrossing,
		"all or nothing": testAllOrNothing, "newest": testNewest,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func apply(t *testing.T, s writes.Store, ops ...writes.Op) []writes.Result {
	t.Helper()
	results, err := s.Apply(t.Context(), ops)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func expect(t *testing.T, s writes.Store, want writes.Row) {
	t.Helper()
	got, ok, err := s.Read(t.Context(), want.ID)
	if err != nil || !ok {
		t.Fatalf("Read: %v, %v", ok, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
}

func testInsert(t *testing.T, s writes.Store) {
	first, second := row(1), row(1)
	second.Owner, second.Digest = "other", [32]byte{7}
	if r := apply(t, s, writes.Op{Verb: writes.Insert, Row: first}); !r[0].Applied {
		t.Error("a new row was refused")
	}
	r := apply(t, s, writes.Op{Verb: writes.Insert, Row: second})
	if diff := cmp.Diff([]writes.Result{{Row: first}}, r); diff != "" {
		t.Errorf("result of the second insert (-want +got):\n%s", diff)
	}
	expect(t, s, first)
	if _, ok, err := s.Read(t.Context(), row(2).ID); ok || err != nil {
		t.Errorf("a row that is not there: %v, %v", ok, err)
	}
}

func testNewest(t *testing.T, s writes.Store) {
	newest := func(since time.Time, want writes.Row) {
		t.Helper()
		got, ok, err := s.Newest(t.Context(), since)
		if err != nil || ok != (want.Owner != "") {
			t.Errorf("Newest: %v, %v", ok, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("newest (-want +got):\n%s", diff)
		}
	}
	newest(noon, writes.Row{})
	var rows []writes.Row
	for n := range byte(4) {
		r := row(n)
		r.State, r.Answer, r.Changed = writes.StateDone, "sealed", noon.Add(time.Duration(n)*time.Second)
		rows = append(rows, r)
	}
	rows[2].Answer = "" // one that was not kept
	rows[3].State = writes.StateUnknown
	for _, r := range rows {
		apply(t, s, writes.Op{Verb: writes.Insert, Row: r})
	}
	newest(noon, rows[1])
	newest(noon.Add(time.Minute), writes.Row{})
}

func testMove(t *testing.T, s writes.Store) {
	was := row(1)
	apply(t, s, writes.Op{Verb: writes.Insert, Row: was})
	now := was
	now.Owner, now.State, now.Answer, now.Changed = "heir", writes.StateDone, "sealed", noon.Add(time.Second)
	for _, wrong := range []writes.Op{
		{Verb: writes.Move, Row: now, Owner: "other", From: []writes.State{writes.StateBegun}},
		{Verb: writes.Move, Row: now, Owner: "me", From: []writes.State{writes.StateSending, writes.StateDone}},
	} {
		if diff := cmp.Diff([]writes.Result{{Row: was}}, apply(t, s, wrong)); diff != "" {
			t.Errorf("a move on wrong terms (-want +got):\n%s", diff)
		}
	}
	r := apply(t, s, writes.Op{Verb: writes.Move, Row: now, Owner: "me", From: []writes.State{writes.StateBegun, writes.StateSending}})
	if !r[0].Applied {
		t.Error("the move was refused")
	}
	expect(t, s, now)
	absent := apply(t, s, writes.Op{Verb: writes.Move, Row: row(2), Owner: "me", From: []writes.State{writes.StateBegun}})
	if diff := cmp.Diff([]writes.Result{{}}, absent); diff != "" {
		t.Errorf("moving what is not there (-want +got):\n%s", diff)
	}
}

func testDelete(t *testing.T, s writes.Store) {
	apply(t, s, writes.Op{Verb: writes.Insert, Row: row(1)})
	if r := apply(t, s, writes.Op{Verb: writes.Delete, Row: row(1), Owner: "me", From: []writes.State{writes.StateSending}}); r[0].Applied {
		t.Error("deleted from a state that was not named")
	}
	if r := apply(t, s, writes.Op{Verb: writes.Delete, Row: row(1), Owner: "me", From: []writes.State{writes.StateBegun}}); !r[0].Applied {
		t.Error("the delete was refused")
	}
	if _, ok, err := s.Read(t.Context(), row(1).ID); ok || err != nil {
		t.Errorf("after the delete: %v, %v", ok, err)
	}
}

// testOrder: steps of one write in one call take place in their order.
func testOrder(t *testing.T, s writes.Store) {
	sending := row(1)
	sending.State = writes.StateSending
	r := apply(t, s,
		writes.Op{Verb: writes.Insert, Row: row(2)},
		writes.Op{Verb: writes.Insert, Row: row(1)},
		writes.Op{Verb: writes.Move, Row: sending, Owner: "me", From: []writes.State{writes.StateBegun}},
		writes.Op{Verb: writes.Delete, Row: row(2), Owner: "me", From: []writes.State{writes.StateBegun}},
		writes.Op{Verb: writes.Insert, Row: row(2)},
	)
	for i, result := range r {
		if !result.Applied {
			t.Errorf("step %d was refused", i)
		}
	}
	expect(t, s, sending)
	expect(t, s, row(2))
}

func testOwners(t *testing.T, s writes.Store) {
	until, err := s.Alive(t.Context(), "me")
	if err != nil || !until.IsZero() {
		t.Errorf("unknown owner: %v, %v", until, err)
	}
	for _, want := range []time.Time{noon, noon.Add(time.Hour), noon.Add(-time.Hour)} {
		if err := s.Beat(t.Context(), "me", want); err != nil {
			t.Fatal(err)
		}
		if until, err := s.Alive(t.Context(), "me"); err != nil || !until.Equal(want) {
			t.Errorf("alive until %v, %v; want %v", until, err, want)
		}
	}
}

func testPurge(t *testing.T, s writes.Store) {
	states := []writes.State{writes.StateBegun, writes.StateSending, writes.StateDone, writes.StateUnknown}
	for i, state := range states {
		old, fresh := row(byte(i)), row(byte(100+i))
		old.State, old.Changed = state, noon.Add(-time.Minute)
		fresh.State = state
		apply(t, s, writes.Op{Verb: writes.Insert, Row: old}, writes.Op{Verb: writes.Insert, Row: fresh})
	}
	for owner, until := range map[string]time.Time{"dead": noon.Add(-time.Minute), "living": noon} {
		if err := s.Beat(t.Context(), owner, until); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{1, 1, 0} {
		if n, err := s.Purge(t.Context(), noon, 1); n != want || err != nil {
			t.Errorf("purged %d, %v; want %d", n, err, want)
		}
	}
	for i, state := range states {
		_, old, err := s.Read(t.Context(), row(byte(i)).ID)
		kept := state == writes.StateSending || state == writes.StateUnknown
		if err != nil || old != kept {
			t.Errorf("an old row that is %s: kept %v, %v; want %v", state, old, err, kept)
		}
		if _, fresh, err := s.Read(t.Context(), row(byte(100+i)).ID); !fresh || err != nil {
			t.Errorf("a fresh row that is %s is gone: %v", state, err)
		}
	}
	dead, err := s.Alive(t.Context(), "dead")
	living, err2 := s.Alive(t.Context(), "living")
	if err != nil || err2 != nil || !dead.IsZero() || living.IsZero() {
		t.Errorf("owners after the purge: %v, %v (%v, %v)", dead, living, err, err2)
	}
}

// testOneOfMany: of many who insert one row at once, one succeeds.
func testOneOfMany(t *testing.T, s writes.Store) {
	var wg sync.WaitGroup
	won := make(chan string, 20)
	for i := range 20 {
		wg.Go(func() {
			r := row(1)
			r.Owner = fmt.Sprint(i)
			results, err := s.Apply(context.Background(), []writes.Op{{Verb: writes.Insert, Row: r}})
			if err != nil {
				t.Error(err)
				return
			}
			if results[0].Applied {
				won <- r.Owner
			}
		})
	}
	wg.Wait()
	close(won)
	var winners []string
	for w := range won {
		winners = append(winners, w)
	}
	if len(winners) != 1 {
		t.Fatalf("%d inserts of one row were applied", len(winners))
	}
	want := row(1)
	want.Owner = winners[0]
	expect(t, s, want)
}

// testCrossing: transactions over the same rows in different order all pass.
func testCrossing(t *testing.T, s writes.Store) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 10 {
				var ops []writes.Op
				for k := range 6 {
					r := row(byte((k*(i+1) + n) % 6))
					ops = append(ops, writes.Op{Verb: writes.Insert, Row: r},
						writes.Op{Verb: writes.Delete, Row: r, Owner: "me", From: []writes.State{writes.StateBegun}})
				}
				if _, err := s.Apply(context.Background(), ops); err != nil {
					t.Errorf("apply: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// testAllOrNothing: a transaction that fails leaves nothing.
func testAllOrNothing(t *testing.T, s writes.Store) {
	bad := row(2)
	bad.State = "lost"
	if _, err := s.Apply(t.Context(), []writes.Op{{Verb: writes.Insert, Row: row(1)}, {Verb: writes.Insert, Row: bad}}); err == nil {
		t.Error("a state that does not exist was stored")
	}
	if _, ok, err := s.Read(t.Context(), row(1).ID); ok || err != nil {
		t.Errorf("half of a failed transaction is there: %v, %v", ok, err)
	}
}
