package splice

import (
	"bytes"
	"testing"
)

// TestClasses sorts every byte at every place of a block.
func TestClasses(t *testing.T) {
	of := func(c byte) uint64 {
		switch {
		case c == '\\' || c < 0x20:
			return special
		case c == '"':
			return quote
		case c == ' ':
			return space
		case c == ',':
			return comma
		case c == ':':
			return colon
		case c == '{' || c == '[':
			return opening
		case c == '}' || c == ']':
			return closing
		default:
			return other
		}
	}
	for _, plain := range []bool{false, true} {
		s := new(sets)
		for c := range 256 {
			for i := range blockSize {
				block := bytes.Repeat([]byte{'a'}, blockSize)
				block[i] = byte(c)
				s.sort(block, 1, plain)
				want := of(byte(c))
				if s.low[0] != want&1<<i || s.mid[0] != want>>1&1<<i || s.high[0] != want>>2&1<<i {
					t.Fatalf("plain %t: byte %#x at %d: %x %x %x, want class %d", plain, c, i, s.low[0], s.mid[0], s.high[0], want)
				}
			}
		}
	}
}

// FuzzBlocks holds what is done with vector instructions against what is done
// without: the same classes, tokens and marks, and the same left to the next block.
func FuzzBlocks(f *testing.F) {
	f.Add(usersBody(1), true)
	f.Add(bytes.Repeat([]byte(`[{},[],"a,b",{"c":[1,-2.5e3,true]},`), 16), true)
	f.Add(bytes.Repeat([]byte("{\"a\\\"\\\\b\" :\t[null ,\n{ } ]}\x01\x80\xff"), 16), false)
	f.Fuzz(func(t *testing.T, text []byte, begun bool) {
		blocks := min(len(text)/blockSize, batch)
		if blocks == 0 {
			return
		}
		vector, plain := new(scanner), new(scanner)
		for _, s := range []*scanner{vector, plain} {
			s.reset(nobody{}, 0)
			if !begun {
				s.sets.inString = ^uint64(0)
			}
			s.text = text
			s.sort(text, blocks, s == plain)
		}
		if vector.sets != plain.sets {
			t.Fatal("other classes")
		}
		done := vector.find(0, blocks, false)
		for i := range done {
			if err := plain.tokensOf(i, blockSize); err != nil {
				t.Fatalf("block %d, which find passes: %v", i, err)
			}
		}
		if plain.escape != noEscape {
			t.Fatal("find passes an escape")
		}
		keepDone(&vector.sets, done)
		for _, last := range []struct{ got, want uint64 }{
			{vector.operators, plain.operators}, {vector.openings, plain.openings}, {vector.scalars, plain.scalars},
		} {
			if last.got>>63 != last.want>>63 {
				t.Fatal("something else is left to the next block")
			}
		}
		vector.operators, vector.openings, vector.scalars = plain.operators, plain.openings, plain.scalars
		if vector.sets != plain.sets {
			t.Fatalf("other tokens:\n%+v\n%+v", vector.sets, plain.sets)
		}
		got, want := vector.list(done, false), plain.list(done, true)
		if len(got) != len(want) {
			t.Fatalf("%d starts, want %d", len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("start %d at %d, want %d", i, got[i], want[i])
			}
		}
	})
}

// keepDone clears what find left of the group it stopped at.
func keepDone(s *sets, done int) {
	for _, set := range []*[batch]uint64{&s.quotes, &s.outside, &s.brackets, &s.commas, &s.colons, &s.starts, &s.ends, &s.empties} {
		clear(set[done:])
	}
}
