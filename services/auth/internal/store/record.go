package store

import (
	"encoding/json"
	"time"
)

// Environment is an isolated workspace of a vendor.
type Environment struct {
	ID           string
	Name         string
	FrameOrigins []string
	RedirectURIs []string
	MCPOrigins   []string
	LogRetention time.Duration // zero keeps for ever
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Kinds of token that have a row.
const (
	KindAPI     = "api"
	KindAccount = "account"
	KindMCP     = "mcp"
)

// Token is a bearer's reach. An MCP server is a token with a configuration.
type Token struct {
	ID            string
	Kind          string
	EnvironmentID string
	Name          string
	Accounts      []string // nil reaches all
	Services      []string // nil reaches all
	Operations    []string // nil reaches all
	Read, Write   bool
	ExpiresAt     time.Time // zero is never
	LastUsedAt    time.Time
	CreatedAt     time.Time
	UpdatedAt     time.Time

	// Of MCP servers only.
	Config        []byte
	RequireSecond bool
	LastClient    string
}

// Identity is a token with what introspection needs of its environment.
type Identity struct {
	Token
	// SecretExpiresAt is when the secret that was shown stops working; zero is with the token.
	SecretExpiresAt time.Time
	MCPOrigins      []string
}

// TokenFilter selects tokens.
type TokenFilter struct {
	EnvironmentID string
	Kind          string
	AccountID     string // empty is any; else tokens that name the account
}

// Statuses of an account.
const (
	StatusConnecting       = "connecting"
	StatusActive           = "active"
	StatusNeedsReauth      = "needs_reauth"
	StatusValidationError  = "validation_error"
	StatusPostInstallError = "post_install_error"
)

// Account is one linked account, without its credential.
type Account struct {
	ID               string
	EnvironmentID    string
	TenantID         string
	Integration      string
	Method           string // authentication method
	Status           string
	Context          json.RawMessage // open values, secrets removed
	OrganizationID   string
	OrganizationName string
	LastError        string
	Forbidden        *Forbidden
	Version          int64 // of the credential, from 1
	CreatedAt        time.Time
	UpdatedAt        time.Time
}

// Forbidden is the last 403 that the provider answered.
type Forbidden struct {
	Resource      string    `json:"resource"`
	Method        string    `json:"method"`
	MissingScopes []string  `json:"missing_scopes,omitempty"`
	OccurredAt    time.Time `json:"occurred_at"`
}

// AccountFilter selects accounts; zero fields select all.
type AccountFilter struct {
	EnvironmentID string
	IDs           []string // nil is any
	TenantID      string
	Status        string
	Integration   string
	CreatedAfter  time.Time
	CreatedBefore time.Time
}

// DataKey is the key of one account's credential, wrapped by a key-encryption key.
type DataKey struct {
	AccountID     string
	EnvironmentID string
	WrappedBy     string // id of the key-encryption key
	Wrapped       []byte
}

// Credential is the sealed credential of an account.
type Credential struct {
	DataKey
	Version int64
	Fields  map[string][]byte // sealed one by one
}

// Link is one attempt to link or reconnect an account.
type Link struct {
	ID            string
	EnvironmentID string
	TenantID      string // of a new account
	AccountID     string // of the account to reconnect; the account that was linked, once done
	Integration   string
	Context       json.RawMessage
	Scopes        []string
	RedirectURI   string
	Persist       bool // keep the previous context on reconnect
	CreatedBy     string
	CreatedAt     time.Time
	ExpiresAt     time.Time
	CompletedAt   time.Time // zero until it succeeded
	// SecretExpiresAt is when the secret that the link was found by stops working.
	SecretExpiresAt time.Time
}

// LogEntry is one entry of the audit log. Body is the canonical form that the hash covers; the other fields select.
type LogEntry struct {
	EnvironmentID string
	Sequence      int64
	ID            string
	Type          string
	CreatedAt     time.Time
	AccountID     string
	MCPServerID   string
	ToolName      string
	Status        int
	Body          []byte
	Hash          []byte
}

// LogFilter selects entries; zero fields select all.
type LogFilter struct {
	EnvironmentID string
	Accounts      []string // nil is any
	Type          string
	CreatedAfter  time.Time
	CreatedBefore time.Time
	Status        int
	MCPServerID   string
	ToolName      string
}

// LogPage selects entries by their place in the chain.
type LogPage struct {
	// After and Before are sequences that are not among them; 0 leaves the side open.
	After, Before int64
	// OldestFirst is the order of the chain; else the newest come first.
	OldestFirst bool
	// Limit is the most entries to return.
	Limit int
}

// ChainHead is where an environment's chain stands.
type ChainHead struct {
	EnvironmentID string
	Sequence      int64  // of the last entry; 0 when there is none
	Hash          []byte // of the last entry
	// Pruned entries are gone; PrunedHash is what the first kept one builds on.
	PrunedSequence int64
	PrunedHash     []byte
}

// Checkpoint is a signed statement about where a chain stood.
type Checkpoint struct {
	EnvironmentID string
	Sequence      int64
	Signed        string // a compact JWS
	CreatedAt     time.Time
}

// Event tells replicas what to forget, and hands them what one of them waits for.
type Event struct {
	Sequence   int64
	TokenIDs   []string
	AccountIDs []string
	// Answers are sealed by mcp, for mcp.
	Answers     []string
	SigningKeys bool
	At          time.Time
}

// KeyCheck tells whether a key is the one that an installation knows by its family and id.
type KeyCheck struct {
	Family string
	ID     string
	Value  []byte
}

// RefreshLease says who refreshes an account. Its holder moves Until on, so that others see it live.
type RefreshLease struct {
	Holder string
	Until  time.Time
}
