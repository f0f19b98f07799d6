package mcp

// Ready says what calls would have to wait for; nil when they can be served.
func (s *Service) Ready() error { return s.access.Ready() }
