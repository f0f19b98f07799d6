package splice

import (
	"bytes"
	"io"
	"strconv"
	"sync"
)

const (
	// bufferSize is the memory of one copy, and the most that a read brings.
	bufferSize = 64 << 10
	// scratchLimit bounds a name, id or cursor; longer names match nothing.
	scratchLimit = 8 << 10
	// idLimit bounds the id of a row; a longer one cannot be resumed at.
	idLimit = 256
)

// A role is what the value being read is for.
type role uint8

const (
	ignored role = iota
	data         // the data itself
	part         // one of several values that make up the data
	next         // the next cursor
	total        // the number of matches
	rowID        // the id of a row
)

// A copier is one copy under way.
type copier struct {
	machine machine
	shape   shape // stays: one answer resembles the next
	plan    *Plan
	window  Window
	dst     io.Writer
	page    Page

	role  role   // of the value whose name was read last
	seen  uint8  // roles found so far, a bit each
	parts uint64 // object keys found so far, a bit each
	level int    // containers around the data
	rows  bool   // the machine is inside of the list
	on    bool   // bytes are handed out
	done  bool   // the last row wanted was handed out

	base    int64 // bytes before the present chunk
	mark    int   // start of what is to be handed out of the chunk
	keeping bool  // a name or scalar is being kept
	from    int   // where it starts in the chunk
	scratch []byte

	buf [bufferSize]byte
}

var copiers = sync.Pool{New: func() any { return new(copier) }} //nolint:gochecknoglobals // a pool of buffers has no state of its own

func borrow(p *Plan, dst io.Writer, w Window) *copier {
	c, _ := copiers.Get().(*copier)
	c.machine = machine{shape: &c.shape}
	c.plan, c.window, c.dst = p, w, dst
	c.page = Page{Total: -1, Found: w.After == ""}
	c.role, c.seen, c.parts, c.level = ignored, 0, 0, 0
	c.rows, c.on, c.done, c.keeping = false, false, false, false
	c.base, c.mark, c.from, c.scratch = 0, 0, 0, c.scratch[:0]
	if !c.whole() {
		c.machine.watch = 1
	}
	return c
}

func (c *copier) release() {
	c.plan, c.dst, c.window, c.page = nil, nil, Window{}, Page{}
	copiers.Put(c)
}

func (c *copier) whole() bool { return len(c.plan.DataKeys) == 0 && len(c.plan.ObjectKeys) == 0 }

// feed reads one chunk.
func (c *copier) feed(b []byte) error {
	c.mark, c.from = 0, 0
	for i := 0; ; {
		var ev event
		i, ev = c.machine.scan(b, i)
		var err error
		switch ev {
		case nameStart:
			c.keep(i)
		case nameEnd:
			c.named(c.kept(b, i-1))
		case valueStart:
			err = c.start(b, i-1)
		case valueEnd:
			err = c.end(b, i)
		case used:
			if c.machine.fault != "" {
				return &MalformedError{Offset: c.base + int64(i), Reason: c.machine.fault}
			}
			return c.turn(b)
		}
		if err != nil {
			return err
		}
	}
}

// turn puts aside what goes on in the next chunk.
func (c *copier) turn(b []byte) error {
	c.base += int64(len(b))
	if c.keeping {
		c.stash(b[c.from:])
	}
	if c.on {
		return c.write(b[c.mark:])
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
		if c.machine.level == c.level+2 && string(name) == c.plan.IDKey && c.seen&(1<<rowID) == 0 {
			c.role = rowID
		}
		return
	case c.machine.level != 1:
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
	}
	if c.role != part && c.seen&(1<<c.role) != 0 {
		c.role = ignored
	}
}

// start is called at the first byte of a watched value.
func (c *copier) start(b []byte, at int) error {
	level, first := c.machine.level, b[at]
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
	case next, total:
		if first == '{' || first == '[' {
			return &MalformedError{Offset: c.base + int64(at), Reason: "a cursor or total that is no scalar"}
		}
		c.keep(at)
	}
	c.seen |= 1 << c.role
	return nil
}

func (c *copier) startData(b []byte, at, level int) error {
	c.seen |= 1 << data
	c.role, c.level = data, level
	if !c.plan.Array {
		c.on, c.mark = true, at
		return nil
	}
	switch b[at] {
	case '[':
		c.rows = true
		c.machine.watch = level + 1
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
	c.on, c.mark = true, at
	return c.writeString(head + strconv.Quote(string(c.scratch)) + ":")
}

// startInRows is called at the first byte of a row, and of a member of a row
// while ids are looked for.
func (c *copier) startInRows(b []byte, at int) error {
	if c.machine.level == c.level+2 {
		if c.role != rowID {
			return nil
		}
		if c.seen |= 1 << rowID; b[at] != '{' && b[at] != '[' {
			c.keep(at)
		}
		return nil
	}
	c.role = ignored
	c.seen &^= 1 << rowID
	if c.done {
		c.page.More = true
		return nil
	}
	if c.waiting() {
		if c.window.After != "" {
			c.machine.watch = c.level + 2
		}
		return nil
	}
	if c.window.Limit > 0 && c.page.Rows+1 == c.window.Limit && c.plan.IDKey != "" {
		c.machine.watch = c.level + 2
	}
	if c.on {
		return nil
	}
	c.on, c.mark = true, at
	if c.window.Lines || c.page.Rows > 0 {
		return nil
	}
	return c.writeString("[")
}

// waiting says whether the row that begins comes before the first one wanted.
func (c *copier) waiting() bool {
	if c.window.After != "" {
		return !c.page.Found
	}
	return c.page.Seen < c.window.Skip
}

// end is called behind the last byte of a watched value.
func (c *copier) end(b []byte, at int) error {
	if c.rows {
		return c.endInRows(b, at)
	}
	if c.on {
		c.on = false
		return c.write(b[c.mark:at])
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

func (c *copier) endInRows(b []byte, at int) error {
	switch c.machine.level {
	case c.level:
		return c.endData(b, at)
	case c.level + 1:
		return c.endRow(b, at)
	}
	if c.keeping {
		text := c.kept(b, at)
		switch {
		case !c.page.Found:
			c.page.Found = string(text) == c.window.After
		case len(text) <= idLimit:
			c.page.Last = string(text)
		}
	}
	return nil
}

func (c *copier) endRow(b []byte, at int) error {
	c.page.Seen++
	c.machine.watch = c.level + 1
	if !c.on {
		if !c.done {
			c.page.Before++
		}
		return nil
	}
	c.page.Rows++
	full := c.window.Limit > 0 && c.page.Rows == c.window.Limit
	c.done = full
	if !full && !c.window.Lines {
		return nil
	}
	c.on = false
	if err := c.write(b[c.mark:at]); err != nil || !c.window.Lines {
		return err
	}
	return c.writeString("\n")
}

func (c *copier) endData(b []byte, at int) error {
	c.rows = false
	c.machine.watch = 1
	switch {
	case c.on:
		c.on = false
		return c.write(b[c.mark:at])
	case c.window.Lines || c.page.Rows == 0:
		return nil
	default:
		return c.writeString("]")
	}
}

// finish is called at the end of the body.
func (c *copier) finish() error {
	switch {
	case !c.machine.finish():
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
		return &MalformedError{Offset: c.base, Reason: "a cursor of more than 8 kB"}
	case text[0] == '"':
		c.page.Next = string(unescape(text[1 : len(text)-1]))
	case text[0] == '-' || text[0]-'0' <= 9:
		c.page.Next = string(text)
	}
	return nil
}
