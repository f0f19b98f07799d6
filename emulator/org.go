package emulator

import (
	"strconv"
	"sync"
	"time"

	"github.com/sando-dev/sando/emulator/internal/query"
	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

// org is one organisation's data: the derived world, and what writes have changed about it. The handlers hold mu; the
// embedded state is replaced whole by a reset.
type org struct {
	mu sync.RWMutex
	Org
	state
}

// state is everything a reset undoes.
type state struct {
	opts  Options
	world *world.World
	roles []role

	userEdits    map[int64]*userEdit // by user id; created users are here only
	createdUsers []int64             // ids beyond the derived people, ascending
	removed      map[linkKey]bool    // isUserRemovedFromApp where it was written
	userFields   []userField
	userFind     query.Lookup[user]

	apps      []*app // ascending id
	appFields []*field
	activity  []int // active users of each derived app, before writes

	contracts      []*contract // ascending id
	lastContract   int64       // highest id that was created, 0 before
	contractFields []*field

	executions   []*execution // ascending id
	workflows    []workflow
	audit        []auditEvent // ascending sequence
	files        []*file      // ascending id
	parsings     []parsing
	plugins      []*plugin
	pluginsMade  int64          // so that no id is given twice
	transactions []*transaction // ascending id
	policies     []policy
	extension    map[string]any
	accounts     map[int64]int64 // idAppAccount -> idApp
	syncing      map[int64]time.Time
	anonymised   int64 // requests made
}

// newOrg seeds an organisation.
func newOrg(o Org, opts Options) *org {
	org := &org{Org: o}
	org.state = state{
		opts: opts,
		world: world.New(world.Config{
			Seed: opts.Seed ^ uint64(o.ID)<<32, Domain: o.Domain, People: o.Size.Users, Apps: o.Size.Apps, Epoch: opts.Epoch,
		}),
		roles:     seedRoles(),
		userEdits: map[int64]*userEdit{}, removed: map[linkKey]bool{},
		accounts: map[int64]int64{}, syncing: map[int64]time.Time{},
	}
	org.userFields = seedUserFields()
	org.userFind = userLookup(org.userFields)
	org.appFields = seedAppFields()
	org.apps = seedApps(org)
	org.activity = countActivity(org.world)
	org.contractFields = seedContractFields()
	org.contracts = seedContracts(org)
	org.workflows = seedWorkflows(org)
	org.executions = seedExecutions(org)
	org.audit = seedAudit(org)
	org.files = seedFiles(opts.Epoch)
	org.transactions = seedTransactions(org)
	org.policies = seedPolicies(org)
	org.extension = seedExtension()
	return org
}

// reset puts freshly seeded data in place of what there is.
func (o *org) reset(fresh *org) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state = fresh.state
}

// getOrg is GET /orgs/my.
func getOrg(c *call) (reply, error) {
	return answer("org", wire.Obj(
		"id", c.org.ID,
		"companyName", c.org.CompanyName,
		"domain", c.org.Domain,
		"creationTime", time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC),
	))
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
