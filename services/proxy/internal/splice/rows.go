package splice

// startInRows is called at the first byte of a row, and of a member of a row
// while ids are looked for.
func (c *copier) startInRows(b []byte, at int) error {
	if c.scanner.level == c.level+2 {
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
	why := c.reason()
	c.attend(why, at)
	if c.done {
		c.page.More = c.page.More || why == forNothing
		return nil
	}
	if why == forMark || c.waiting() {
		return nil
	}
	if c.owed {
		if c.gap+1 == at {
			// Nothing but the comma stood in between.
			b[c.gap], c.row, c.owed = '\n', at, false
			return nil
		}
		if err := c.endLine(b); err != nil {
			return err
		}
	}
	if c.on || why == forBorder {
		return nil
	}
	return c.begin(at)
}

// begin has bytes handed out from the start of a row on.
func (c *copier) begin(at int) error {
	c.on, c.mark, c.row = true, at, at
	if c.window.Lines || c.page.Rows > 0 {
		return nil
	}
	return c.writeString("[")
}

// waiting says whether the row that begins comes before the first one wanted, or
// none is wanted because the one before is not in its place.
func (c *copier) waiting() bool { return c.page.Seen < c.window.Skip || !c.page.Found }

func (c *copier) endInRows(b []byte, at int) error {
	switch c.scanner.level {
	case c.level:
		return c.endData(b, at)
	case c.level + 1:
		return c.endRow(b, at)
	}
	if c.keeping {
		// The first id counts, so the rest of the row need not be watched.
		c.scanner.watch = c.level + 1
		c.mind.identify(c.kept(b, at))
		return c.border(b)
	}
	return nil
}

func (c *copier) endRow(b []byte, at int) error {
	c.scanner.watch = c.level + 1
	why := c.mind.end(b, at)
	if why == forBorder {
		// It has no id, so it is no repetition.
		if err := c.pass(); err != nil {
			return err
		}
	}
	c.page.Seen++
	if !c.on {
		c.unwanted(why)
		return nil
	}
	if c.window.Repeats {
		if to, same := c.mind.again(b, at); same {
			return c.omit(b, to, at)
		}
	}
	c.page.Rows++
	c.page.To = c.page.Seen
	full := c.window.Limit > 0 && c.page.Rows == c.window.Limit
	c.done = full
	if c.window.Track || full {
		c.page.Last = string(c.mind.id)
		c.page.Earlier = c.mind.earlier
	}
	c.mind.passed()
	if !full && !c.window.Lines {
		return nil
	}
	if !full && c.scanner.breaks <= c.row {
		c.owed, c.gap = true, at
		return nil
	}
	c.on = false
	if err := c.hand(b[:at]); err != nil || !c.window.Lines {
		return err
	}
	return c.writeString("\n")
}

// unwanted takes note of a row that was not handed out.
func (c *copier) unwanted(why reason) {
	switch why {
	case forMark:
		*c.window.Marks = append(*c.window.Marks, Mark(string(c.mind.id)))
	case forPlace:
		c.page.Found = string(c.mind.id) == c.window.After
	case forMore:
		if string(c.mind.id) != c.page.Last || c.page.Last == "" {
			c.page.More = true
		}
	}
	if !c.done {
		c.page.Before++
	}
}

// omit leaves out the row that ends at a place, because the one before it, which
// ended at to, is the same. What came before is handed out.
func (c *copier) omit(b []byte, to, at int) error {
	earlier := c.mark < to
	if earlier {
		if err := c.write(b[c.mark:to]); err != nil {
			return err
		}
	}
	c.mark = at
	if !c.window.Lines {
		return nil
	}
	c.on = false
	if !earlier {
		return nil
	}
	return c.writeString("\n")
}

func (c *copier) endData(b []byte, at int) error {
	c.rows = false
	c.scanner.watch = 1
	if c.page.Rows > 0 && !c.done && c.mind.id != nil {
		// Rows were left out, or the provider sent less than it was asked for.
		c.page.Last = string(c.mind.id)
	}
	switch {
	case c.owed:
		return c.endLine(b)
	case c.on:
		c.on = false
		return c.hand(b[:at])
	case c.window.Lines || c.page.Rows == 0:
		return nil
	default:
		return c.writeString("]")
	}
}
