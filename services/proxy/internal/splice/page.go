package splice

import (
	"bytes"
	"errors"
	"io"
)

// A Plan says where an operation's answer keeps things. It is made once per
// operation and shared.
type Plan struct {
	// DataKeys are the top-level names that may hold the data; the one that
	// comes first in the body is it. Empty: the whole body is the data.
	DataKeys []string
	// ObjectKeys are the top-level names that together are the data, as one
	// object in the order of the body. Excludes DataKeys.
	ObjectKeys []string
	// OrWhole takes the whole body as the data when no data key is in it; such
	// a body must not be larger than 1 MiB.
	OrWhole bool
	// Array says that the data is a list. A null then counts as an empty one.
	Array bool
	// ArrayOrNot says that the data is a list where it begins like one: for
	// answers that the provider's documents do not describe. Excludes Array.
	ArrayOrNot bool
	// NextKey and TotalKey are the top-level names of the next cursor and of the
	// number of all matches, AggregationsKey that of what is computed over the
	// matches; empty for none.
	NextKey, TotalKey, AggregationsKey string
	// IDKey is the name of a row's id; empty for none.
	IDKey string

	plain bool // no vector instructions, for tests
}

// A Window says which rows of the data are wanted, and how.
type Window struct {
	// Skip is the number of rows before the first one wanted.
	Skip int
	// After is the identity that the row before the first one wanted must have,
	// the one with the index Skip-1; without a row of that identity in that place
	// nothing is handed out. Empty: whatever is there.
	After string
	// Border is the identity of the last row of the page before: the first rows
	// of this one are left out as long as they have it too.
	Border string
	// Limit is the most rows to hand out; 0 for all.
	Limit int
	// Repeats says that rows with one id are one row, so that a row which follows
	// itself is left out. It needs a key of ids.
	Repeats bool
	// Track has the page name its last row even where there are less than Limit.
	Track bool
	// Marks gets the mark of each row, in order, and nothing is handed out.
	Marks *[]uint64
	// Lines writes one row a line instead of an array. Line breaks between the
	// tokens of a row are left out.
	Lines bool
}

// A Page says what passed by.
type Page struct {
	// List says that the data is a list.
	List bool
	// Rows were handed out, of Seen rows in the body; Before came before them.
	Rows, Seen, Before int
	// To is the index behind the last row handed out.
	To int
	// More says that rows follow the last one handed out.
	More bool
	// Last is the identity of the last row handed out: its id as it stands in the
	// body or, where rows have none, a digest of the row. Unless Track is set it is
	// empty when there are less rows than Limit by more than two.
	Last string
	// Earlier are the marks of the rows handed out before Last, the latest first.
	Earlier [2]uint64
	// Found says whether the row of Window.After was in its place.
	Found bool
	// Next is the provider's cursor of the next page; empty at the end.
	Next string
	// Total is the number of all matches; -1 when the body does not say.
	Total int64
	// Aggregations is what stands under Plan.AggregationsKey, as JSON; empty when
	// nothing does.
	Aggregations string
	// Replaced is how many bytes of the body were not UTF-8: each came out as
	// U+FFFD.
	Replaced int
}

// wholeLimit bounds a body that is kept because its data key may be missing.
const wholeLimit = 1 << 20

// Copy writes the data of src to dst and returns what it found. Of a list
// without a row that is wanted nothing is written, so that the caller may go on
// with another page or write an empty list. After an error
// dst may hold a part of the data; what the caller wraps around it must then
// not be completed. Errors of dst are a [*WriteError], those of src are
// returned as they are.
func (p *Plan) Copy(dst io.Writer, src io.Reader, w Window) (Page, error) {
	if !p.OrWhole || len(p.DataKeys) == 0 {
		return p.copy(dst, src, w)
	}
	kept := &keeper{limit: wholeLimit}
	page, err := p.copy(dst, io.TeeReader(src, kept), w)
	if !errors.Is(err, ErrNoData) && !errors.Is(err, ErrShape) || kept.over {
		return page, err
	}
	// Nothing was written: the data is only begun where its key was found.
	if _, bad := io.Copy(kept, src); bad != nil {
		return Page{}, bad
	}
	if kept.over {
		return page, err
	}
	whole := Plan{Array: p.Array, ArrayOrNot: p.ArrayOrNot, IDKey: p.IDKey, plain: p.plain}
	return whole.copy(dst, &kept.body, w)
}

// A keeper keeps what passes by, up to a limit.
type keeper struct {
	body  bytes.Buffer
	limit int
	over  bool
}

func (k *keeper) Write(b []byte) (int, error) {
	if k.over = k.over || k.body.Len()+len(b) > k.limit; !k.over {
		k.body.Write(b)
	}
	return len(b), nil
}

func (p *Plan) copy(dst io.Writer, src io.Reader, w Window) (Page, error) {
	c := borrow(p, dst, w)
	defer c.release()
	page, err := c.run(src)
	page.Replaced = c.mender.replaced
	return page, err
}

func (c *copier) run(src io.Reader) (Page, error) {
	for {
		n, err := c.fill(src)
		if last := errors.Is(err, io.EOF); n > 0 || last {
			if bad := c.feed(n, last); bad != nil {
				return c.page, bad
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return c.page, c.finish()
		default:
			return c.page, err
		}
	}
}

// fill reads until the buffer is full or src ends, and makes what comes UTF-8.
func (c *copier) fill(src io.Reader) (int, error) {
	good, used := c.mender.mend(c.buf[:], c.held)
	for used < len(c.buf) && len(c.mender.rest) == 0 && c.ended == nil {
		var got int
		got, c.ended = src.Read(c.buf[used:])
		good, used = c.mender.check(c.buf[:], good, used+got)
	}
	switch {
	case len(c.mender.rest) > 0:
		return good - c.held, nil
	case c.ended != nil:
		// No JSON ends within a sequence: what does is refused as broken off.
		return used - c.held, c.ended
	}
	c.mender.keep(c.buf[good:used])
	return good - c.held, nil
}
