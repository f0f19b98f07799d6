package splice

import (
	"bytes"
	"io"
	"strconv"
	"sync"
)

const (
	// bufferSize is the memory of one copy, and the most that is handed out at
	// once: writing a large answer in pieces of 64 kB costs the system half as
	// much again.
	bufferSize = 256 << 10
	// scratchLimit bounds a name, id or cursor; longer names match nothing.
	scratchLimit = 8 << 10
	// aggregationsLimit bounds what is kept of the aggregations.
	aggregationsLimit = 1 << 20
)

// A role is what the value being read is for.
type role uint8

const (
	ignored      role = iota
	data              // the data itself
	part              // one of several values that make up the data
	next              // the next cursor
	total             // the number of matches
	rowID             // the id of a row
	aggregations      // what is computed over the matches
)

// A copier is one copy under way.
type copier struct {
	scanner scanner
	plan    *Plan
	window  Window
	dst     io.Writer
	page    Page
	mender  mender
	ended   error // of the source, which may have more to mend

	role  role   // of the value whose name was read last
	seen  uint8  // roles found so far, a bit each
	parts uint64 // object keys found so far, a bit each
	level int    // containers around the data
	rows  bool   // the scanner is inside of the list
	on    bool   // bytes are handed out
	done  bool   // the last row wanted was handed out
	mind  attention
	owed  bool // of lines: a row is complete but for its line break

	held    int  // bytes of the buffer that the scanner has not read
	mark    int  // start of what is to be handed out of the buffer
	row     int  // of lines: start of the row in the buffer
	gap     int  // of lines: where the line break is owed
	keeping bool // a name or scalar is being kept
	from    int  // where it starts in the buffer
	scratch []byte
	summing bool   // aggregations are being kept
	sums    []byte // so far

	buf [blockSize + bufferSize]byte
}

var copiers = sync.Pool{New: func() any { return new(copier) }} //nolint:gochecknoglobals // a pool of buffers has no state of its own

func borrow(p *Plan, dst io.Writer, w Window) *copier {
	c, _ := copiers.Get().(*copier)
	c.plan, c.window, c.dst = p, w, dst
	c.page = Page{Total: -1, Found: w.After == ""}
	c.role, c.seen, c.parts, c.level = ignored, 0, 0, 0
	c.rows, c.on, c.done, c.owed, c.keeping = false, false, false, false, false
	c.held, c.mark, c.from, c.scratch = 0, 0, 0, c.scratch[:0]
	c.summing, c.sums = false, nil
	c.mender.reset()
	c.mind.reset()
	c.ended = nil
	watch := 1
	if c.whole() {
		watch = 0
	}
	c.scanner.reset(c, watch)
	c.scanner.plain = p.plain
	return c
}

func (c *copier) release() {
	c.plan, c.dst, c.window, c.page, c.ended, c.sums = nil, nil, Window{}, Page{}, nil, nil
	copiers.Put(c)
}

func (c *copier) whole() bool { return len(c.plan.DataKeys) == 0 && len(c.plan.ObjectKeys) == 0 }

// feed reads what is new in the buffer, and keeps what the scanner leaves for
// the next time.
func (c *copier) feed(n int, last bool) error {
	text := c.buf[:c.held+n]
	c.mark, c.row, c.from = 0, 0, 0
	used, err := c.scanner.scan(text, last)
	if err != nil {
		return err
	}
	if c.keeping {
		c.stash(text[c.from:used])
	}
	if c.summing {
		if err := c.sum(text[c.from:used]); err != nil {
			return err
		}
	}
	if err := c.turn(text[:used]); err != nil {
		return err
	}
	c.held = copy(c.buf[:], text[used:])
	return nil
}

// turn hands out what goes on in the next buffer.
func (c *copier) turn(text []byte) error {
	if err := c.turnRow(text); err != nil {
		return err
	}
	switch {
	case !c.on:
		return nil
	case c.owed:
		return c.endLine(text)
	default:
		return c.hand(text)
	}
}

// event is called by the scanner.
func (c *copier) event(ev event, at int) error {
	text := c.buf[:]
	switch ev {
	case nameStart:
		c.keep(at)
	case nameEnd:
		c.named(c.kept(text, at-1))
	case valueStart:
		return c.start(text, at-1)
	case valueEnd:
		return c.end(text, at)
	}
	return nil
}

// named notes what the value behind a name is for.
func (c *copier) named(name []byte) {
	if bytes.IndexByte(name, '\\') >= 0 {
		name = unescape(name)
	}
	c.role = ignored
	switch {
	case c.rows:
		if c.scanner.level == c.level+2 && string(name) == c.plan.IDKey && c.seen&(1<<rowID) == 0 {
			c.role = rowID
		}
		return
	case c.scanner.level != 1:
		return
	}
	p := c.plan
	for _, k := range p.DataKeys {
		if string(name) == k {
			c.role = data
		}
	}
	for i, k := range p.ObjectKeys {
		if string(name) == k && c.parts&(1<<i) == 0 {
			c.role = part
			c.parts |= 1 << i
			c.scratch = append(c.scratch[:0], k...)
		}
	}
	switch {
	case c.role != ignored || len(name) == 0:
	case string(name) == p.NextKey:
		c.role = next
	case string(name) == p.TotalKey:
		c.role = total
	case string(name) == p.AggregationsKey:
		c.role = aggregations
	}
	if c.role != part && c.seen&(1<<c.role) != 0 {
		c.role = ignored
	}
}

// start is called at the first byte of a watched value.
func (c *copier) start(b []byte, at int) error {
	level, first := c.scanner.level, b[at]
	switch {
	case c.rows:
		return c.startInRows(b, at)
	case level == 0 && !c.whole():
		if first != '{' {
			return ErrShape
		}
		return nil
	case level == 0:
		return c.startData(b, at, 0)
	}
	switch c.role {
	case data:
		return c.startData(b, at, 1)
	case part:
		return c.startPart(at)
	case next:
		if first != '"' && first != 'n' {
			return ErrCursor
		}
		c.keep(at)
	case total:
		if first == '{' || first == '[' {
			return &MalformedError{Offset: c.scanner.base + int64(at) + 1, Reason: "a total that is no scalar"}
		}
		c.keep(at)
	case aggregations:
		c.summing, c.from = true, at
	}
	c.seen |= 1 << c.role
	return nil
}

func (c *copier) startData(b []byte, at, level int) error {
	c.seen |= 1 << data
	c.role, c.level = data, level
	c.page.List = c.plan.Array || c.plan.ArrayOrNot && b[at] == '['
	if !c.page.List {
		if c.window.Lines {
			return ErrNoList
		}
		c.on, c.mark, c.row = true, at, at
		return nil
	}
	switch b[at] {
	case '[':
		c.rows = true
		c.scanner.watch = level + 1
	case 'n':
	default:
		return ErrShape
	}
	return nil
}

func (c *copier) startPart(at int) error {
	head := "{"
	if c.seen&(1<<part) != 0 {
		head = ","
	}
	c.seen |= 1 << part
	c.on, c.mark, c.row = true, at, at
	return c.writeString(head + strconv.Quote(string(c.scratch)) + ":")
}

// end is called behind the last byte of a watched value.
func (c *copier) end(b []byte, at int) error {
	if c.rows {
		return c.endInRows(b, at)
	}
	if c.on {
		c.on = false
		return c.hand(b[:at])
	}
	if c.summing {
		c.summing = false
		if err := c.sum(b[c.from:at]); err != nil {
			return err
		}
		c.page.Aggregations = string(c.sums)
		return nil
	}
	if !c.keeping {
		return nil
	}
	switch text := c.kept(b, at); c.role {
	case next:
		return c.setNext(text)
	case total:
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil && n >= 0 {
			c.page.Total = n
		}
	}
	return nil
}

// finish is called at the end of the body.
func (c *copier) finish() error {
	switch {
	case !c.scanner.complete():
		return ErrTruncated
	case c.seen&(1<<part) != 0:
		return c.writeString("}")
	case c.seen&(1<<data) == 0:
		return ErrNoData
	case c.on:
		// A number that is the whole body ended with it.
		c.on = false
	}
	return nil
}

func (c *copier) setNext(text []byte) error {
	switch {
	case len(text) > scratchLimit:
		return &MalformedError{Offset: c.scanner.base + 1, Reason: "a cursor of more than 8 kB"}
	case text[0] == '"':
		c.page.Next = string(unescape(text[1 : len(text)-1]))
	}
	return nil
}

// sum keeps a piece of the aggregations.
func (c *copier) sum(b []byte) error {
	if len(c.sums)+len(b) > aggregationsLimit {
		return ErrAggregations
	}
	c.sums = append(c.sums, b...)
	return nil
}
