package splice

import "io"

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

// hand hands out what is wanted up to the end of b. Of lines, the rows before the
// one under way have no line breaks but those behind them, and this one loses its
// own.
func (c *copier) hand(b []byte) error {
	if !c.window.Lines || c.scanner.breaks <= c.row {
		return c.write(b[c.mark:])
	}
	from := c.mark
	for i := c.row; i < len(b); i++ {
		if b[i] != '\n' && b[i] != '\r' {
			continue
		}
		if err := c.write(b[from:i]); err != nil {
			return err
		}
		from = i + 1
	}
	return c.write(b[from:])
}

func (c *copier) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if _, err := c.dst.Write(b); err != nil {
		return &WriteError{Err: err}
	}
	return nil
}

// endLine hands out the lines up to the row that was owed its line break. The
// byte behind that row, where there is one, has been read and is not wanted.
func (c *copier) endLine(b []byte) error {
	c.on, c.owed = false, false
	if c.gap < len(b) {
		b[c.gap] = '\n'
		return c.write(b[c.mark : c.gap+1])
	}
	if err := c.write(b[c.mark:]); err != nil {
		return err
	}
	return c.writeString("\n")
}

func (c *copier) writeString(s string) error {
	if _, err := io.WriteString(c.dst, s); err != nil {
		return &WriteError{Err: err}
	}
	return nil
}
