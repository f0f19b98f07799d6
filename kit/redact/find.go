package redact

import "bytes"

const (
	// layers is how many spellings, one inside the other, are seen through.
	layers = 6
	// A text that is so encoded that reading it would take more than passes times
	// its length, or slack if that is more, is withheld.
	passes = 256
	slack  = 4 << 20
)

// A view is what a text says when some of its encodings are undone: bytes, and
// for each the piece of the original text that it comes from.
type view struct {
	text     []byte
	from, to []int32
	// open says that the view goes on where the original text was cut.
	open bool
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
	decode []decoder
	size   int
	budget int
	seen   map[uint64]bool
	found  []span
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
	f.visit(&v, layers)
	return merged(f.found), !f.hidden
}

// visit looks into a view and into what comes of it when one more encoding is
// undone.
func (f *search) visit(v *view, deeper int) {
	if f.hidden || len(v.text) == 0 {
		return
	}
	id := v.digest()
	if f.seen[id] {
		return
	}
	f.seen[id] = true
	f.look(v)
	if deeper == 0 {
		return
	}
	for _, decode := range f.decode {
		if f.budget -= len(v.text); f.budget < 0 {
			f.hidden = true
			return
		}
		if next, ok := decode(v); ok {
			f.visit(next, deeper-1)
		}
	}
}

// look notes the secrets in a view.
func (f *search) look(v *view) {
	for _, value := range f.values {
		secret := []byte(value)
		for at := 0; ; at++ {
			i := bytes.Index(v.text[at:], secret)
			if i < 0 {
				break
			}
			if len(secret) < Distinct {
				f.hidden = true
				return
			}
			at += i
			f.found = append(f.found, span{int(v.from[at]), int(v.to[at+len(secret)-1])})
		}
		if !v.open {
			continue
		}
		for n := min(len(secret)-1, len(v.text)); n >= leastHead; n-- {
			if bytes.HasSuffix(v.text, secret[:n]) {
				f.found = append(f.found, span{int(v.from[len(v.text)-n]), f.size})
				break
			}
		}
	}
}
