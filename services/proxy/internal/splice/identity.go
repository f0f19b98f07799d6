package splice

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
)

// idLimit bounds the id of a row; a longer one cannot be resumed at.
const idLimit = 256

// A reason says why the identity of a row is looked for.
type reason uint8

const (
	forNothing reason = iota
	forMark           // all marks are wanted
	forPlace          // it is in the place of the row before the first one wanted
	forBorder         // it may be the last row of the page before
	forTail           // the list may go on behind it
	forMore           // it follows the last row wanted
)

// tail is how many rows before a place are known by their identity.
const tail = 3

// reason finds out whether the identity of the row that begins matters.
func (c *copier) reason() reason {
	w := &c.window
	switch {
	case w.Marks != nil:
		return forMark
	case c.done && w.Repeats && !c.page.More:
		return forMore
	case c.done:
		return forNothing
	case w.After != "" && c.page.Seen == w.Skip-1:
		return forPlace
	case w.Border != "" && c.page.Rows == 0 && !c.waiting() && !c.on:
		return forBorder
	case w.Track, w.Limit > 0 && c.page.Rows+tail >= w.Limit && !c.waiting():
		return forTail
	default:
		return forNothing
	}
}

// attend looks for the identity of the row that begins.
func (c *copier) attend(why reason, at int) {
	c.mind.begin(why, at)
	if why == forNothing {
		return
	}
	if c.plan.IDKey != "" {
		c.scanner.watch = c.level + 2
		return
	}
	c.mind.digesting, c.mind.digest, c.mind.unread = true, fnvOffset, at
}

// border decides, once the id of a row is known, whether it is the last one of
// the page before.
func (c *copier) border(b []byte) error {
	if c.mind.why != forBorder {
		return nil
	}
	if string(c.mind.id) == c.window.Border {
		c.mind.why = forNothing
		return nil
	}
	return c.pass()
}

// pass hands out a row that was held to see whether it is a repetition.
func (c *copier) pass() error {
	c.mind.why = forTail
	return c.begin(c.mind.from)
}

// turnRow keeps track of the row under way over the end of the buffer.
func (c *copier) turnRow(text []byte) error {
	if c.mind.why == forBorder && c.rows && c.mind.open {
		// Its id has not come in a whole buffer. It is handed out.
		if err := c.pass(); err != nil {
			return err
		}
	}
	c.mind.turn(text)
	return nil
}

// attention is what is known of the row under way and of those before it.
type attention struct {
	why  reason
	open bool   // the row has not ended
	from int    // where it begins in the buffer
	id   []byte // its identity so far known
	ids  [idLimit]byte

	digesting bool
	digest    uint64
	unread    int // where the bytes begin that the digest lacks

	earlier [2]uint64 // marks of the rows handed out before the one under way

	// before is the row before, as far as it is in the buffer.
	before struct{ from, to int }
	split  bool // the row under way began in the buffer before
}

func (a *attention) reset() { *a = attention{} }

func (a *attention) begin(why reason, at int) {
	a.why, a.open, a.split, a.from, a.id, a.digesting = why, true, false, at, nil, false
}

// identify notes the id of the row.
func (a *attention) identify(id []byte) {
	if len(id) <= idLimit {
		a.id = a.ids[:copy(a.ids[:], id)]
	}
}

// turn is called at the end of a buffer.
func (a *attention) turn(text []byte) {
	if a.digesting && a.open {
		a.digest = fnvOf(a.digest, text[a.unread:])
	}
	a.unread, a.from, a.split = 0, 0, a.open
	a.before.from, a.before.to = 0, 0
}

// end is called behind a row.
func (a *attention) end(b []byte, at int) reason {
	a.open = false
	if a.digesting {
		a.digesting = false
		var sum [8]byte
		binary.BigEndian.PutUint64(sum[:], fnvOf(a.digest, b[a.unread:at]))
		a.ids[0] = '#'
		a.id = a.ids[:1+hex.Encode(a.ids[1:], sum[:])]
	}
	return a.why
}

// passed is called once the row was handed out.
func (a *attention) passed() {
	if a.id == nil {
		return
	}
	a.earlier[1], a.earlier[0] = a.earlier[0], fnvOf(fnvOffset, a.id)
}

// again says whether the row that ends is the same as the one before it, byte by
// byte, and where that ended. Rows that do not lie in one buffer are not compared.
func (a *attention) again(b []byte, at int) (to int, same bool) {
	from, to := a.before.from, a.before.to
	if a.split {
		a.before.from, a.before.to = 0, 0
		return 0, false
	}
	a.before.from, a.before.to = a.from, at
	return to, to > from && to-from == at-a.from && bytes.Equal(b[from:to], b[a.from:at])
}

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// fnvOf goes on with an FNV-1a.
func fnvOf(sum uint64, b []byte) uint64 {
	for _, c := range b {
		sum = (sum ^ uint64(c)) * fnvPrime
	}
	return sum
}

// Mark is an identity in eight bytes; 0 for none.
func Mark(identity string) uint64 {
	if identity == "" {
		return 0
	}
	return fnvOf(fnvOffset, []byte(identity))
}
