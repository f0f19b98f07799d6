package auth

import (
	"context"
	"errors"
	"time"
)

// readyTimeout is how long the store may take to answer before auth counts as not ready.
const readyTimeout = 2 * time.Second

// Ready says what calls would have to wait for; nil when they can be served: the store answers.
func (s *Service) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	if _, err := s.store.Environments(ctx); err != nil {
		// What the database or its driver says may name hosts and users, and /readyz is open to everyone.
		s.log.WarnContext(ctx, "not ready", "error", err)
		return errors.New("the database does not answer")
	}
	return nil
}
