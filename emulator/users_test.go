package emulator_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sando-dev/sando/emulator"
)

func TestWalkingUsersGivesEachOnce(t *testing.T) {
	_, c := start(t, emulator.Options{NoRateLimits: true})
	for _, path := range []string{
		"/users?size=7", "/users?size=100", "/users?size=250", "/users?size=9&sort=lastName:desc,firstName:asc", "/users?size=11&sort=activeAppsCount:desc",
		"/users?size=10&sort=workday_cost_center", "/users?size=13&sort=creationTime:desc&fields=email",
	} {
		ids := column(c.walk(path, "users"), "id")
		if n := len(slices.Compact(sorted(ids))); len(ids) != 250 || n != 250 {
			t.Errorf("%s: %d rows, %d distinct, want 250", path, len(ids), n)
		}
	}
}

func TestWalkingAHundredThousandUsersGivesEachOnce(t *testing.T) {
	_, c := start(t, emulator.Options{Users: emulator.MaxUsers, NoRateLimits: true})
	rows := 0
	cursor := ""
	for page := 0; ; page++ {
		path := "/users?fields=id"
		if cursor != "" {
			path += "&cursor=" + url.QueryEscape(cursor)
		}
		r := c.get(path)
		rows += bytes.Count(r.want(http.StatusOK).body, []byte(`"id":`))
		if want := fmt.Sprintf(`{"id":%d,`, 1000+1000*page); !bytes.Contains(r.body[:60], []byte(want)) {
			t.Fatalf("page %d starts with %.60s", page, r.body)
		}
		if r.at("total").(interface{ String() string }).String() != "100000" {
			t.Fatalf("total %v", r.at("total"))
		}
		if cursor = r.next(); cursor == "" {
			break
		}
	}
	if rows != emulator.MaxUsers {
		t.Errorf("%d rows, want %d", rows, emulator.MaxUsers)
	}
}

func TestCursorIsBase64OfTheLastRowsSortValues(t *testing.T) {
	_, c := start(t, emulator.Options{})
	for path, want := range map[string]string{
		"/users?size=3":                 `["1002"]`,
		"/users?size=1&sort=email:desc": `["zoe.qureshi`,
	} {
		raw, err := base64.StdEncoding.DecodeString(c.get(path).want(http.StatusOK).next())
		if err != nil || !strings.HasPrefix(string(raw), want[:2]) {
			t.Errorf("%s: cursor %q, %v", path, raw, err)
		}
		if path == "/users?size=3" && string(raw) != want {
			t.Errorf("%s: cursor %q, want %s", path, raw, want)
		}
	}
	for _, cursor := range []string{"%%%", "not base64!", base64.StdEncoding.EncodeToString([]byte("{}")), base64.StdEncoding.EncodeToString([]byte(`[1,"2"]`)), base64.StdEncoding.EncodeToString([]byte(`["x"]`))} {
		c.get("/users?cursor="+url.QueryEscape(cursor)).refused(http.StatusBadRequest, "cursor")
	}
}

func TestPageSizeHasBounds(t *testing.T) {
	for _, op := range operations(t) {
		if op.MaxSize == 0 {
			continue
		}
		_, c := start(t, emulator.Options{DefaultContractsVersion: "1.1", Orgs: []emulator.Org{{
			ID: 1, Key: emulator.DefaultKey, Size: emulator.Size{Users: 1200, Apps: 1100, Contracts: 1100, Transactions: 1500, AuditEvents: 60, ActionExecutions: 60},
		}}})
		path := strings.Replace(op.Path, "{idApp}", "1000", 1)
		for _, size := range []string{"0", "-1", strconv.Itoa(op.MaxSize + 1), "x", "1.5"} {
			c.get(path+"?size="+size).refused(http.StatusBadRequest, "size")
		}
		c.get(path + "?size=" + strconv.Itoa(op.MaxSize)).want(http.StatusOK)
		rows := c.get(path).rows(op.Data)
		if op.DefaultSize != 0 && len(rows) != op.DefaultSize && op.ID != "apps.users.list" {
			t.Errorf("%s: %d rows by default, want %d", op.ID, len(rows), op.DefaultSize)
		}
	}
}

func TestUserFields(t *testing.T) {
	_, c := start(t, emulator.Options{})
	r := c.get("/users?idUsers=1001&fields=workday_employee_number,departmentName,workday_manager")
	row := r.rows("users")[0]
	want := []string{"additionalEmails", "departmentName", "id", "workday_employee_number", "workday_manager"}
	if diff := cmp.Diff(want, sorted(union(any(row)))); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	if !bytes.Contains(r.body, []byte(`"workday_employee_number":9007199254740993`)) {
		t.Errorf("2^53+1 is missing: %s", r.body)
	}
	c.get("/users?fields=id,nonsense,bamboohr_nickname").refused(http.StatusBadRequest, "nonsense, bamboohr_nickname")
	keys := column(c.get("/users/fields").rows("fields"), "key")
	for _, key := range keys {
		if key != "bamboohr_nickname" {
			c.get("/users?size=1&fields=" + key).want(http.StatusOK)
		}
	}
	if got := column(c.get("/users/fields?q=COST").rows("fields"), "key"); !slices.Equal(got, []string{"workday_cost_center"}) {
		t.Errorf("q=COST gives %v", got)
	}
	if n := len(c.get("/users/metadata").rows("customFields")); n != len(keys) {
		t.Errorf("metadata has %d custom fields, fields has %d", n, len(keys))
	}
}

func TestUsersCoverWhatClientsMeet(t *testing.T) {
	_, c := start(t, emulator.Options{NoRateLimits: true})
	users := c.walk("/users?fields=id,firstName,lastName,lifecycleStatus,isDeletedInIdentitySources,isExternal,gsuite_address,workday_manager,departmentName,workday_cost_center", "users")
	seen := map[string]int{}
	for _, u := range users {
		seen[fmt.Sprint("lifecycle ", u["lifecycleStatus"])]++
		seen[fmt.Sprint("external ", u["isExternal"])]++
		seen[fmt.Sprint("deleted ", u["isDeletedInIdentitySources"], " ", u["lifecycleStatus"])]++
		for _, key := range []string{"firstName", "lastName", "workday_manager", "departmentName", "workday_cost_center"} {
			if u[key] == nil {
				seen[key+" null"]++
			}
		}
		if _, ok := u["gsuite_address"]; !ok {
			seen["address missing"]++
		}
		if s, _ := u["firstName"].(string); strings.ContainsFunc(s, func(r rune) bool { return r > 127 }) {
			seen["unicode"]++
		}
	}
	for _, aspect := range []string{
		"lifecycle active", "lifecycle offboarding", "lifecycle offboarded", "external true", "external false", "deleted true offboarded", "deleted false offboarded",
		"deleted true active", "firstName null", "lastName null", "workday_manager null", "departmentName null", "workday_cost_center null", "address missing", "unicode",
	} {
		if seen[aspect] == 0 {
			t.Errorf("no user with %q among 250", aspect)
		}
	}
	if n := seen["lifecycle active"]; n < 190 || n > 235 {
		t.Errorf("%d of 250 users are active", n)
	}
}

func TestUserFilters(t *testing.T) {
	_, c := start(t, emulator.Options{NoRateLimits: true})
	all := c.walk("/users", "users")
	count := func(keep func(map[string]any) bool) int {
		n := 0
		for _, u := range all {
			if keep(u) {
				n++
			}
		}
		return n
	}
	offboarded := count(func(u map[string]any) bool { return u["lifecycleStatus"] == "offboarded" })
	external := count(func(u map[string]any) bool { return u["isExternal"] == true })
	tests := []struct {
		query string
		want  int
	}{
		{"lifecycleStatus=offboarded", offboarded},
		{"isExternal=true", external},
		{"view=externalUsers", external},
		{"email=TONY@stark.com", 1},
		{"firstName=Tony&lastName=Stark", 1},
		{"idUsers=1000,1003,9", 2},
		{"q=tony%20stark", 1},
		{filters(`[{"key":"lifecycleStatus","op":"equals","value":"offboarded"}]`), offboarded},
		{filters(`[{"key":"lifecycleStatus","op":"notEquals","value":"offboarded"}]`), 250 - offboarded},
		{filters(`[{"key":"lifecycleStatus","op":"anyOf","value":["offboarded","active","offboarding"]},{"key":"isExternal","op":"equals","value":true}]`), external},
		{filters(`[{"op":"or","value":[{"key":"email","op":"equals","value":"tony@stark.com"},{"key":"id","op":"equals","value":1001}]}]`), 2},
		{filters(`[{"key":"workday_employee_number","op":"equals","value":9007199254740993}]`), 1},
		{filters(`[{"key":"workday_employee_number","op":"equals","value":9007199254740992}]`), 0},
	}
	for _, tt := range tests {
		r := c.get("/users?" + tt.query).want(http.StatusOK)
		if got := fmt.Sprint(r.at("total")); got != strconv.Itoa(tt.want) || len(r.rows("users")) != tt.want {
			t.Errorf("%s: total %s, %d rows, want %d", tt.query, got, len(r.rows("users")), tt.want)
		}
	}
	humans := len(c.walk("/users?view=allUsers", "users"))
	robots := len(c.walk("/users?view=allNonHumanUsers", "users"))
	if humans+robots != 250 || robots == 0 {
		t.Errorf("%d humans and %d service accounts, want 250 together", humans, robots)
	}
	for _, query := range []string{
		"view=everybody", "lifecycleStatus=gone", "isExternal=yes", "idUsers=1000,x", "idUsers=" + strings.Repeat("1000,", 11), "sort=nonsense", "sort=id:up",
		filters(`[{"key":"nonsense","op":"equals","value":1}]`), filters(`[{"key":"id","op":"like","value":1}]`), filters(`{}`), filters(`[{"key":{"value":"id"},"op":{"value":"equals"},"value":1}]`),
		"minActiveAppsCount=1", "starting_after=x",
	} {
		c.get("/users?"+query).refused(http.StatusBadRequest, "")
	}
}

func TestUserUpdateIsSeenByLaterReads(t *testing.T) {
	_, c := start(t, emulator.Options{})
	c.send("PUT", "/users/1001", `{"lifecycleStatus":"offboarded"}`).want(http.StatusOK)
	for _, path := range []string{"/users/1001"} {
		if got := c.get(path).at("user", "lifecycleStatus"); got != "offboarded" {
			t.Errorf("%s: lifecycleStatus %v", path, got)
		}
	}
	if got := c.get("/users?idUsers=1001").rows("users")[0]["lifecycleStatus"]; got != "offboarded" {
		t.Errorf("list: lifecycleStatus %v", got)
	}
	audit := c.get("/audit?entity=users&size=1").rows("audit")[0]
	if audit["type"] != "update_user_lifecycle_status" || audit["requestDetails"].(map[string]any)["method"] != "put" {
		t.Errorf("audit: %v", audit)
	}
}

// Torii documents aggs for users, apps and contracts of 1.1 alone.
func TestAggregationsOfEveryListThatDocumentsThem(t *testing.T) {
	_, c := start(t, emulator.Options{})
	documented := map[string]string{"/users": "lifecycleStatus", "/apps": "state", "/contracts": "status"}
	for path, field := range documented {
		c := c.with("X-API-Version", "1.1")
		query := "?size=1&aggs=" + url.QueryEscape(fmt.Sprintf(`{"field":%q,"aggregationType":"groupBy"}`, field))
		r := c.get(path + query)
		sum := 0
		for _, bucket := range r.rows("aggregations") {
			n, err := bucket["groupCount"].(json.Number).Int64()
			if err != nil || bucket["value"] != bucket["groupCount"] {
				t.Errorf("%s: %v, %v", path, bucket, err)
			}
			sum += int(n)
		}
		if total := fmt.Sprint(r.at("total")); total != fmt.Sprint(sum) {
			t.Errorf("%s: the groups hold %d of %s", path, sum, total)
		}
		if _, given := c.get(path + "?size=1").object()["aggregations"]; given {
			t.Errorf("%s: aggregations come unasked", path)
		}
	}
	for _, path := range []string{"/roles", "/audit", "/transactions", "/apps/1000/users", "/workflows/actionExecutions", "/scim/v2/Users", "/contracts"} {
		c.get(path+"?aggs={}").refused(http.StatusBadRequest, "aggs")
	}
}

func TestAggregations(t *testing.T) {
	_, c := start(t, emulator.Options{})
	aggs := func(text string) result { return c.get("/users?size=1&aggs=" + url.QueryEscape(text)) }
	r := aggs(`{"field":"role","aggregationType":"groupBy","options":{"size":2,"sort":{"field":"role","order":"desc","aggFunc":"total"}},"aggs":{"field":"activeAppsCount","aggregationType":"metric","options":{"metricFunction":"max"}}}`)
	buckets := r.rows("aggregations")
	if len(buckets) != 2 || buckets[0]["key"] != "Employee" || fmt.Sprint(buckets[0]["value"]) != fmt.Sprint(buckets[0]["groupCount"]) {
		t.Errorf("buckets %v", buckets)
	}
	if nested := buckets[0]["aggregations"].([]any); len(nested) != 1 {
		t.Errorf("nested %v", nested)
	}
	months := aggs(`{"field":"creationTime","aggregationType":"date_histogram","options":{"dateHistogramOptions":{"datePeriod":"yearly"}}}`).rows("aggregations")
	sum := 0
	for _, b := range months {
		n, _ := strconv.Atoi(fmt.Sprint(b["value"]))
		sum += n
	}
	if sum != 250 {
		t.Errorf("the years sum up to %d users, want 250", sum)
	}
	for _, bad := range []string{`[]`, `{"field":"nope","aggregationType":"groupBy"}`, `{"field":"role","aggregationType":"nope"}`, `{"field":"role","aggregationType":"groupBy","options":{"size":101}}`} {
		aggs(bad).refused(http.StatusBadRequest, "aggs")
	}
}
