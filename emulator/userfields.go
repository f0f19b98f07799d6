package emulator

import (
	"slices"
	"strings"
	"time"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// userField is one custom field of users, delivered by a connected integration.
type userField struct {
	id      int64
	app     int64 // sourceIdApp
	name    string
	kind    string
	key     string
	deleted bool
	value   func(user) any
}

// seedUserFields are the custom fields. Their values cover what clients meet: text, a number beyond 2^53 (employee
// number of user 1001), dates, booleans, lists, null, and members that are left out.
func seedUserFields() []userField {
	fields := []userField{
		{1000, 1002, "Department", "singleLine", "departmentName", false, func(u user) any { return nullable(u.person.Department()) }},
		{1001, 1003, "Cost center", "singleLine", "workday_cost_center", false, func(u user) any { return nullable(u.person.CostCenter()) }},
		{1002, 1003, "Manager", "email", "workday_manager", false, managerEmail},
		{1003, 1003, "Employee number", "number", "workday_employee_number", false, func(u user) any { return nullable(u.person.EmployeeNumber()) }},
		{1004, 1003, "Hire date", "datePicker", "workday_hire_date", false, hireDate},
		{1005, 1002, "Address", "multiLine", "gsuite_address", false, address},
		{1006, 1002, "Home e-mail", "email", "gsuite_home_email", false, homeEmail},
		{1007, 1001, "Groups", "multiValueString", "okta_groups", false, groups},
		{1008, 1003, "Contractor", "bool", "workday_is_contractor", false, func(u user) any { return u.external() }},
		{1009, 1004, "Nickname", "singleLine", "bamboohr_nickname", true, nil},
	}
	for i, f := range fields {
		if f.value == nil {
			continue
		}
		fields[i].value = func(u user) any {
			switch {
			case !u.derived():
				return nil
			case u.edit != nil && slices.Contains(u.edit.cleared, f.key):
				return nil
			}
			return f.value(u)
		}
	}
	return fields
}

func managerEmail(u user) any {
	m, ok := u.person.Manager()
	if !ok {
		return nil
	}
	manager, _ := u.org.user(m.ID())
	return manager.email()
}

func hireDate(u user) any {
	if u.external() || u.nonHuman() {
		return nil
	}
	return u.person.Created().Format(time.DateOnly)
}

// address is left out, not null, for people whose address is unknown.
func address(u user) any {
	if !u.person.HasAddress() {
		return wire.Absent{}
	}
	return itoa(1+u.id()%200) + " Hauptstraße\n8001 Zürich"
}

func homeEmail(u user) any {
	if !u.person.HasAddress() {
		return nil
	}
	return "home-" + itoa(u.id()) + "@mail.example"
}

func groups(u user) any {
	groups := []string{"everyone"}
	if d, ok := u.person.Department(); ok {
		groups = append(groups, strings.ToLower(d))
	}
	return groups
}

// listUserFields is GET /users/fields. The key is called key here, systemKey everywhere else.
func listUserFields(c *call) (reply, error) {
	rows := []wire.Object{}
	for _, f := range c.org.userFields {
		if c.mentions(f.name, f.key) {
			rows = append(rows, wire.Obj(
				"id", f.id, "idOrg", c.org.ID, "sourceIdApp", f.app, "name", f.name, "type", f.kind, "key", f.key, "isDeleted", f.deleted,
			))
		}
	}
	return answer("fields", rows)
}

// mentions reports whether q, if given, occurs in a name or key.
func (c *call) mentions(texts ...string) bool {
	q := strings.ToLower(c.text("q"))
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(strings.ToLower(s), q) })
}

// predefined describes one built-in field in a metadata answer.
type predefined struct {
	name, key, kind, filter string
	scope                   string
}

// listUserMetadata is GET /users/metadata: two arrays, built-in and custom fields.
func listUserMetadata(c *call) (reply, error) {
	custom := []wire.Object{}
	for _, f := range c.org.userFields {
		if c.mentions(f.name, f.key) {
			custom = append(custom, wire.Obj(
				"idField", f.id, "systemKey", f.key, "isShown", !f.deleted, "idOrg", c.org.ID, "sourceIdApp", f.app,
				"name", f.name, "type", f.kind, "isDeleted", f.deleted,
			))
		}
	}
	return answer("predefinedFields", c.predefined([]predefined{
		{"First name", "firstName", "singleLine", "name", "users:read"},
		{"Last name", "lastName", "singleLine", "name", "users:read"},
		{"Email", "email", "email", "text", "users:read"},
		{"First seen", "creationTime", "datePicker", "date", "users:read"},
		{"Role", "role", "dropdown", "dropdown", "member"},
		{"Lifecycle status", "lifecycleStatus", "dropdown", "dropdown", "users:read"},
		{"Left the organization", "isDeletedInIdentitySources", "bool", "bool", "users:read"},
		{"External", "isExternal", "bool", "bool", "users:read"},
		{"Active apps", "activeAppsCount", "number", "number", "users:read"},
		{"Additional emails", "additionalEmails", "multiValueString", "", "users:read"},
	}), "customFields", custom)
}

// predefined prints built-in fields. Members that may be absent are absent where they say nothing.
func (c *call) predefined(fields []predefined) []wire.Object {
	rows := []wire.Object{}
	for _, f := range fields {
		if !c.mentions(f.name, f.key) {
			continue
		}
		row := wire.Obj("name", f.name, "systemKey", f.key, "type", f.kind)
		if f.filter != "" {
			row = append(row, wire.Member{Key: "filterType", Value: f.filter})
		}
		if f.key == "role" {
			row = append(row, wire.Member{Key: "filterSystemKey", Value: "idRole"}, wire.Member{Key: "relatedFields", Value: []string{"idRole"}})
		}
		rows = append(rows, append(row, wire.Member{Key: "scopes", Value: []string{f.scope}}))
	}
	return rows
}
