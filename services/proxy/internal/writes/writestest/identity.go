package writestest

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sando-dev/sando/services/proxy/internal/writes"
)

// Request is a write like any other.
func Request() writes.Identity {
	return writes.Identity{
		Environment: "env", Account: "acc", Operation: "torii.contracts.create", Verb: http.MethodPost, Path: "/v1.0/contracts",
		Query: "a=1&b=2", ContentType: "application/json", Form: "data", Body: []byte(`{"name":"x"}`),
	}
}

// Others are requests that differ from Request in one component each, and in
// where one ends and the next begins. All of them are other writes.
func Others() iter.Seq2[string, writes.Identity] {
	changes := []struct {
		name   string
		change func(*writes.Identity)
	}{
		{"environment", func(i *writes.Identity) { i.Environment = "env2" }},
		{"account", func(i *writes.Identity) { i.Account = "acc2" }},
		{"operation", func(i *writes.Identity) { i.Operation = "torii.contracts.delete" }},
		{"verb", func(i *writes.Identity) { i.Verb = http.MethodPut }},
		{"path", func(i *writes.Identity) { i.Path = "/v1.0/contracts/1" }},
		{"path escaped otherwise", func(i *writes.Identity) { i.Path = "/v1.0/%63ontracts" }},
		{"query", func(i *writes.Identity) { i.Query = "a=1&b=3" }},
		{"query in another order", func(i *writes.Identity) { i.Query = "b=2&a=1" }},
		{"no query", func(i *writes.Identity) { i.Query = "" }},
		{"content type", func(i *writes.Identity) { i.ContentType = "text/csv" }},
		{"content type with a parameter", func(i *writes.Identity) { i.ContentType = "application/json; charset=utf-8" }},
		{"form of the answer", func(i *writes.Identity) { i.Form = "raw" }},
		{"body", func(i *writes.Identity) { i.Body = []byte(`{"name":"y"}`) }},
		{"whitespace in the body", func(i *writes.Identity) { i.Body = []byte(`{"name": "x"}`) }},
		{"no body", func(i *writes.Identity) { i.Body = nil }},
		{"a field", func(i *writes.Identity) { i.Fields = []string{"type", "attachment"} }},
		{"a field without a value", func(i *writes.Identity) { i.Fields = []string{"type", ""} }},
		{"a field cut elsewhere", func(i *writes.Identity) { i.Fields = []string{"typea", "ttachment"} }},
		{"the path's end in the query", func(i *writes.Identity) { i.Path, i.Query = "/v1.0/contract", "sa=1&b=2" }},
		{"the body's beginning in a field", func(i *writes.Identity) { i.Fields, i.Body = []string{`{`}, []byte(`"name":"x"}`) }},
	}
	return func(yield func(string, writes.Identity) bool) {
		for _, c := range changes {
			other := Request()
			c.change(&other)
			if !yield(c.name, other) {
				return
			}
		}
	}
}

// Shifts gives requests that have the same bytes in the same order as one, with
// the border between two neighbours moved to where cut says; and the same
// request again.
func Shifts(one writes.Identity, cut int) iter.Seq2[string, writes.Identity] {
	return func(yield func(string, writes.Identity) bool) {
		again := one
		again.Body, again.Fields = bytes.Clone(one.Body), slices.Clone(one.Fields)
		if !yield("again", again) {
			return
		}
		for n := range 7 {
			other := one
			texts := []*string{
				&other.Environment, &other.Account, &other.Operation, &other.Verb, &other.Path, &other.Query, &other.ContentType, &other.Form,
			}
			move(texts[n], texts[n+1], cut)
			if !yield(fmt.Sprintf("border %d moved", n), other) {
				return
			}
		}
		if len(one.Fields) > 0 {
			other, body := one, string(one.Body)
			other.Fields = slices.Clone(one.Fields)
			move(&other.Fields[len(other.Fields)-1], &body, cut)
			other.Body = []byte(body)
			if !yield("border before the body moved", other) {
				return
			}
			other = one
			other.Fields = []string{strings.Join(one.Fields, ""), ""}
			yield("one field more", other)
		}
	}
}

// move has the first text end where cut says, and the second take the rest.
func move(first, second *string, cut int) {
	both := *first + *second
	at := 0
	if len(both) > 0 {
		at = int(uint(cut) % uint(len(both)+1))
	}
	*first, *second = both[:at], both[at:]
}

// drawn draws a request of few texts, so that two of them often agree in most.
func drawn(t *rapid.T) writes.Identity {
	text := rapid.SampledFrom([]string{"", "a", "b", "ab"})
	i := writes.Identity{
		Environment: "env", Account: "acc", Operation: text.Draw(t, "operation"), Verb: text.Draw(t, "verb"), Path: text.Draw(t, "path"),
		Query: text.Draw(t, "query"), ContentType: text.Draw(t, "content type"), Form: text.Draw(t, "form"),
		Fields: rapid.SliceOfN(text, 0, 2).Draw(t, "fields"), Body: []byte(text.Draw(t, "body")),
	}
	return i
}

// testIdentity: any component that differs makes another write.
func testIdentity(b *bench) {
	l := b.process()
	key := func(i writes.Identity) writes.Record { return writes.Record{Identity: i, Key: "k"} }
	b.must(b.begin(l, key(Request())).Finish(b.Context(), answer))
	for name, other := range Others() {
		if name == "environment" || name == "account" { // another's key is another key
			b.must(b.begin(l, key(other)).Abandon(b.Context()))
			continue
		}
		if _, a, err := l.Begin(b.Context(), key(other)); !errors.Is(err, writes.ErrReused) || a != nil {
			b.Errorf("%s: answer %v, %v; want %v", name, a, err, writes.ErrReused)
		}
	}
	b.answers(l, key(Request()))
}

// testNoSharedAnswers: two requests that differ anywhere never share an answer,
// and one is never sent twice.
func testNoSharedAnswers(b *bench) {
	l := b.process()
	n := 0
	rapid.Check(b.T, func(t *rapid.T) {
		n++
		key := fmt.Sprint("key ", n)
		one, two := drawn(t), drawn(t)
		if rapid.Bool().Draw(t, "repeat") {
			two = one
		}
		ticket, _, err := l.Begin(b.Context(), writes.Record{Identity: one, Key: key})
		if err != nil || ticket.Finish(b.Context(), answer) != nil {
			t.Fatal(err)
		}
		ticket, a, err := l.Begin(b.Context(), writes.Record{Identity: two, Key: key})
		switch equal := cmp.Equal(one, two, cmpopts.EquateEmpty()); {
		case ticket != nil:
			t.Fatal("the key was sent twice")
		case equal && (err != nil || a == nil):
			t.Fatalf("the same request is not answered: %v", err)
		case !equal && (!errors.Is(err, writes.ErrReused) || a != nil):
			t.Fatalf("another request is answered: %v, %v", a, err)
		}
	})
}

// testFormer: what the version before recorded, under a digest of its own, is
// waited for, answered and marked, and never sent again.
func testFormer(b *bench) {
	former := func(key string) (was, is writes.Record) {
		was = writes.Record{Identity: Request(), Key: key}
		was.Form = "of the version before"
		return was, writes.Record{Identity: Request(), Key: key, Former: was.Digest()}
	}
	before, now := b.process(), b.process()

	was, is := former("begun")
	b.begin(before, was)
	b.blocked(now, is)
	b.clock.add(2 * time.Minute) // nothing was sent, and nobody lives who would
	t := b.begin(now, is)
	b.must(t.Sending(b.Context()))
	b.must(t.Finish(b.Context(), answer))
	b.answers(now, is)

	was, is = former("sending")
	b.must(b.begin(before, was).Sending(b.Context()))
	b.clock.add(2 * time.Minute)
	b.fails(now, is, writes.ErrUnknown)

	was, is = former("done")
	b.must(b.begin(before, was).Finish(b.Context(), answer))
	_, a, err := now.Begin(b.Context(), is)
	want := answer
	want.Former = true
	if diff := cmp.Diff(&want, a); err != nil || diff != "" {
		b.Errorf("%v; answer (-want +got):\n%s", err, diff)
	}
	is.Former[0]++
	b.fails(now, is, writes.ErrReused)
	// The version before takes what this one recorded for another request.
	is = writes.Record{Identity: Request(), Key: "ours"}
	b.must(b.begin(now, is).Finish(b.Context(), answer))
	was, _ = former("ours")
	b.fails(before, was, writes.ErrReused)
}
