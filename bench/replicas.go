package main

import (
	"context"
	"errors"
)

// rowB12 needs proxies that share Valkey and PostgreSQL.
func (b *bench) rowB12(ctx context.Context) error {
	return errors.New("needs replicas over a shared Valkey and PostgreSQL, which this program does not start yet")
}
