// Package store keeps the versions of mapping overrides. A version is never changed or removed: undoing one makes a new one.
package store

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrConflict says that the version a change was made on is not the current one.
	ErrConflict = errors.New("store: another version is current")
	// ErrNotFound says that there is no such version.
	ErrNotFound = errors.New("store: no such version")
)

// Scope is what an override is about: a resource in an environment, or for one account of it.
type Scope struct {
	Environment string
	// Account is empty for the environment's own layer.
	Account         string
	Model, Resource string
}

// Version is one stored override.
type Version struct {
	Scope
	// ID is a UUIDv7.
	ID string
	// Number counts within the scope, from 1.
	Number int32
	// Revision counts all versions of the store, from 1, in the order in which they took effect.
	Revision int64
	// Body is the override, one JSON object, byte for byte as given; empty for a removal.
	Body string
	// Author is `token:<id>` or `agent:<client>`, Reason what the author gave as one.
	Author, Reason string
	CreatedAt      time.Time
}

// Query chooses versions of one resource.
type Query struct {
	Environment, Model, Resource string
	// Account adds the versions of this account to those of the environment; empty adds none.
	Account string
	// Before is a revision; only older versions are wanted. 0 starts with the newest.
	Before int64
	Limit  int
}

// Store keeps versions. It is safe for concurrent use, by several processes.
type Store interface {
	// Append stores a version with the next number of its scope and returns it with number and revision. With expected, the current number
	// must be that (0 for none), else ErrConflict.
	Append(ctx context.Context, v Version, expected *int32) (Version, error)
	// Revision is the newest revision; 0 when there is none.
	Revision(ctx context.Context) (int64, error)
	// Since lists what is current in every scope that changed after a revision, oldest change first.
	Since(ctx context.Context, revision int64) ([]Version, error)
	// Version finds one version, or ErrNotFound.
	Version(ctx context.Context, s Scope, number int32) (Version, error)
	// Versions lists versions, newest first.
	Versions(ctx context.Context, q Query) ([]Version, error)
	Close() error
}
