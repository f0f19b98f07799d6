// Package store is what auth keeps: environments, tokens, accounts with their sealed credentials, links, the audit log and the stream of
// revocations.
//
// [Store] is the contract; sqlstore serves it from SQLite and PostgreSQL, and storetest is the suite that every backend passes. A change and
// its audit entry are made in one [Store.Update], so that neither exists without the other. Times are UTC in whole microseconds.
package store

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrNotFound: there is no such row, or it belongs to another environment.
	ErrNotFound = errors.New("store: not found")
	// ErrConflict: a row with this id or hash exists already.
	ErrConflict = errors.New("store: conflict")
)

// Store keeps the state of auth. It is safe for concurrent use.
type Store interface {
	Reader
	// Update runs f in one transaction: all of it or nothing, durable when Update returns nil. What f reads is current and stays so until
	// the end. f may be run again after a conflict with another replica, so it must have no effect besides its Writer's.
	Update(ctx context.Context, f func(Writer) error) error
	// Close frees what the store holds.
	Close() error
}

// Page asks for part of a list, newest first.
type Page struct {
	// After is the id of the last row that was seen; empty starts at the newest.
	After string
	// Limit is the most rows to return.
	Limit int
}

// Reader looks. Rows of another environment are ErrNotFound.
type Reader interface {
	Environment(ctx context.Context, id string) (Environment, error)
	// Environments lists every environment: for the operator, never for a caller.
	Environments(ctx context.Context) ([]Environment, error)

	// TokenByHash finds the owner of a secret, whether it has expired or not.
	TokenByHash(ctx context.Context, hash []byte) (Identity, error)
	// TokenByID finds a token without knowing its environment.
	TokenByID(ctx context.Context, id string) (Identity, error)
	// Token finds a token of one kind.
	Token(ctx context.Context, environmentID, kind, id string) (Token, error)
	Tokens(ctx context.Context, f TokenFilter, p Page) ([]Token, error)

	Account(ctx context.Context, environmentID, id string) (Account, error)
	Accounts(ctx context.Context, f AccountFilter, p Page) ([]Account, error)
	// AccountByID finds an account without knowing its environment: for the service's own work.
	AccountByID(ctx context.Context, id string) (Account, error)
	// Credential returns the sealed credential of an account.
	Credential(ctx context.Context, accountID string) (Credential, error)
	// DataKeys lists the data keys that are not wrapped by the key-encryption key, in the order of their accounts, after one account.
	DataKeys(ctx context.Context, notWrappedBy, afterAccount string, limit int) ([]DataKey, error)
	// CountDataKeys counts the data keys that are not wrapped by the key-encryption key.
	CountDataKeys(ctx context.Context, notWrappedBy string) (int, error)
	// WrappingKeys lists the ids of the key-encryption keys that stored data keys are wrapped by.
	WrappingKeys(ctx context.Context) ([]string, error)
	// KeyChecks lists the check values of all keys that the store has been used with.
	KeyChecks(ctx context.Context) ([]KeyCheck, error)
	// DueForRefresh lists the accounts whose credential should be refreshed by now.
	DueForRefresh(ctx context.Context, now time.Time, limit int) ([]string, error)

	LinkByHash(ctx context.Context, hash []byte) (Link, error)

	// LogEntries lists entries of one environment between two sequences. seen is where to go on when the oldest come first: the log has been looked
	// through up to there, and nothing will be added before it.
	LogEntries(ctx context.Context, f LogFilter, p LogPage) (entries []LogEntry, seen int64, err error)
	// LogChain lists entries in the order of the chain, from the given sequence on.
	LogChain(ctx context.Context, environmentID string, fromSequence int64, limit int) ([]LogEntry, error)
	// LogHas tells which of the ids the environment's log holds already.
	LogHas(ctx context.Context, environmentID string, ids []string) (map[string]bool, error)
	ChainHead(ctx context.Context, environmentID string) (ChainHead, error)
	// LogEndBefore is the last sequence of which it and all before it are older than the given time; 0 when there is none.
	LogEndBefore(ctx context.Context, environmentID string, before time.Time) (int64, error)
	// Checkpoints lists the checkpoints of a chain from the given sequence on, in order.
	Checkpoints(ctx context.Context, environmentID string, fromSequence int64) ([]Checkpoint, error)

	// Events lists what happened after the given sequence, in order.
	Events(ctx context.Context, after int64, limit int) ([]Event, error)
	// LastEvent is the sequence of the newest event; 0 when there is none.
	LastEvent(ctx context.Context) (int64, error)
}

// Writer looks and changes, within one transaction.
type Writer interface {
	Reader

	InsertEnvironment(ctx context.Context, e Environment) error
	UpdateEnvironment(ctx context.Context, e Environment) error

	// InsertToken stores a token and the hash of its secret.
	InsertToken(ctx context.Context, t Token, hash []byte) error
	// UpdateToken replaces what may change of a token.
	UpdateToken(ctx context.Context, t Token) error
	// DeleteToken revokes a token and every secret of it.
	DeleteToken(ctx context.Context, environmentID, kind, id string) error
	// ReplaceSecret gives a token a new secret; older ones end at previousUntil.
	ReplaceSecret(ctx context.Context, t Token, hash []byte, previousUntil time.Time) error
	// TouchTokens notes when tokens were last used; an older time than the stored one is ignored.
	TouchTokens(ctx context.Context, used map[string]time.Time) error
	// TouchClient notes which client used an MCP server.
	TouchClient(ctx context.Context, environmentID, id, client string, at time.Time) error
	// DeleteTokensOf revokes the account and MCP tokens of an account and returns their ids.
	DeleteTokensOf(ctx context.Context, accountID string) ([]string, error)
	// DeleteExpired removes account tokens, rotated secrets and page handles that ended before the one time, and links, with the secret they were
	// made with, that ended before the other.
	DeleteExpired(ctx context.Context, tokensBefore, linksBefore time.Time) error

	InsertAccount(ctx context.Context, a Account) error
	UpdateAccount(ctx context.Context, a Account) error
	// DeleteAccount removes an account with its credential and its data key.
	DeleteAccount(ctx context.Context, environmentID, id string) error
	// PutCredential stores a sealed credential in place of the one before.
	PutCredential(ctx context.Context, c Credential) error
	// RewrapDataKey replaces a wrapped data key, if it is still the one that was read; false when it is not.
	RewrapDataKey(ctx context.Context, old, with DataKey) (bool, error)
	// InsertKeyCheck stores the check value of a key; one that is there already is ErrConflict.
	InsertKeyCheck(ctx context.Context, c KeyCheck) error
	// RefreshLease is the lease on refreshing an account; its zero value when there is none.
	RefreshLease(ctx context.Context, accountID string) (RefreshLease, error)
	// ClaimRefresh takes the lease on refreshing an account, or renews it; false while another holder's lease lives, unless it still is dead, the
	// one that the caller knows to be held by nobody.
	ClaimRefresh(ctx context.Context, accountID string, l RefreshLease, now time.Time, dead RefreshLease) (bool, error)
	// SetRefresh sets when the credential should be refreshed next (zero is never) and drops the lease.
	SetRefresh(ctx context.Context, accountID string, at time.Time) error

	InsertLink(ctx context.Context, l Link, hash []byte) error
	UpdateLink(ctx context.Context, l Link) error
	// AddLinkSecret adds a secret, such as a page handle, by which the link can be found too.
	AddLinkSecret(ctx context.Context, linkID string, hash []byte, expiresAt time.Time) error

	// AppendLog stores entries and moves the head of the chain. The caller has read the head in this transaction.
	AppendLog(ctx context.Context, head ChainHead, entries []LogEntry) error
	// PutCheckpoint stores a checkpoint in place of one about the same sequence.
	PutCheckpoint(ctx context.Context, c Checkpoint) error
	// PruneLog removes the entries up to a sequence, and the checkpoints before it, and keeps the hash of the last entry removed, so that the
	// rest still verifies.
	PruneLog(ctx context.Context, environmentID string, upTo int64) error

	// Publish adds an event and gives it the next sequence.
	Publish(ctx context.Context, e Event) error
	// PruneEvents removes the events before the given time.
	PruneEvents(ctx context.Context, before time.Time) error
}
