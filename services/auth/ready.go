package auth

import (
	"context"
	"time"
)

// readyTimeout is how long the store may take to answer before auth counts as not ready.
const readyTimeout = 2 * time.Second

// Ready says what calls would have to wait for; nil when they can be served: the store answers.
func (s *Service) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	_, err := s.store.Environments(ctx)
	return err
}
