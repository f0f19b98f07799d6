package redact

import "bytes"

const (
	// layers is how many spellings, one inside the other, are seen through.
	layers = 6
	// A text that is so encoded that reading it would take more than passes times
	// its length, or slack if that is more, is withheld.
	passes = 64
	slack  = 1 << 20
)

// A view is what a text says when some of its encodings are undone: bytes, and
// for each the piece of the original text that it comes from.
type view struct {
	text     []byte
	from, to []int32
	// open says that the view goes on where the original text was cut.
	open bool
	// halved says that it ended in a part of an escape, which is left out.
	halved bool
}

func (v *view) add(c byte, from, to int32) {
	v.text = append(v.text, c)
	v.from = append(v.from, from)
	v.to = append(v.to, to)
}

// copied appends a piece of another view.
func (v *view) copied(of *view, from, to int) {
	v.text = append(v.text, of.text[from:to]...)
	v.from = append(v.from, of.from[from:to]...)
	v.to = append(v.to, of.to[from:to]...)
}

// digest tells views apart, by what they say and where it comes from.
func (v *view) digest() uint64 {
	const prime = 0x9E3779B97F4A7C15
	h := uint64(len(v.text))
	for i, c := range v.text {
		h = (h ^ uint64(c) ^ uint64(v.from[i])<<8) * prime
		h ^= h >> 29
	}
	return h
}

// A search goes through all views of a text.
type search struct {
	Secrets
	decode  []decoder
	size    int
	budget  int
	seen    map[uint64]bool
	found   []span
	scratch []byte
	spare   []*view
	// hidden says that the text has to be withheld.
	hidden bool
}

// find gives the pieces of a text that hold a secret, sorted and apart from
// each other. It reports false when the text has to be withheld.
func (s Secrets) find(text []byte, cut bool) ([]span, bool) {
	if s.all {
		return nil, false
	}
	v := view{text: text, from: make([]int32, len(text)), to: make([]int32, len(text)), open: cut}
	for i := range text {
		v.from[i], v.to[i] = int32(i), int32(i+1)
	}
	f := &search{Secrets: s, decode: s.decoders(), size: len(text), budget: max(slack, passes*len(text)), seen: map[uint64]bool{}}
	f.through(&v)
	return merged(f.found), !f.hidden
}

// through looks into a view and into what comes of it when up to layers encodings
// are undone. It goes layer by layer, so that what can be reached in several
// ways is seen on the shortest, with the most layers left.
func (f *search) through(v *view) {
	views := []*view{v}
	for undone := 0; len(views) > 0; undone++ {
		var next []*view
		for _, v := range views {
			if f.hidden {
				return
			}
			if f.look(v); undone < layers {
				next = f.undo(v, next)
			}
			if undone > 0 { // the first one's text is the caller's
				f.spare = append(f.spare, v)
			}
		}
		views = next
	}
}

// undo appends what comes of a view when one encoding is undone, as far as it
// was not seen before.
func (f *search) undo(v *view, views []*view) []*view {
	for _, decode := range f.decode {
		next := f.blank()
		next.open, next.halved = v.open, v.halved
		if !decode(v, next) || len(next.text) == 0 || f.known(next) {
			f.spare = append(f.spare, next)
			continue
		}
		if f.budget -= len(v.text); f.budget < 0 {
			f.hidden = true
			return nil
		}
		views = append(views, next)
	}
	return views
}

// known reports whether a view was seen before, and has seen it.
func (f *search) known(v *view) bool {
	id := v.digest()
	if f.seen[id] {
		return true
	}
	f.seen[id] = true
	return false
}

// blank gives a view that says nothing, in memory that was used before.
func (f *search) blank() *view {
	n := len(f.spare)
	if n == 0 {
		return new(view)
	}
	v := f.spare[n-1]
	f.spare = f.spare[:n-1]
	v.text, v.from, v.to = v.text[:0], v.from[:0], v.to[:0]
	return v
}

// look records the secrets in a view, whatever the case of their letters: host
// names and some headers come back in another.
func (f *search) look(v *view) {
	text := f.lowered(v.text)
	for _, secret := range f.folded {
		last := len(f.found)
		for at := 0; ; at++ {
			i := bytes.Index(text[at:], secret)
			if i < 0 {
				break
			}
			if len(secret) < Distinct {
				f.hidden = true
				return
			}
			at += i
			s := span{int(v.from[at]), int(v.to[at+len(secret)-1])}
			if n := len(f.found) - 1; n >= last && s.from <= f.found[n].to && s.from >= f.found[n].from {
				f.found[n].to = max(f.found[n].to, s.to)
				continue
			}
			f.found = append(f.found, s)
		}
		if !v.open {
			continue
		}
		least := leastHead
		if v.halved {
			least-- // the half stands for one more
		}
		for n := min(len(secret)-1, len(text)); n >= least; n-- {
			if bytes.HasSuffix(text, secret[:n]) {
				f.found = append(f.found, span{int(v.from[len(text)-n]), f.size})
				break
			}
		}
	}
}

// lowered writes letters of ASCII small, into memory that the next call uses
// again.
func (f *search) lowered(text []byte) []byte {
	f.scratch = append(f.scratch[:0], text...)
	for i, c := range f.scratch {
		f.scratch[i] = small(c)
	}
	return f.scratch
}
