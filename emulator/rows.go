package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

// RowChange changes a list under the feet of whoever walks it, as other people's work in Torii would: without a
// request, a key or a limit. Rows are removed first.
type RowChange struct {
	Org int64 `json:"org"` // 0 is the first organisation
	// List is the operation whose list changes. New rows have the highest ids and the latest times, and removed ones are
	// the newest: at the head of audit.list, workflows.audit.list, workflows.actionExecutions.list, transactions.list and
	// contracts.list of 1.1. Users are never removed from users.list, as in Torii; scim.users.list gains and loses at its
	// head, by users who become active and inactive.
	List   string `json:"list"`
	Insert int    `json:"insert,omitempty"`
	Remove int    `json:"remove,omitempty"`
}

// changers do the work by list.
func changers() map[string]func(*call, RowChange) error {
	return map[string]func(*call, RowChange) error{
		"users.list":                      changeUsers,
		"scim.users.list":                 changeSCIMUsers,
		"contracts.list":                  changeContracts,
		"audit.list":                      changeAudit,
		"workflows.audit.list":            changeAudit,
		"transactions.list":               changeTransactions,
		"workflows.actionExecutions.list": changeExecutions,
	}
}

// ChangeRows inserts and removes rows. It fails, and changes nothing, when the list cannot change so.
func (e *Emulator) ChangeRows(change RowChange) error {
	if change.Org == 0 {
		change.Org = e.opts.Orgs[0].ID
	}
	org, ok := e.orgs[change.Org]
	if !ok {
		return fmt.Errorf("emulator: there is no organisation %d", change.Org)
	}
	work, ok := changers()[change.List]
	if !ok {
		return fmt.Errorf("emulator: the rows of %q cannot be changed", change.List)
	}
	if change.Insert < 0 || change.Remove < 0 || change.Insert+change.Remove == 0 {
		return errors.New("emulator: say how many rows to insert or remove")
	}
	r, err := http.NewRequest(http.MethodPost, "/", nil)
	if err != nil {
		return err
	}
	org.mu.Lock()
	defer org.mu.Unlock()
	defer e.rendered.clear()
	return work(&call{e: e, org: org, r: r, now: e.opts.Now()}, change)
}

// keep leaves out the last n of a list in ascending order of id.
func keep[T any](list []T, n int) ([]T, error) {
	if n > len(list) {
		return list, fmt.Errorf("emulator: there are %d rows, %d are too many to remove", len(list), n)
	}
	return slices.Clip(list[:len(list)-n]), nil
}

func changeUsers(c *call, change RowChange) error {
	if change.Remove > 0 {
		return errors.New("emulator: Torii never removes a user from users.list")
	}
	for range change.Insert {
		c.newUser(fmt.Sprintf("new%d@%s", len(c.org.createdUsers)+1, c.org.Domain))
	}
	return nil
}

func changeSCIMUsers(c *call, change RowChange) error {
	turn := func(to bool, n int) error {
		users := userSource{c.org}
		for i := 0; i < users.Len() && n > 0; i++ {
			if u := users.At(i); u.scimActive() != to {
				c.org.change(u).scimActive = &to
				n--
			}
		}
		if n > 0 {
			return fmt.Errorf("emulator: %d users too many to change", n)
		}
		return nil
	}
	return errors.Join(turn(false, change.Remove), turn(true, change.Insert))
}

func changeContracts(c *call, change RowChange) (err error) {
	if c.org.contracts, err = keep(c.org.contracts, change.Remove); err != nil {
		return err
	}
	for range change.Insert {
		ct := &contract{
			id: c.org.nextContractID(), idApp: c.org.apps[0].id, name: "New contract", status: "active", createdBy: world.FirstPersonID, created: c.now,
			source: "ui", currency: orgCurrency, values: map[string]any{},
		}
		c.org.contracts = append(c.org.contracts, ct)
		c.org.lastContract = ct.id
	}
	return nil
}

func changeAudit(c *call, change RowChange) (err error) {
	if change.List == "audit.list" {
		if c.org.audit, err = keep(c.org.audit, change.Remove); err != nil {
			return err
		}
		change.Remove = 0
	}
	left := slices.Clone(c.org.audit)
	for i := len(left) - 1; i >= 0 && change.Remove > 0; i-- {
		if left[i].entity == "workflows" {
			left = slices.Delete(left, i, i+1)
			change.Remove--
		}
	}
	if change.Remove > 0 {
		return fmt.Errorf("emulator: %d rows too many to remove", change.Remove)
	}
	c.org.audit = left
	for range change.Insert {
		c.record("workflows", "update_workflow", wire.Obj("id", offboardingWorkflow))
	}
	return nil
}

func changeTransactions(c *call, change RowChange) (err error) {
	if c.org.transactions, err = keep(c.org.transactions, change.Remove); err != nil {
		return err
	}
	for range change.Insert {
		t := &transaction{id: newestID(c.org.transactions) + 1, value: 100, currency: orgCurrency, source: "amex", description: "NEW", status: "unknown", reporter: world.FirstPersonID}
		t.date = c.now.Format("2006-01-02")
		t.first = t.date
		c.org.transactions = append(c.org.transactions, t)
	}
	return nil
}

// newestID is the highest id of the transactions.
func newestID(list []*transaction) int64 {
	if len(list) == 0 {
		return 999
	}
	return list[len(list)-1].id
}

func changeExecutions(c *call, change RowChange) (err error) {
	if c.org.executions, err = keep(c.org.executions, change.Remove); err != nil {
		return err
	}
	for range change.Insert {
		c.org.start(execution{workflow: offboardingWorkflow, run: c.org.nextRun(), action: "sendEmail"}, c.now)
	}
	return nil
}
