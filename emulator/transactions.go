package emulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sando-dev/sando/emulator/internal/query"
	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

// transaction is one expense.
type transaction struct {
	id          int64
	app         int64 // 0 is unmatched
	date, first string
	value       int64 // minor units
	currency    string
	source      string
	description string
	status      string // mapped, unknown, recommend_map or archived
	reporter    int64
}

func seedTransactions(o *org) []*transaction {
	list := make([]*transaction, o.Size.Transactions)
	for i := range list {
		d := o.world.Dice("transaction", i)
		a := o.apps[d.N(len(o.apps))]
		t := &transaction{
			id: 1000 + int64(i), app: a.id, value: int64(100 + d.N(900000)), currency: world.Pick(d, []string{"USD", "EUR", "GBP"}),
			source: world.Pick(d, []string{"expense report", "netsuite", "amex"}), description: strings.ToUpper(a.name) + " *SUBSCRIPTION", status: "mapped",
			date: o.world.Epoch.AddDate(0, 0, -d.N(365)).Format(time.DateOnly), reporter: world.FirstPersonID + int64(d.N(o.world.People)),
		}
		if d.Percent(15) {
			t.app, t.status = 0, world.Pick(d, []string{"unknown", "recommend_map"})
		}
		t.first = t.date
		list[i] = t
	}
	return list
}

// transactionLookup finds the fields of transactions.
func (o *org) transactionLookup() query.Lookup[*transaction] {
	none := func(*transaction) any { return nil }
	fields := map[string]func(*transaction) any{
		"id":    func(t *transaction) any { return t.id },
		"idApp": func(t *transaction) any { return ownerID(t.app) },
		"appName": func(t *transaction) any {
			if a, ok := o.app(t.app); ok {
				return a.name
			}
			return nil
		},
		"idAppAccount": none, "appAccountName": none, "idUpload": none, "fileName": none, "extraInfo": none, "domain": none,
		"externalAccountId": none, "externalAccountName": none,
		"transactionDate":     func(t *transaction) any { return t.date },
		"origTransactionDate": func(t *transaction) any { return t.first },
		"amount": func(t *transaction) any {
			return wire.Obj("value", t.value, "currency", t.currency, "convertedValue", convert(t.value, t.currency))
		},
		"source":      func(t *transaction) any { return t.source },
		"description": func(t *transaction) any { return t.description },
		"department": func(t *transaction) any {
			u, _ := o.user(t.reporter)
			return nullable(u.person.Department())
		},
		"mappingStatus": func(t *transaction) any { return t.status },
		"mappingLogic":  func(*transaction) any { return "description" },
		"reportedBy":    func(t *transaction) any { return t.reporter },
		"reportedByFullName": func(t *transaction) any {
			u, _ := o.user(t.reporter)
			return u.fullName()
		},
		"idExternalTransaction": func(t *transaction) any { return "tx-" + itoa(t.id) },
	}
	return func(key string) (query.Field[*transaction], bool) {
		get, ok := fields[key]
		return query.Field[*transaction]{Key: key, Get: get}, ok
	}
}

// sortable are the fields that GET /transactions sorts by; amount means the converted value.
func sortable() []string {
	return []string{
		"id", "transactionDate", "amount", "description", "source", "appName", "appAccountName", "reportedByFullName", "mappingStatus", "mappingLogic",
		"idExternalTransaction", "externalAccountId", "externalAccountName",
	}
}

// listTransactions is GET /transactions: matched ones unless mappingStatus says otherwise, archived ones never.
func listTransactions(c *call) (reply, error) {
	if utf8.RuneCountInString(c.text("q")) > 800 {
		return reply{}, invalidf("\"q\" length must be less than or equal to 800 characters long")
	}
	id, err := c.integer("idApp", 0, 0, maxID)
	if err != nil {
		return reply{}, err
	}
	statuses := strings.Split(or(c.text("mappingStatus"), "mapped"), ",")
	match := []func(*transaction) bool{func(t *transaction) bool { return t.status != "archived" && slices.Contains(statuses, t.status) }}
	if id != 0 {
		match = append(match, func(t *transaction) bool { return t.app == int64(id) })
	}
	if source := c.text("source"); source != "" {
		match = append(match, func(t *transaction) bool { return t.source == source })
	}
	find := c.org.transactionLookup()
	order, err := transactionOrder(c, find)
	if err != nil {
		return reply{}, err
	}
	delete(c.query, "sort") // read here, with its own list of fields
	return list(c, listing[*transaction]{
		key: "transactions", source: query.Slice[*transaction](c.org.transactions), id: func(t *transaction) int64 { return t.id }, size: maxPage,
		find: find, defaults: "id,idApp,transactionDate,amount,source,description,mappingStatus", match: match, order: order,
		search: func(t *transaction) string { return t.description },
	})
}

func transactionOrder(c *call, find query.Lookup[*transaction]) (query.Order[*transaction], error) {
	return query.ParseOrder(func(key string) (query.Field[*transaction], bool) {
		switch {
		case !slices.Contains(sortable(), key):
			return query.Field[*transaction]{}, false
		case key == "amount":
			return query.Field[*transaction]{Key: key, Get: func(t *transaction) any { return convert(t.value, t.currency) }}, true
		}
		return find(key)
	}, c.text("sort"))
}

// listTransactionMetadata is GET /transactions/metadata. The shape is not documented; it is that of the other metadata.
func listTransactionMetadata(c *call) (reply, error) {
	return answer("predefinedFields", c.predefined([]predefined{
		{"Date", "transactionDate", "datePicker", "date", "expense:read"},
		{"Amount", "amount", "currency", "currency", "expense:read"},
		{"Description", "description", "singleLine", "text", "expense:read"},
		{"Source", "source", "singleLine", "dropdown", "expense:read"},
		{"Mapping status", "mappingStatus", "dropdown", "dropdown", "expense:read"},
	}), "customFields", []wire.Object{})
}

// updateTransaction is PUT /transactions/{idTransaction}. The wrapper is not documented; it is {transaction} here.
func updateTransaction(c *call) (reply, error) {
	id, err := c.pathID("idTransaction")
	if err != nil {
		return reply{}, err
	}
	i := slices.IndexFunc(c.org.transactions, func(t *transaction) bool { return t.id == id })
	if i < 0 {
		return reply{}, problemf(http.StatusNotFound, "Transaction %d not found", id)
	}
	p, err := c.closed("idApp", "mappingStatus", "amount", "transactionDate")
	if err != nil {
		return reply{}, err
	}
	draft := *c.org.transactions[i]
	if err := c.writeTransaction(&draft, p); err != nil {
		return reply{}, err
	}
	*c.org.transactions[i] = draft
	c.record("transactions", "update_transaction", wire.Obj("idTransaction", id))
	return answer("transaction", wire.Obj(
		"id", draft.id, "idApp", ownerID(draft.app), "mappingStatus", draft.status, "transactionDate", draft.date,
		"amount", wire.Obj("value", draft.value, "currency", draft.currency, "convertedValue", convert(draft.value, draft.currency)),
	))
}

func (c *call) writeTransaction(t *transaction, p payload) error {
	if err := c.matchTransaction(t, p); err != nil {
		return err
	}
	date, err := p.str("transactionDate")
	if err != nil {
		return err
	}
	if date != "" {
		if _, err := time.Parse(time.DateOnly, date); err != nil {
			return invalidf("\"transactionDate\" must be in YYYY-MM-DD format")
		}
		t.date = date
	}
	amount, given := p["amount"]
	if !given {
		return nil
	}
	object, _ := amount.(map[string]any)
	value, ok := object["value"].(json.Number)
	if !ok || len(object) != 1 {
		return invalidf("\"amount\" must be an object {value}")
	}
	t.value, err = value.Int64()
	if err != nil {
		return invalidf("\"amount.value\" must be an integer")
	}
	return nil
}

// matchTransaction reads idApp (an id maps, null unmaps) and mappingStatus (archived, or unknown with idApp null).
func (c *call) matchTransaction(t *transaction, p payload) error {
	id, mapped, err := p.id("idApp")
	if err != nil {
		return err
	}
	_, given := p["idApp"]
	switch {
	case mapped:
		if _, ok := c.org.app(id); !ok {
			return invalidf("\"idApp\": app %d does not exist", id)
		}
		t.app, t.status = id, "mapped"
	case given:
		t.app, t.status = 0, "unknown"
	}
	status, err := p.str("mappingStatus")
	switch {
	case err != nil:
		return err
	case status == "archived":
		t.status = status
	case status == "unknown" && given && !mapped, status == "":
	default:
		return invalidf("\"mappingStatus\" must be archived, or unknown together with \"idApp\": null")
	}
	return nil
}
