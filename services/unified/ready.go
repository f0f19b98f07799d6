package unified

// Ready says what calls would have to wait for; nil when they can be served.
func (s *Service) Ready() error {
	if s.access == nil {
		return nil // an authenticator of the caller's needs no watch
	}
	return s.access.Ready()
}
