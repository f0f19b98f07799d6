package plan

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/sando-dev/sando/catalog"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
)

// thousand are 1000 users as Torii documents them, with nine fields of the organisation's own.
func thousand() [][]byte {
	rows := make([][]byte, 1000)
	for i := range rows {
		rows[i] = fmt.Appendf(nil, `{"id":%d,"idOrg":10,"firstName":"Tony","lastName":"Stark","email":"tony%d@stark.com",`+
			`"creationTime":"2020-01-01T00:00:00.000Z","idRole":1,"role":"Admin","lifecycleStatus":"active",`+
			`"isDeletedInIdentitySources":false,"isExternal":false,"activeAppsCount":1,"additionalEmails":["tony@starkindustries.com"],`+
			`"departmentName":"Research","workday_cost_center":"CC-1%d","workday_manager":"pepper@stark.com","workday_employee_number":9007199254740993,`+
			`"workday_hire_date":"2019-12-01","gsuite_address":"10 Hauptstraße\n8001 Zürich","gsuite_home_email":"home-%d@mail.example",`+
			`"okta_groups":["everyone","research"],"workday_is_contractor":false}`, i, i, i%10, i)
	}
	return rows
}

// organisation has the definitions of their fields.
func organisation() []CustomField {
	return []CustomField{
		{"departmentName", "singleLine"},
		{"workday_cost_center", "singleLine"},
		{"workday_manager", "user"},
		{"workday_employee_number", "number"},
		{"workday_hire_date", "datePicker"},
		{"gsuite_address", "multiLine"},
		{"gsuite_home_email", "email"},
		{"okta_groups", "dropdownMulti"},
		{"workday_is_contractor", "bool"},
	}
}

// usersPlan is the catalog's mapping of users.
func usersPlan(t testing.TB) *Plan {
	t.Helper()
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	u, ok := data.Unified("user-directory", "users", "torii")
	if !ok {
		t.Fatal("no users")
	}
	tab := Table{Message: (&userdirectoryv1.User{}).ProtoReflect().Descriptor(), CustomFields: "custom_fields"}
	for _, f := range u.GetFields() {
		tab.Fields = append(tab.Fields, Field{Mapping: f, Layer: "catalog"})
	}
	p, err := Compile(tab)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// BenchmarkAppend maps 1000 users into wire format.
func BenchmarkAppend(b *testing.B) {
	p, rows := usersPlan(b), thousand()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		r := p.Runner(b.Context(), Call{Custom: organisation()})
		for _, row := range rows {
			var err error
			if dst, err = r.Append(dst[:0], row); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// typed is what a back end written by hand decodes a user into.
type typed struct {
	ID                         json.Number `json:"id"`
	IDOrg                      json.Number `json:"idOrg"`
	FirstName                  string      `json:"firstName"`
	LastName                   string      `json:"lastName"`
	Email                      string      `json:"email"`
	CreationTime               time.Time   `json:"creationTime"`
	IDRole                     json.Number `json:"idRole"`
	Role                       string      `json:"role"`
	LifecycleStatus            string      `json:"lifecycleStatus"`
	IsDeletedInIdentitySources bool        `json:"isDeletedInIdentitySources"`
	IsExternal                 bool        `json:"isExternal"`
	ActiveAppsCount            int32       `json:"activeAppsCount"`
	AdditionalEmails           []string    `json:"additionalEmails"`
	Department                 string      `json:"departmentName"`
	CostCenter                 string      `json:"workday_cost_center"`
	Manager                    string      `json:"workday_manager"`
	EmployeeNumber             json.Number `json:"workday_employee_number"`
	HireDate                   string      `json:"workday_hire_date"`
	Address                    string      `json:"gsuite_address"`
	HomeEmail                  string      `json:"gsuite_home_email"`
	Groups                     []string    `json:"okta_groups"`
	IsContractor               bool        `json:"workday_is_contractor"`
}

// BenchmarkTypedDecode is the yardstick: the same users decoded by encoding/json, and nothing done with them.
func BenchmarkTypedDecode(b *testing.B) {
	rows := thousand()
	b.ReportAllocs()
	for b.Loop() {
		for _, row := range rows {
			var u typed
			if err := json.Unmarshal(row, &u); err != nil {
				b.Fatal(err)
			}
		}
	}
}
