package emulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sando-dev/sando/emulator/internal/world"
)

// BasePath is where the API starts; the base URL of a running emulator is its address followed by BasePath.
const BasePath = "/v1.0"

// The organisation and the keys that exist when Options names none.
const (
	DefaultOrgID       = 10
	DefaultKey         = "torii-emulator-full-access-key"
	DefaultReadOnlyKey = "torii-emulator-read-only-key"
	DefaultSCIMKey     = "torii-emulator-scim-key"
)

// Access is what a key may do. Torii documents full access and a SCIM type; a read-only type is plausible.
type Access string

// The kinds of keys.
const (
	FullAccess Access = ""          // everything; SCIM too unless Options.StrictSCIM
	ReadOnly   Access = "read-only" // writes answer 403 missing_required_scope
	SCIMOnly   Access = "scim"      // /scim/v2 only
)

// Key is one API key.
type Key struct {
	Token   string
	Access  Access
	Expires time.Time // zero never expires
}

// Org is one organisation, alone with its data.
type Org struct {
	ID          int64  // required, unique
	CompanyName string // default "Organisation <ID>"
	Domain      string // primary e-mail domain; default "org<ID>.example"
	Key         string // a full-access key
	Keys        []Key  // further keys
	Size        Size   // how much data is seeded; zero fields take the defaults
}

// Size is how much data an organisation starts with.
type Size struct {
	Users            int // default Options.Users, at most 100,000
	Apps             int // default 48, at most 2,000
	Contracts        int // default 60
	Transactions     int // default 200
	AuditEvents      int // default 300
	ActionExecutions int // default 130
}

// MaxUsers is the largest organisation that can be seeded.
const MaxUsers = 100_000

const maxApps = 2_000

// Window says how the minute of a rate limit is counted.
type Window string

// The two ways in which Torii might count; its documents do not say.
const (
	SlidingWindow Window = "sliding" // at most the limit in any 60 seconds
	FixedWindow   Window = "fixed"   // counts start anew with each minute of the clock
)

// Scope says who owns a rate limit's bucket.
type Scope string

// The two owners that Torii's documents allow.
const (
	PerOrg Scope = "org"
	PerKey Scope = "key"
)

// Options is the configuration of an Emulator. The zero value is a faithful Torii with one organisation of 250 users.
type Options struct {
	Users int    // users of each organisation that does not say; default 250
	Seed  uint64 // another seed gives other people, apps and contracts; 0 is a seed as good as any
	Orgs  []Org  // default: one, id DefaultOrgID, "Stark industries", stark.com, with the three default keys

	Now   func() time.Time // the clock of limits, creation times and links; default time.Now
	Epoch time.Time        // the day seeded dates lead up to; default 2026-11-01

	// Logger receives one line per refused or faulted request; default none. Keys are never logged.
	Logger *slog.Logger

	// Control serves the routes below /__emulator/ (faults, request log, state, reset). They need no key.
	Control bool

	// Bench is for load tests: a GET is rendered once and then served from memory until something is written, pages may
	// be up to MaxUsers long, and requests are not logged unless Control is set.
	Bench bool
	// Delay is how long every answer is held back.
	Delay time.Duration

	NoRateLimits bool // no answer is ever 429 except by a Fault

	// What follows are the places where Torii's documents are silent or contradict each other.

	RateWindow       Window // default SlidingWindow
	RateScope        Scope  // default PerOrg
	RateLimitHeaders bool   // send X-Rate-Limit-Limit, -Remaining and -Reset (epoch seconds) on every answer
	OmitRetryAfter   bool   // 429 without Retry-After

	ActionExecutionsKey     string // data key of /workflows/actionExecutions: "response" (default) or "actionExecutions"
	DefaultContractsVersion string // contracts' behaviour without X-API-Version: "1.0" (default) or "1.1"
	FlatContracts           bool   // in 1.1 owner and createdBy are bare ids, as in 1.0
	ContractAmountObject    bool   // in 1.1 amount is {value, currency}

	EpochLastVisitTime bool // lastVisitTime of apps is epoch milliseconds
	TagsAsArray        bool // tags of apps is an array
	PrimaryOwnerAsID   bool // primaryOwner of apps is a bare user id
	OwnersAsIDs        bool // appOwners is an array of user ids rather than of owner objects

	AuditRequiresEntity bool // GET /audit without entity is 400
	UnprocessableStatus bool // validation failures are 422 instead of 400
	UploadCreated       bool // POST /files/upload answers 201 instead of 200
	OversizeBadRequest  bool // an upload over 3 MB is 400 instead of 413
	StrictSCIM          bool // /scim/v2 accepts keys of access SCIMOnly only
	LenientQuery        bool // unknown query parameters are ignored instead of refused with 400

	// ActionTime is how long started work takes by the clock: workflow actions, parsings, syncs. Default 5 s.
	ActionTime time.Duration

	// StorageURL is the origin of signed upload and download links, for tests that serve Storage on a second address to
	// stand for S3. Default: the origin the request came to.
	StorageURL string
	// StorageListen is an address, such as 127.0.0.1:0, where a Server serves the storage alone: signed links lead there,
	// and the API's origin has no storage. Default: the storage lies on the API's origin.
	StorageListen string

	// TLS lets a Server speak TLS, with Certificate or, without one, with a certificate that New makes for localhost,
	// 127.0.0.1, ::1 and TLSNames. CA returns what vouches for that.
	TLS         bool
	TLSNames    []string         // further names and addresses of the certificate that is made
	Certificate *tls.Certificate // implies TLS
}

// complete fills in defaults.
func (o Options) complete() Options {
	if o.Users == 0 {
		o.Users = 250
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Epoch.IsZero() {
		o.Epoch = world.DefaultEpoch()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.RateWindow == "" {
		o.RateWindow = SlidingWindow
	}
	if o.RateScope == "" {
		o.RateScope = PerOrg
	}
	if o.ActionExecutionsKey == "" {
		o.ActionExecutionsKey = "response"
	}
	if o.DefaultContractsVersion == "" {
		o.DefaultContractsVersion = version10
	}
	if o.ActionTime == 0 {
		o.ActionTime = 5 * time.Second
	}
	if len(o.Orgs) == 0 {
		o.Orgs = []Org{{
			ID: DefaultOrgID, CompanyName: "Stark industries", Domain: "stark.com", Key: DefaultKey,
			Keys: []Key{{Token: DefaultReadOnlyKey, Access: ReadOnly}, {Token: DefaultSCIMKey, Access: SCIMOnly}},
		}}
	}
	orgs := make([]Org, len(o.Orgs))
	for i, org := range o.Orgs {
		orgs[i] = org.complete(o.Users)
	}
	o.Orgs = orgs
	return o
}

func (o Org) complete(users int) Org {
	if o.CompanyName == "" {
		o.CompanyName = fmt.Sprintf("Organisation %d", o.ID)
	}
	if o.Domain == "" {
		o.Domain = fmt.Sprintf("org%d.example", o.ID)
	}
	o.Size.Users = fill(o.Size.Users, users)
	o.Size.Apps = fill(o.Size.Apps, 48)
	o.Size.Contracts = fill(o.Size.Contracts, 60)
	o.Size.Transactions = fill(o.Size.Transactions, 200)
	o.Size.AuditEvents = fill(o.Size.AuditEvents, 300)
	o.Size.ActionExecutions = fill(o.Size.ActionExecutions, 130)
	if o.Key != "" {
		o.Keys = append([]Key{{Token: o.Key}}, o.Keys...)
	}
	return o
}

func fill(n, standard int) int {
	if n == 0 {
		return standard
	}
	return n
}

// Validate reports the first option that New would refuse, in words for the person who set it.
func (o Options) Validate() error {
	o = o.complete()
	if o.DefaultContractsVersion != version10 && o.DefaultContractsVersion != version11 {
		return fmt.Errorf("emulator: DefaultContractsVersion must be %s or %s, not %q", version10, version11, o.DefaultContractsVersion)
	}
	if o.ActionExecutionsKey != "response" && o.ActionExecutionsKey != "actionExecutions" {
		return fmt.Errorf("emulator: ActionExecutionsKey must be response or actionExecutions, not %q", o.ActionExecutionsKey)
	}
	if o.RateWindow != SlidingWindow && o.RateWindow != FixedWindow {
		return fmt.Errorf("emulator: unknown RateWindow %q", o.RateWindow)
	}
	if o.RateScope != PerOrg && o.RateScope != PerKey {
		return fmt.Errorf("emulator: unknown RateScope %q", o.RateScope)
	}
	if len(o.TLSNames) > 0 && (!o.TLS || o.Certificate != nil) {
		return errors.New("emulator: TLSNames are for the certificate that TLS makes; set TLS, and no Certificate")
	}
	return validateOrgs(o.Orgs)
}

func validateOrgs(orgs []Org) error {
	ids, tokens := map[int64]bool{}, map[string]bool{}
	for _, org := range orgs {
		if org.ID <= 0 || ids[org.ID] {
			return fmt.Errorf("emulator: organisation id %d is not positive or not unique", org.ID)
		}
		ids[org.ID] = true
		if org.Size.Users < 1 || org.Size.Users > MaxUsers {
			return fmt.Errorf("emulator: organisation %d: %d users, want 1 to %d", org.ID, org.Size.Users, MaxUsers)
		}
		if org.Size.Apps < 8 || org.Size.Apps > maxApps {
			return fmt.Errorf("emulator: organisation %d: %d apps, want 8 to %d", org.ID, org.Size.Apps, maxApps)
		}
		if min(org.Size.Contracts, org.Size.Transactions, org.Size.AuditEvents, org.Size.ActionExecutions) < 0 {
			return fmt.Errorf("emulator: organisation %d: a size is negative", org.ID)
		}
		for _, key := range org.Keys {
			if key.Token == "" || tokens[key.Token] {
				return fmt.Errorf("emulator: organisation %d has an empty key or one that is used twice", org.ID)
			}
			tokens[key.Token] = true
			if key.Access != FullAccess && key.Access != ReadOnly && key.Access != SCIMOnly {
				return fmt.Errorf("emulator: organisation %d: unknown access %q", org.ID, key.Access)
			}
		}
	}
	return nil
}
