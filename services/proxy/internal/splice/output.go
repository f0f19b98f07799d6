package splice

import (
	"bytes"
	"io"
)

// keep begins to keep the bytes from a place of the chunk on.
func (c *copier) keep(from int) {
	c.keeping, c.from = true, from
	c.scratch = c.scratch[:0]
}

// kept ends it. The result is valid until the next keep.
func (c *copier) kept(b []byte, to int) []byte {
	c.keeping = false
	if len(c.scratch) == 0 {
		return b[c.from:to]
	}
	c.stash(b[c.from:to])
	return c.scratch
}

func (c *copier) stash(b []byte) {
	if len(c.scratch) <= scratchLimit {
		c.scratch = append(c.scratch, b...)
	}
}

// write hands bytes out.
func (c *copier) write(b []byte) error {
	if !c.window.Lines || bytes.IndexByte(b, '\n') < 0 && bytes.IndexByte(b, '\r') < 0 {
		return c.put(b)
	}
	from := 0
	for i, x := range b {
		if x != '\n' && x != '\r' {
			continue
		}
		if err := c.put(b[from:i]); err != nil {
			return err
		}
		from = i + 1
	}
	return c.put(b[from:])
}

func (c *copier) put(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if _, err := c.dst.Write(b); err != nil {
		return &WriteError{Err: err}
	}
	return nil
}

func (c *copier) writeString(s string) error {
	if _, err := io.WriteString(c.dst, s); err != nil {
		return &WriteError{Err: err}
	}
	return nil
}
