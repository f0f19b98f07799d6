package budget

// flush tells the server in the background, when there is one.
func (s *shared) flush() {
	if !s.link.is(leasing) {
		return
	}
	generation := s.link.current()
	s.link.background.Go(func() {
		n := s.untold(generation)
		if n.empty() {
			return
		}
		taken, err := s.link.tellUse(s.window, generation, s.link.bucket, s.link.length, n)
		switch {
		case err != nil:
			s.retell(n)
			s.link.failed(err)
		case !taken:
			s.retell(n)
			s.link.restarted()
		}
	})
}

// untold gives what the server does not know yet and takes it for told. A new
// generation is told everything.
func (s *shared) untold(generation string) note {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	now := s.line.clock()
	s.line.recall(now)
	n := s.note
	s.note = note{}
	if s.toldTo == generation || s.toldTo == "" && s.mine.used == 0 {
		for _, u := range s.spent {
			n.spent = append(n.spent, spent{now - u.at, u.n})
		}
	} else {
		s.mine.advance(now)
		for i, calls := range s.mine.all() {
			n.spent = append(n.spent, spent{max(0, now-moment(i+1)*s.mine.bucket), calls})
		}
	}
	s.spent, s.toldTo = s.spent[:0], generation
	return n
}

// retell takes back what could not be told.
func (s *shared) retell(n note) {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	now := s.line.clock()
	s.note.penalty, s.note.spaced = max(s.note.penalty, n.penalty), max(s.note.spaced, n.spaced)
	for _, u := range n.spent {
		s.spent = append(s.spent, spending{now - u.ago, u.n})
	}
}
