package splice

import "math/bits"

// An event is a place that the scanner's user watches for.
type event uint8

const (
	nameStart  event = iota // the opening quote of a name was read
	nameEnd                 // the closing quote of a name was read
	valueStart              // the first byte of a value was read
	valueEnd                // the value is complete; nothing behind it was read
)

// A watcher is told of the events of the outer levels, each with the place
// behind what was read, in the text being scanned. The text may still turn out to
// be no JSON.
type watcher interface {
	event(ev event, at int) error
}

// A scanner checks JSON block by block, in as many pieces as it comes. The
// bytes of a block are sorted into classes, and the grammar is checked on the
// sets of their places, one bit a place: what may stand behind what is a shift
// and an AND for 64 places at once. Only brackets, scalars and escapes are
// looked at one by one, and every token of the levels that are watched.
type scanner struct {
	sets
	user  watcher
	watch int  // events of containers deeper than this are passed over
	level int  // containers around the last event
	depth int  // containers open
	plain bool // no vector instructions, for tests

	escape   uint8                 // what an escape still wants; see escapes
	inScalar scalar                // that the blocks so far end in
	inName   uint64                // 1 when a name or its colon is to come
	kinds    uint64                // of the innermost containers: bit 0 that of the last, 1 for objects
	outer    [maxDepth / 64]uint64 // the kinds of those further out
	breaks   int                   // the end of the last block of the text with a line break between tokens

	// Of the levels that are watched.
	begun       bool // the value has begun
	wantName    bool // the next string is a name
	readingName bool // a name is being read
	readingText bool // a string that is a value is

	base  int64  // bytes before the text being scanned
	start int    // bytes of it before the batch at hand
	text  []byte // from there on
	tail  [blockSize]byte
}

func (s *scanner) reset(user watcher, watch int) {
	s.user, s.watch, s.level, s.depth = user, watch, 0, 0
	// A value may come first as if it stood behind an operator.
	s.sets.inString, s.operators, s.openings, s.scalars = 0, 1<<63, 0, 0
	s.escape, s.inScalar, s.inName, s.kinds = noEscape, scalar{}, 0, 0
	s.begun, s.wantName, s.readingName, s.readingText = false, false, false, false
	s.base = 0
}

// scan reads text, as far as it fills blocks unless it is the last, and returns
// how much that was. The rest is to be the head of the next text.
func (s *scanner) scan(text []byte, last bool) (int, error) {
	s.start, s.breaks = 0, 0
	for len(text)-s.start >= blockSize {
		s.text = text[s.start:]
		n := min(len(s.text)/blockSize, batch)
		s.sort(s.text, n, s.plain)
		if err := s.check(n, blockSize); err != nil {
			return 0, err
		}
		s.start += n * blockSize
	}
	if s.text = text[s.start:]; last && len(s.text) > 0 {
		s.tail = [blockSize]byte{}
		copy(s.tail[:], s.text)
		s.sort(s.tail[:], 1, s.plain)
		if err := s.check(1, len(s.text)); err != nil {
			return 0, err
		}
		s.start = len(text)
	}
	s.base += int64(s.start)
	s.text = nil
	return s.start, nil
}

// check reads sorted blocks, all of one size.
func (s *scanner) check(blocks, size int) error {
	if err := s.tokens(blocks, size); err != nil {
		return err
	}
	end := (blocks-1)*blockSize + size
	if err := s.scalarsIn(blocks, end); err != nil {
		return err
	}
	inName := s.inName
	for i := range blocks {
		colons, names := s.colons[i], s.commas[i]&s.inObject()
		if s.brackets[i] != 0 || s.depth <= s.watch {
			var err error
			if names, colons, err = s.walk(i); err != nil {
				return err
			}
		}
		// From the place where a name is due to its colon, the difference has
		// ones, if the two alternate; nothing but the name stands in between.
		due, left := bits.Sub64(colons, names, inName)
		if inName = left; s.outside[i]&(due^names) != 0 {
			return s.malformed(i*blockSize+first(s.outside[i]&(due^names)), "a name or its colon is missing")
		}
	}
	s.inName = inName
	return nil
}

func (s *scanner) malformed(at int, reason string) error {
	return &MalformedError{Offset: s.base + int64(s.start+at) + 1, Reason: reason}
}

// complete says whether the input may end here.
func (s *scanner) complete() bool {
	return s.begun && s.depth == 0 && s.sets.inString == 0 && s.inScalar.complete()
}
