package emulator_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

const scimUser = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`

// scimRefused checks the error body of RFC 7644.
func (r result) scimRefused(status int) {
	r.t.Helper()
	r.want(status)
	if schemas := fmt.Sprint(r.at("schemas")); schemas != "[urn:ietf:params:scim:api:messages:2.0:Error]" || r.at("status") != fmt.Sprint(status) || r.at("detail") == "" {
		r.t.Errorf("%s: body %s is not a SCIM error", r.what, r.body)
	}
}

func TestSCIMPaging(t *testing.T) {
	_, c := start(t, emulator.Options{})
	var ids []string
	total := ""
	for start := 1; ; start += 90 {
		r := c.get(fmt.Sprintf("/scim/v2/Users?startIndex=%d&count=90", start))
		rows := r.rows("Resources")
		total = fmt.Sprint(r.at("totalResults"))
		if fmt.Sprint(r.at("itemsPerPage")) != fmt.Sprint(len(rows)) || fmt.Sprint(r.at("startIndex")) != fmt.Sprint(start) {
			t.Errorf("envelope %.200s", r.body)
		}
		if len(rows) == 0 {
			break
		}
		ids = append(ids, column(rows, "id")...)
	}
	if n := len(slices.Compact(sorted(ids))); fmt.Sprint(n) != total || len(ids) != n || n < 150 || n >= 250 {
		t.Errorf("%d ids, %d distinct, total %s", len(ids), n, total)
	}
	if n := len(c.get("/scim/v2/Users").rows("Resources")); n != 100 {
		t.Errorf("%d by default, want 100", n)
	}
	c.get("/scim/v2/Users?count=201").scimRefused(http.StatusBadRequest)
	c.get("/scim/v2/Users?sortOrder=up").scimRefused(http.StatusBadRequest)
	first := c.get("/scim/v2/Users?count=1&sortBy=userName&sortOrder=descending").rows("Resources")[0]["userName"].(string)
	last := c.get("/scim/v2/Users?count=1&sortBy=userName").rows("Resources")[0]["userName"].(string)
	if first <= last {
		t.Errorf("descending starts with %s, ascending with %s", first, last)
	}
}

func TestSCIMFilters(t *testing.T) {
	_, c := start(t, emulator.Options{})
	for filter, want := range map[string]int{
		`userName eq "TONY@stark.com"`: 1, `emails co "tony@"`: 1, `emails.value sw "tony@"`: 1, `userName eq "nobody@stark.com"`: 0,
	} {
		if n := len(c.get("/scim/v2/Users?filter=" + url.QueryEscape(filter)).rows("Resources")); n != want {
			t.Errorf("%s: %d users, want %d", filter, n, want)
		}
	}
	for _, filter := range []string{`active eq true`, `userName gt "a"`, `userName eq "a" or userName eq "b"`, `userName`} {
		c.get("/scim/v2/Users?filter=" + url.QueryEscape(filter)).scimRefused(http.StatusBadRequest)
	}
}

func TestSCIMLifeCycle(t *testing.T) {
	_, c := start(t, emulator.Options{})
	made := c.send("POST", "/scim/v2/Users", `{`+scimUser+`,"userName":"Pepper@Stark.com","name":{"givenName":"Pepper","familyName":"Potts"},"userType":"Procurement"}`).want(http.StatusCreated)
	id := made.at("id").(string)
	if made.at("userName") != "pepper@stark.com" || made.at("active") != true {
		t.Errorf("created %s", made.body)
	}
	if u := c.get("/users/" + id); u.at("user", "role") != "Procurement" || u.at("user", "lastName") != "Potts" || fmt.Sprint(u.at("user", "activeAppsCount")) != "0" {
		t.Errorf("/users has %s", u.body)
	}
	if fmt.Sprint(c.get("/users?size=1").at("total")) != "251" || len(c.get("/users?email=pepper@stark.com&fields=departmentName,gsuite_address").rows("users")) != 1 {
		t.Error("/users does not list the new user")
	}
	c.send("POST", "/scim/v2/Users", `{`+scimUser+`,"userName":"pepper@stark.com"}`).scimRefused(http.StatusConflict)
	c.send("PUT", "/scim/v2/Users/"+id, `{`+scimUser+`,"userName":"other@stark.com"}`).scimRefused(http.StatusBadRequest)
	replaced := c.send("PUT", "/scim/v2/Users/"+id, `{`+scimUser+`,"userName":"pepper@stark.com","userType":"IT Admin"}`).want(http.StatusOK)
	if replaced.at("userType") != "IT Admin" {
		t.Errorf("replaced %s", replaced.body)
	}
	patch := func(operations string) result {
		return c.send("PATCH", "/scim/v2/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":`+operations+`}`)
	}
	patched := patch(`[{"op":"Replace","value":{"userType":"Employee","name.givenName":"Virginia"}}]`).want(http.StatusOK)
	if patched.at("userType") != "Employee" || patched.at("name", "givenName") != "Virginia" || patched.at("name", "familyName") != "Potts" {
		t.Errorf("patched %s", patched.body)
	}
	for _, bad := range []string{`[{"op":"move","path":"active"}]`, `[{"op":"replace","path":"userName","value":"x@y.z"}]`, `[{"op":"remove","path":"active"}]`, `[{"op":"replace","path":"nick","value":1}]`, `[{"op":"add"}]`} {
		patch(bad).scimRefused(http.StatusBadRequest)
	}
	patch(`[{"op":"replace","path":"active","value":false}]`).want(http.StatusOK)
	c.get("/scim/v2/Users/" + id).scimRefused(http.StatusNotFound)
	c.send("POST", "/scim/v2/Users", `{`+scimUser+`,"userName":"pepper@stark.com"}`).want(http.StatusCreated)
	c.do("DELETE", "/scim/v2/Users/"+id, "", nil).want(http.StatusNoContent)
	c.do("DELETE", "/scim/v2/Users/"+id, "", nil).scimRefused(http.StatusNotFound)
	c.get("/users/" + id).want(http.StatusOK)
	for _, bad := range []string{`{"userName":"a@b.c"}`, `{` + scimUser + `}`, `{` + scimUser + `,"userName":"nobody"}`, `{` + scimUser + `,"userName":"a@b.c","userType":"Wizard"}`, `{`} {
		c.send("POST", "/scim/v2/Users", bad).scimRefused(http.StatusBadRequest)
	}
}

func TestTheLastAdminStays(t *testing.T) {
	_, c := start(t, emulator.Options{})
	var admins []string
	for _, u := range c.get("/scim/v2/Users?count=200").rows("Resources") {
		if u["userType"] == "Admin" {
			admins = append(admins, u["id"].(string))
		}
	}
	for _, u := range c.get("/scim/v2/Users?count=200&startIndex=201").rows("Resources") {
		if u["userType"] == "Admin" {
			admins = append(admins, u["id"].(string))
		}
	}
	for i, id := range slices.Backward(admins) {
		r := c.do("DELETE", "/scim/v2/Users/"+id, "", nil)
		if i > 0 {
			r.want(http.StatusNoContent)
			continue
		}
		r.scimRefused(http.StatusBadRequest)
	}
	c.send("PUT", "/scim/v2/Users/1000", `{`+scimUser+`,"userName":"tony@stark.com","userType":"Employee"}`).scimRefused(http.StatusBadRequest)
	c.send("PUT", "/scim/v2/Users/1000", `{`+scimUser+`,"userName":"tony@stark.com","active":false}`).scimRefused(http.StatusBadRequest)
}

func TestAnonymisation(t *testing.T) {
	_, c := start(t, emulator.Options{})
	c.send("POST", "/anonymizeRequest", `{"email":"tony@stark.com","fields":["workday_employee_number"]}`).want(http.StatusOK)
	row := c.get("/users?idUsers=1000&fields=firstName,lastName,email,workday_employee_number,departmentName").rows("users")[0]
	if row["firstName"] != "Anonymized" || row["lastName"] != nil || row["email"] == "tony@stark.com" || row["workday_employee_number"] != nil || row["departmentName"] == nil {
		t.Errorf("user %v", row)
	}
	c.send("POST", "/anonymizeRequest", `{"email":"tony@stark.com"}`).refused(http.StatusNotFound, "")
	c.send("POST", "/anonymizeRequest", `{"email":"x@y.z","fields":["nonsense"]}`).refused(http.StatusBadRequest, "nonsense")
}

// RFC 7643 section 5 says which members a ServiceProviderConfig must have, RFC 7644 section 3.12 how refusals look.
func TestSCIMKeepsToItsRFCs(t *testing.T) {
	_, c := start(t, emulator.Options{StrictSCIM: true})
	scim := c.as(emulator.DefaultSCIMKey)
	config := scim.get("/scim/v2/ServiceProviderConfig").want(http.StatusOK)
	if config.at("schemas", 0) != "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig" {
		t.Errorf("schemas %v", config.at("schemas"))
	}
	for feature, members := range map[string][]string{
		"patch": {"supported"}, "bulk": {"supported", "maxOperations", "maxPayloadSize"}, "filter": {"supported", "maxResults"},
		"changePassword": {"supported"}, "sort": {"supported"}, "etag": {"supported"},
	} {
		for _, member := range members {
			if config.at(feature, member) == nil {
				t.Errorf("%s.%s is missing", feature, member)
			}
		}
	}
	for _, member := range []string{"type", "name", "description"} {
		if config.at("authenticationSchemes", 0, member) == nil {
			t.Errorf("authenticationSchemes[0].%s is missing", member)
		}
	}
	scim.get("/scim/v2/Users/1").scimRefused(http.StatusNotFound)
	scim.get("/scim/v2/Groups").scimRefused(http.StatusNotFound)
	scim.get("/scim/v2/Users?page=1").scimRefused(http.StatusBadRequest)
	scim.send("POST", "/scim/v2/Users", `{}`).scimRefused(http.StatusBadRequest)
	c.get("/scim/v2/Users").scimRefused(http.StatusForbidden)
	c.as("").get("/scim/v2/Users").scimRefused(http.StatusUnauthorized)
	for range 200 {
		scim.get("/scim/v2/Users?count=0")
	}
	scim.get("/scim/v2/Users?count=0").scimRefused(http.StatusTooManyRequests)
}

func TestTagsInBothReadings(t *testing.T) {
	for _, array := range []bool{false, true} {
		_, c := start(t, emulator.Options{TagsAsArray: array})
		for _, row := range c.get("/apps?fields=id,tags").rows("apps") {
			switch tags := row["tags"].(type) {
			case string:
				if array {
					t.Fatalf("tags %q", tags)
				}
			case []any:
				if !array {
					t.Fatalf("tags %v", tags)
				}
			}
		}
	}
}
