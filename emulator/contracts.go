package emulator

import (
	"net/http"
	"slices"
	"time"

	"github.com/sando-dev/sando/emulator/internal/query"
	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

const defaultContractFields = "id,name,idApp,owner"

// contract is one contract.
type contract struct {
	id        int64
	idApp     int64
	name      string
	status    string
	owner     int64 // user id, 0 without
	createdBy int64
	created   time.Time
	source    string
	amount    any // json.Number or int64 in minor units of currency, nil when unset
	currency  string
	documents []wire.Object
	values    map[string]any // other built-in and custom fields
}

// seedContracts are contracts whose renewals lie from five months before to a year after the epoch.
func seedContracts(o *org) []*contract {
	statuses := []string{"active", "active", "active", "active", "pipeline", "inReview", "closed"}
	contracts := make([]*contract, o.Size.Contracts)
	for i := range contracts {
		d := o.world.Dice("contract", i)
		a := o.apps[d.N(len(o.apps))]
		end := o.world.Epoch.AddDate(0, 0, d.N(515)-150).Truncate(24 * time.Hour)
		ct := &contract{
			id: 1000 + int64(i), idApp: a.id, name: a.name + " contract", status: world.Pick(d, statuses), createdBy: world.FirstPersonID,
			created: o.world.Epoch.Add(-time.Duration(d.N(900*86400)) * time.Second), source: world.Pick(d, []string{"ui", "api", "email"}),
			currency: a.currency, values: map[string]any{},
		}
		if d.Percent(80) {
			ct.owner = world.FirstPersonID + int64(d.N(min(30, o.world.People)))
		}
		if d.Percent(85) {
			ct.amount = int64(1+d.N(400)) * 50000
		}
		ct.values["startDate"] = wire.Time(end.AddDate(-1, 0, 0))
		ct.values["endDate"] = wire.Time(end)
		ct.values["autoRenewal"] = world.Pick(d, []any{"yes", "no", nil})
		ct.values["noticePeriod"] = world.Pick(d, []any{int64(30), int64(60), int64(90), nil})
		ct.values["c_isThereAnNdaSigned_1"] = world.Pick(d, []any{"Yes", "No", nil})
		contracts[i] = ct
	}
	return contracts
}

func seedContractFields() []*field {
	return []*field{
		{id: 1, name: "Contract name", key: "name", kind: "singleLine", builtin: true},
		{id: 2, name: "Status", key: "status", kind: "dropdown", builtin: true, options: []option{
			{value: "pipeline", label: "Pipeline"}, {value: "active", label: "Active"}, {value: "inReview", label: "In-Review"}, {value: "closed", label: "Closed"},
		}},
		{id: 3, name: "Owner", key: "owner", kind: "usersDropdown", builtin: true},
		{id: 4, name: "Amount", key: "amount", kind: "currency", builtin: true},
		{id: 5, name: "Documents", key: "documents", kind: "fileUpload", builtin: true},
		{id: 6, name: "Start date", key: "startDate", kind: "datePicker"},
		{id: 7, name: "End date", key: "endDate", kind: "datePicker"},
		{id: 8, name: "Auto renewal", key: "autoRenewal", kind: "dropdown", options: []option{{value: "yes", label: "Yes"}, {value: "no", label: "No"}}},
		{id: 9, name: "Notice period (days)", key: "noticePeriod", kind: "number"},
		{id: 200, name: "Is there an NDA signed?", key: "c_isThereAnNdaSigned_1", kind: "dropdown", options: []option{{value: "Yes", label: "Yes"}, {value: "No", label: "No"}}},
		{id: 201, name: "Test field", key: "ccf_testField", kind: "singleLine"},
		{id: 202, name: "Old reference", key: "ccf_oldReference", kind: "singleLine", deleted: true},
		{id: 203, name: "Negotiation notes", key: "ccf_negotiationNotes", kind: "multiLine", hidden: true},
	}
}

// contractLookup finds the fields of contracts in one API version.
func (o *org) contractLookup(version string) query.Lookup[*contract] {
	nested := version == version11
	bare := !nested || o.opts.FlatContracts
	builtin := map[string]func(*contract) any{
		"id":        func(ct *contract) any { return ct.id },
		"name":      func(ct *contract) any { return ct.name },
		"idApp":     func(ct *contract) any { return ct.idApp },
		"owner":     func(ct *contract) any { return o.ownerValue(ct.owner, bare) },
		"status":    func(ct *contract) any { return ct.status },
		"createdBy": func(ct *contract) any { return o.ownerValue(ct.createdBy, bare) },
		"amount": func(ct *contract) any {
			if nested && o.opts.ContractAmountObject && ct.amount != nil {
				return wire.Obj("value", ct.amount, "currency", ct.currency)
			}
			return ct.amount
		},
		"currency":  func(ct *contract) any { return ct.currency },
		"documents": func(ct *contract) any { return nullable(ct.documents, ct.documents != nil) },
	}
	if nested {
		builtin["creationTime"] = func(ct *contract) any { return wire.Time(ct.created) }
		builtin["source"] = func(ct *contract) any { return ct.source }
	}
	return func(key string) (query.Field[*contract], bool) {
		if get, ok := builtin[key]; ok {
			return query.Field[*contract]{Key: key, Get: get}, true
		}
		f, ok := visible(o.contractFields, key)
		if !ok || f.builtin {
			return query.Field[*contract]{}, false
		}
		return query.Field[*contract]{Key: key, Get: func(ct *contract) any { return ct.values[key] }}, true
	}
}

// listContracts is GET /contracts. 1.0 returns everything by id and knows fields and simple filters only; 1.1 pages,
// and without sort its order is not that of the ids (newest first here).
func listContracts(c *call) (reply, error) {
	version, err := c.apiVersion(c.e.opts.DefaultContractsVersion)
	if err != nil {
		return reply{}, err
	}
	find := c.org.contractLookup(version)
	if version == version10 {
		return listContracts10(c, find)
	}
	match, err := simpleFilters(c, find)
	if err != nil {
		return reply{}, err
	}
	return list(c, listing[*contract]{
		key: "contracts", source: query.Slice[*contract](c.org.contracts), id: func(ct *contract) int64 { return ct.id }, find: find,
		defaults: defaultContractFields, size: maxPage, match: match,
		order:  query.By(func(ct *contract) any { return wire.Time(ct.created) }, true),
		search: func(ct *contract) string { return ct.name },
	})
}

func listContracts10(c *call, find query.Lookup[*contract]) (reply, error) {
	for _, name := range []string{"q", "sort", "size", "cursor", "aggs", "filters"} {
		if c.query.Has(name) && !c.e.opts.LenientQuery {
			return reply{}, invalidf("%q is not allowed", name)
		}
	}
	match, err := simpleFilters(c, find)
	if err != nil {
		return reply{}, err
	}
	fields, err := query.Select(find, or(c.text("fields"), defaultContractFields))
	if err != nil {
		return reply{}, err
	}
	return whole("contracts", fields, matching(c.org.contracts, match))
}

// getContract is GET /contracts/{idContract}.
func getContract(c *call) (reply, error) {
	version, err := c.apiVersion(c.e.opts.DefaultContractsVersion)
	if err != nil {
		return reply{}, err
	}
	ct, err := c.pathContract()
	if err != nil {
		return reply{}, err
	}
	fields, err := query.Select(c.org.contractLookup(version), or(c.text("fields"), defaultContractFields))
	if err != nil {
		return reply{}, err
	}
	return one("contract", fields, ct)
}

// pathContract is the contract that the path names.
func (c *call) pathContract() (*contract, error) {
	id, err := c.pathID("idContract")
	if err != nil {
		return nil, err
	}
	i, ok := c.org.contractIndex(id)
	if !ok {
		return nil, problemf(http.StatusNotFound, "Contract %d not found", id)
	}
	return c.org.contracts[i], nil
}

func (o *org) contractIndex(id int64) (int, bool) {
	return slices.BinarySearchFunc(o.contracts, id, func(ct *contract, id int64) int { return int(ct.id - id) })
}

// listContractFields is GET /contracts/fields.
func listContractFields(c *call) (reply, error) {
	return answer("fields", printFields(c.org.contractFields, false))
}

// listContractMetadata is GET /contracts/metadata.
func listContractMetadata(c *call) (reply, error) {
	return answer("predefinedFields", c.predefined([]predefined{
		{"Contract name", "name", "singleLine", "name", "contracts:read"},
		{"Status", "status", "dropdown", "dropdown", "contracts:read"},
		{"Owner", "owner", "usersDropdown", "user", "contracts:read"},
		{"Amount", "amount", "currency", "currency", "contracts:read"},
		{"Application", "idApp", "number", "number", "contracts:read"},
		{"Documents", "documents", "fileUpload", "fileUpload", "contracts:read"},
	}), "customFields", c.customMetadata(c.org.contractFields))
}
