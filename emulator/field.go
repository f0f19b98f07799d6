package emulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// field is one detail of apps or contracts, as /apps/fields and /contracts/fields list them.
type field struct {
	id      int64
	name    string
	key     string
	kind    string
	builtin bool // a member of every record, not an entry of its custom values
	deleted bool
	hidden  bool // "Show" is off: the API does not expose it
	options []option
}

// option is one choice of a dropdown.
type option struct {
	value, label string
	deleted      bool
}

// visible finds a field that the API exposes.
func visible(fields []*field, key string) (*field, bool) {
	for _, f := range fields {
		if f.key == key {
			return f, !f.deleted && !f.hidden
		}
	}
	return nil, false
}

// option returns the key of a choice given by key or label.
func (f *field) option(text string) (string, error) {
	var keys []string
	for _, o := range f.options {
		if o.deleted {
			continue
		}
		if o.value == text || o.label == text {
			return o.value, nil
		}
		keys = append(keys, o.value)
	}
	return "", invalidf("%q must be one of [%s]", f.key, strings.Join(keys, ", "))
}

// check validates a written value against the field's type and returns what is kept. Null empties any field.
func (f *field) check(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch f.kind {
	case "dropdown":
		if text, ok := v.(string); ok {
			return f.option(text)
		}
		return nil, invalidf("%q must be a string", f.key)
	case "number":
		if n, ok := v.(json.Number); ok {
			return n, nil
		}
		return nil, invalidf("%q must be a number", f.key)
	case "datePicker":
		return f.checkDate(v)
	case "singleLine", "multiLine", "email":
		if text, ok := v.(string); ok {
			return text, nil
		}
		return nil, invalidf("%q must be a string", f.key)
	}
	return rawValue(v), nil
}

func (f *field) checkDate(v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return nil, invalidf("%q must be a valid date", f.key)
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return wire.Time(t), nil
		}
	}
	return nil, invalidf("%q must be a valid date", f.key)
}

func seedAppFields() []*field {
	return []*field{
		{id: 1, name: "Name", key: "name", kind: "singleLine", builtin: true},
		{id: 2, name: "State", key: "state", kind: "dropdown", builtin: true, options: []option{
			{value: "discovered", label: "Discovered"},
			{value: "inReview", label: "In Review"},
			{value: "evaluationPeriod", label: "Evaluation period"},
			{value: "sanctioned", label: "Sanctioned"},
			{value: "costOptimization", label: "Cost optimization"},
			{value: "needToClose", label: "Need to close"},
			{value: "closed", label: "Closed"},
			{value: "pilot", label: "Pilot", deleted: true},
		}},
		{id: 3, name: "Category", key: "category", kind: "singleLine", builtin: true},
		{id: 4, name: "Description", key: "description", kind: "multiLine", builtin: true},
		{id: 5, name: "Tags", key: "tags", kind: "singleLine", builtin: true},
		{id: 6, name: "Website", key: "url", kind: "singleLine", builtin: true},
		{id: 7, name: "Application owner", key: "primaryOwner", kind: "usersDropdown", builtin: true},
		{id: 100, name: "App type", key: "c_appType_1", kind: "dropdown", options: []option{
			{value: "SaaS", label: "SaaS"}, {value: "Browser extension", label: "Browser extension"}, {value: "On-prem", label: "On-prem", deleted: true},
		}},
		{id: 101, name: "Data sensitivity", key: "c_dataSensitivity_1", kind: "dropdown", options: []option{{value: "high", label: "High"}, {value: "low", label: "Low"}}},
		{id: 102, name: "Notes", key: "c_notes_1", kind: "multiLine"},
		{id: 103, name: "Seats bought", key: "c_seatsBought_1", kind: "number"},
		{id: 104, name: "Old owner", key: "c_oldOwner_1", kind: "singleLine", deleted: true},
		{id: 105, name: "Internal remark", key: "c_internalRemark_1", kind: "singleLine", hidden: true},
	}
}

// printFields is the answer of /apps/fields and /contracts/fields.
func printFields(fields []*field, withDeleted bool) []wire.Object {
	rows := []wire.Object{}
	for _, f := range fields {
		if f.deleted || f.hidden {
			continue
		}
		row := wire.Obj("id", f.id, "name", f.name, "systemKey", f.key, "type", f.kind)
		if f.options != nil {
			row = append(row, wire.Member{Key: "options", Value: printOptions(f.options, withDeleted)})
		}
		rows = append(rows, row)
	}
	return rows
}

func printOptions(options []option, withDeleted bool) []wire.Object {
	rows := []wire.Object{}
	for _, o := range options {
		if !o.deleted || withDeleted {
			rows = append(rows, wire.Obj("value", o.value, "label", o.label))
		}
	}
	return rows
}

// customMetadata is the customFields half of a metadata answer.
func (c *call) customMetadata(fields []*field) []wire.Object {
	rows := []wire.Object{}
	for _, f := range fields {
		if !f.builtin && c.mentions(f.name, f.key) {
			rows = append(rows, wire.Obj(
				"idField", f.id, "systemKey", f.key, "isShown", !f.hidden, "idOrg", c.org.ID, "name", f.name, "type", f.kind, "isDeleted", f.deleted,
			))
		}
	}
	return rows
}

// listAppFields is GET /apps/fields.
func listAppFields(c *call) (reply, error) {
	withDeleted, _, err := c.boolean("includeDeletedOptions")
	if err != nil {
		return reply{}, err
	}
	return answer("fields", printFields(c.org.appFields, withDeleted))
}

// listAppMetadata is GET /apps/metadata.
func listAppMetadata(c *call) (reply, error) {
	return answer("predefinedFields", c.predefined([]predefined{
		{"Name", "name", "singleLine", "name", "applications:read"},
		{"State", "state", "dropdown", "dropdown", "applications:read"},
		{"Category", "category", "singleLine", "text", "applications:read"},
		{"Application owner", "primaryOwner", "usersDropdown", "user", "applications:read"},
		{"Tags", "tags", "singleLine", "text", "applications:read"},
		{"Active users", "activeUsersCount", "number", "number", "applications:read"},
		{"Last visit", "lastVisitTime", "datePicker", "date", "applications:read"},
		{"Hidden", "isHidden", "bool", "bool", "applications:read"},
	}), "customFields", c.customMetadata(c.org.appFields))
}

func fieldKinds() []string {
	return []string{"multiLine", "number", "datePicker", "dropdown", "dropdownMulti", "usersDropdown", "currency", "singleLine", "usersDropdownMulti"}
}

// createAppField is POST /apps/fields. Torii does not document the answer; it is {field} here.
func createAppField(c *call) (reply, error) {
	p, err := c.closed("name*", "type*", "formQuestion", "idGroup", "options")
	if err != nil {
		return reply{}, err
	}
	name, err := p.str("name")
	if err != nil {
		return reply{}, err
	}
	kind, err := p.str("type")
	if err != nil {
		return reply{}, err
	}
	if !slices.Contains(fieldKinds(), kind) {
		return reply{}, invalidf("\"type\" must be one of [%s]", strings.Join(fieldKinds(), ", "))
	}
	f := &field{id: c.org.nextFieldID(), name: name, kind: kind}
	f.key = fieldKey(name, f.id)
	if f.options, err = readOptions(p); err != nil {
		return reply{}, err
	}
	c.org.appFields = append(c.org.appFields, f)
	c.record("apps", "create_field_in_group", wire.Obj("idField", f.id, "systemKey", f.key))
	return answer("field", printFields([]*field{f}, false)[0])
}

func (o *org) nextFieldID() int64 { return o.appFields[len(o.appFields)-1].id + 1 }

// fieldKey is the system key of a new field: c_<name in camel case>_<number>.
func fieldKey(name string, id int64) string {
	var key strings.Builder
	upper := false
	for _, r := range name {
		switch {
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r):
			upper = key.Len() > 0
			continue
		case upper:
			r = unicode.ToUpper(r)
		case key.Len() == 0:
			r = unicode.ToLower(r)
		}
		upper = false
		key.WriteRune(r)
	}
	return "c_" + key.String() + "_" + itoa(id)
}

func readOptions(p payload) ([]option, error) {
	raw, given := p["options"]
	if !given {
		return nil, nil
	}
	list, ok := raw.([]any)
	if !ok {
		return nil, invalidf("\"options\" must be an array")
	}
	options := []option{}
	for i, item := range list {
		object, _ := item.(map[string]any)
		value, ok1 := object["value"].(string)
		label, ok2 := object["label"].(string)
		if !ok1 || !ok2 {
			return nil, invalidf("\"options[%d]\" must be an object {value, label}", i)
		}
		options = append(options, option{value: value, label: label})
	}
	return options, nil
}

// pathField is the app field that the path names. Built-in fields cannot be changed.
func (c *call) pathField() (*field, error) {
	id, err := c.pathID("idField")
	if err != nil {
		return nil, err
	}
	for _, f := range c.org.appFields {
		if f.id == id && !f.deleted {
			if f.builtin {
				return nil, invalidf("Field %d is built in", id)
			}
			return f, nil
		}
	}
	return nil, problemf(http.StatusNotFound, "Field %d not found", id)
}

// updateAppField is PUT /apps/fields/{idField}. Torii documents neither body nor answer; name and options are taken.
func updateAppField(c *call) (reply, error) {
	f, err := c.pathField()
	if err != nil {
		return reply{}, err
	}
	p, err := c.json()
	if err != nil {
		return reply{}, err
	}
	name, err := p.str("name")
	if err != nil {
		return reply{}, err
	}
	options, err := readOptions(p)
	if err != nil {
		return reply{}, err
	}
	f.name = or(name, f.name)
	if options != nil {
		f.replaceOptions(options)
	}
	c.record("apps", "update_field_info", wire.Obj("idField", f.id))
	return answer("field", printFields([]*field{f}, false)[0])
}

// replaceOptions keeps choices that are no longer offered as deleted ones.
func (f *field) replaceOptions(options []option) {
	for _, old := range f.options {
		if !slices.ContainsFunc(options, func(o option) bool { return o.value == old.value }) {
			old.deleted = true
			options = append(options, old)
		}
	}
	f.options = options
}

// deleteAppField is DELETE /apps/fields/{idField}. Asking for the field afterwards is an error that names it.
func deleteAppField(c *call) (reply, error) {
	f, err := c.pathField()
	if err != nil {
		return reply{}, err
	}
	f.deleted = true
	c.record("apps", "delete_field", wire.Obj("idField", f.id))
	return answer("success", true)
}
