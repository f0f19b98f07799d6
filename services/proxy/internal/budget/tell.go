package budget

// flush tells the server in the background, when there is one. What is worth
// telling of a key makes it contended: the others are to know.
func (s *shared) flush() {
	if !s.link.is(leasing) {
		return
	}
	generation := s.link.current()
	s.link.background.Go(func() {
		// What cannot be told is told the next time.
		_ = s.deliver(generation, s.gather(generation))
	})
}

// claim makes the key contended in the background, unless that is going on or
// it is too early; then it returns when it will not be.
func (s *shared) claim(now moment) (next moment) {
	if s.asking {
		return 0
	}
	if now < s.next {
		return s.next
	}
	s.asking = true
	generation := s.link.current()
	s.link.background.Go(func() {
		err := s.deliver(generation, s.gather(generation))
		s.line.mu.Lock()
		defer s.line.mu.Unlock()
		s.asking = false
		if s.line.dead {
			return
		}
		now := s.line.clock()
		s.line.recall(now)
		if err != nil {
			s.next = now + s.link.bucket/2
		}
		s.line.settle(now)
	})
	return 0
}

// deliver tells the server what this process has spent, and that the key is
// contended.
func (s *shared) deliver(generation string, n note) error {
	window := s.link.window(s.key)
	lasts, err := s.link.tellUse(window, s.link.id, generation, n, true)
	s.link.judge(err)
	if err != nil {
		s.retell(n)
		return err
	}
	until := s.link.clock() + lasts
	s.link.contend(window, until)
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	s.telling--
	s.contend(until)
	return nil
}

// told ends a report that does not make the key contended.
func (s *shared) told() {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	s.telling--
}

// gather gives what the server does not know yet and takes it for told: end the
// report with told or retell. A new generation is told everything.
func (s *shared) gather(generation string) note {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	now := s.line.clock()
	s.line.recall(now)
	s.advance(now)
	s.telling++
	n := s.note
	s.note = note{}
	calls := s.mine.calls
	if s.toldTo == generation {
		calls = s.untold
	}
	for i, count := range calls.all() {
		// As if the calls had been made when their bucket ended.
		n.spent = append(n.spent, spent{max(0, now-moment(i+1)*s.mine.bucket), count})
	}
	s.untold, s.toldTo = nil, generation
	return n
}

// covered tells that the server need not know: it keeps a free share back.
func (s *shared) covered() bool {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	now := s.line.clock()
	s.advance(now)
	return s.contended(now) == nil && s.note.empty() && s.mine.used() <= s.link.share(s.line.bound())
}

// retell takes back what could not be told.
func (s *shared) retell(n note) {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	s.telling--
	now := s.line.clock()
	s.advance(now)
	s.note.penalty, s.note.spaced = max(s.note.penalty, n.penalty), max(s.note.spaced, n.spaced)
	for _, u := range n.spent {
		s.untold.add(max(0, s.mine.index(now-u.ago)), u.n)
	}
}
