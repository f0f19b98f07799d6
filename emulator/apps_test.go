package emulator_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

func TestAppFieldsAndFilters(t *testing.T) {
	_, c := start(t, emulator.Options{NoRateLimits: true})
	all := c.walk("/apps?fields=id,name,state,primaryOwner,category,isHidden,c_appType_1,lastVisitTime&size=10", "apps")
	if len(all) != 48 {
		t.Fatalf("%d apps, want 48", len(all))
	}
	sanctioned, typed, owned, unseen := 0, 0, 0, 0
	for _, a := range all {
		if a["state"] == "sanctioned" {
			sanctioned++
		}
		if a["c_appType_1"] == "SaaS" {
			typed++
		}
		if owner, ok := a["primaryOwner"].(map[string]any); ok && owner["email"] != "" {
			owned++
		}
		if a["lastVisitTime"] == nil {
			unseen++
		}
	}
	if owned == 0 || owned == 48 || unseen == 0 {
		t.Errorf("%d apps with an owner, %d never visited: want some of each", owned, unseen)
	}
	for query, want := range map[string]int{
		"state=sanctioned":                sanctioned,
		"state=sanctioned&isHidden=false": -1,
		"c_appType_1=SaaS":                typed,
		"q=salesforce":                    -1,
		filters(`[{"key":"state","op":"anyOf","value":["sanctioned"]},{"key":"primaryOwner","op":"isSet"}]`):                 -1,
		filters(`[{"key":"primaryOwner","op":"nested","value":[{"key":"lifecycleStatus","op":"equals","value":"active"}]}]`): -1,
		filters(`[{"key":"creationTime","op":"dayBefore","value":"2026-11-02"}]`):                                            48,
		filters(`[{"key":"tags","op":"contains","value":"devops"}]`):                                                         -1,
	} {
		rows := c.get("/apps?" + query).rows("apps")
		if want >= 0 && len(rows) != want || want < 0 && (len(rows) == 0 || len(rows) == 48) {
			t.Errorf("%s: %d apps, want %d", query, len(rows), want)
		}
	}
	for _, query := range []string{"fields=c_oldOwner_1", "fields=c_internalRemark_1", "fields=licenses", "c_oldOwner_1=x", "users=3"} {
		c.get("/apps?"+query).refused(http.StatusBadRequest, "fields")
	}
	if owner := fmt.Sprint(all[0]["primaryOwner"]); owner != "<nil>" {
		id := fmt.Sprint(all[0]["primaryOwner"].(map[string]any)["id"])
		rows := c.get("/apps?" + filters(`[{"key":"primaryOwner","op":"equals","value":`+id+`}]`)).rows("apps")
		if !slices.Contains(column(rows, "id"), "1000") {
			t.Errorf("the filter on primaryOwner %s misses app 1000", id)
		}
	}
}

func TestAppWrites(t *testing.T) {
	_, c := start(t, emulator.Options{})
	created := c.send("POST", "/apps/custom", `{"name":"Größe","tags":"a, b"}`).want(http.StatusOK)
	id := fmt.Sprint(created.at("app", "id"))
	if created.at("app", "tags") != "a,b" || created.at("app", "state") != "discovered" || created.at("app", "isHidden") != false {
		t.Errorf("created %s", created.body)
	}
	updated := c.send("PUT", "/apps/"+id, `{"primaryOwner":1001,"isHidden":true,"state":"In Review","c_seatsBought_1":9007199254740993}`).want(http.StatusOK)
	if updated.at("app", "state") != "inReview" || fmt.Sprint(updated.at("app", "primaryOwner", "id")) != "1001" {
		t.Errorf("updated %s", updated.body)
	}
	got := c.get("/apps/" + id + "?fields=isCustom,isHidden,c_seatsBought_1,activeUsersCount")
	if got.at("app", "isCustom") != true || got.at("app", "isHidden") != true || fmt.Sprint(got.at("app", "c_seatsBought_1")) != "9007199254740993" {
		t.Errorf("read back %s", got.body)
	}
	if rows := c.get("/apps/" + id + "/users").rows("users"); len(rows) != 0 {
		t.Errorf("a new app has %d users", len(rows))
	}
	for body, mention := range map[string]string{
		`{"c_oldOwner_1":"x"}`:    "c_oldOwner_1",
		`{"nonsense":1}`:          "nonsense",
		`{"state":"nowhere"}`:     "state",
		`{"primaryOwner":5}`:      "user 5",
		`{"url":"not a url"}`:     "url",
		`{"c_seatsBought_1":"x"}`: "c_seatsBought_1",
	} {
		c.send("PUT", "/apps/"+id, body).refused(http.StatusBadRequest, mention)
	}
	if got := c.get("/apps/"+id+"?fields=state").at("app", "state"); got != "inReview" {
		t.Errorf("a refused update changed the state to %v", got)
	}
}

func TestCatalogueIsNotTheOrganisation(t *testing.T) {
	_, c := start(t, emulator.Options{NoRateLimits: true})
	found := c.get("/apps/search?q=sales").rows("apps")
	if len(found) != 1 || found[0]["name"] != "Salesforce" {
		t.Fatalf("found %v", found)
	}
	if n := len(c.get("/apps/search?q=a").rows("apps")); n != 5 {
		t.Errorf("%d results by default, want 5", n)
	}
	if n := len(c.get("/apps/search?q=a&limit=50").rows("apps")); n != 50 {
		t.Errorf("%d results, want 50", n)
	}
	c.get("/apps/search").refused(http.StatusBadRequest, `"q" is required`)
	c.get("/apps/search?q=a&limit=51").refused(http.StatusBadRequest, "limit")
	again := c.send("POST", "/apps", fmt.Sprintf(`{"idApp":%s}`, found[0]["id"]))
	if got := fmt.Sprint(again.at("app", "id")); got != "1000" {
		t.Errorf("adding Salesforce again gives app %s, want the one that is there", got)
	}
	added := c.send("POST", "/apps", `{"idApp":200300}`).want(http.StatusOK)
	if got := c.get("/apps/"+fmt.Sprint(added.at("app", "id"))).at("app", "name"); got != added.at("app", "name") {
		t.Errorf("the added app reads %v", got)
	}
	c.send("POST", "/apps", `{"idApp":1}`).refused(http.StatusNotFound, "")
	matched := c.send("POST", "/apps/match", `{"apps":[{"name":"slack"},{"name":"no such thing"}]}`).rows("apps")
	if matched[0]["name"] != "Slack" || matched[1]["idApp"] != nil || matched[1]["searchedBy"] != "no such thing" {
		t.Errorf("matched %v", matched)
	}
	c.send("POST", "/apps/match", `{"apps":[]}`).refused(http.StatusBadRequest, "apps")
}

func TestAppFieldLifeCycle(t *testing.T) {
	_, c := start(t, emulator.Options{})
	made := c.send("POST", "/apps/fields", `{"name":"Plan name","type":"dropdown","options":[{"value":"pro","label":"Pro"},{"value":"free","label":"Free"}]}`).want(http.StatusOK)
	id, key := fmt.Sprint(made.at("field", "id")), made.at("field", "systemKey").(string)
	c.send("PUT", "/apps/1000", `{"`+key+`":"free"}`).want(http.StatusOK)
	if got := c.get("/apps/1000?fields="+key).at("app", key); got != "free" {
		t.Errorf("%s reads %v", key, got)
	}
	c.send("PUT", "/apps/fields/"+id, `{"options":[{"value":"pro","label":"Professional"}]}`).want(http.StatusOK)
	options := func(query string) int {
		for _, f := range c.get("/apps/fields" + query).rows("fields") {
			if f["systemKey"] == key {
				return len(f["options"].([]any))
			}
		}
		return -1
	}
	if options("") != 1 || options("?includeDeletedOptions=true") != 2 {
		t.Errorf("%d options, %d with deleted ones, want 1 and 2", options(""), options("?includeDeletedOptions=true"))
	}
	c.do("DELETE", "/apps/fields/"+id, "", nil).want(http.StatusOK)
	c.get("/apps/1000?fields="+key).refused(http.StatusBadRequest, key)
	c.do("DELETE", "/apps/fields/"+id, "", nil).refused(http.StatusNotFound, id)
	c.do("DELETE", "/apps/fields/1", "", nil).refused(http.StatusBadRequest, "built in")
	c.send("POST", "/apps/fields", `{"name":"x","type":"email"}`).refused(http.StatusBadRequest, "type")
}

func TestUserAppFilters(t *testing.T) {
	_, c := start(t, emulator.Options{})
	all := c.get("/users/1000/apps?fields=id,state,annualCost,annualCostConverted,currency,lastUsageTime,primaryOwner,users,score").rows("apps")
	if len(all) != 6 {
		t.Fatalf("user 1000 has %d apps, want 6", len(all))
	}
	state := fmt.Sprint(all[0]["state"])
	for _, a := range c.get("/users/1000/apps?state=" + url.QueryEscape(state)).rows("apps") {
		if a["state"] != state {
			t.Errorf("filtered by %s, got %v", state, a)
		}
	}
	if n := len(c.get("/users/1000/apps?isUserRemovedFromApp=true").rows("apps")); n != 0 {
		t.Errorf("%d removed apps, want 0", n)
	}
	for _, a := range all {
		if _, isObject := a["primaryOwner"].(map[string]any); isObject {
			t.Errorf("primaryOwner is an object here: %v", a)
		}
	}
	c.get("/users/1000/apps?size=2").refused(http.StatusBadRequest, "size")
	c.get("/users/1000/apps?fields=activeUsersCount").refused(http.StatusBadRequest, "activeUsersCount")
	c.get("/users/1000/apps/1001").refused(http.StatusNotFound, "1001")
}

func TestAppUserFilters(t *testing.T) {
	_, c := start(t, emulator.Options{NoRateLimits: true})
	total := len(c.walk("/apps/1000/users", "users"))
	sum := 0
	for _, status := range []string{"active", "managed", "deleted"} {
		rows := c.walk("/apps/1000/users?size=20&status="+status, "users")
		for _, u := range rows {
			if u["status"] != status {
				t.Fatalf("status %v under status=%s", u["status"], status)
			}
		}
		sum += len(rows)
	}
	if sum != total || total < 20 {
		t.Errorf("%d users by status, %d in all", sum, total)
	}
	if rows := c.get("/apps/1000/users?q=tony&qFields=email").rows("users"); len(rows) != 1 || rows[0]["fullName"] != "Tony Stark" {
		t.Errorf("q=tony gives %v", rows)
	}
	last := c.get("/apps/1000/users?sort=idUser:desc&size=1").rows("users")[0]
	first := c.get("/apps/1000/users?size=1").rows("users")[0]
	if fmt.Sprint(first["idUser"]) != "1000" || fmt.Sprint(last["idUser"]) == "1000" {
		t.Errorf("first %v, last %v", first["idUser"], last["idUser"])
	}
	c.get("/apps/1000/users?fields=email").refused(http.StatusBadRequest, "fields")
	c.get("/apps/1000/users?status=gone").refused(http.StatusBadRequest, "status")
}

func TestAppVariants(t *testing.T) {
	_, c := start(t, emulator.Options{EpochLastVisitTime: true, TagsAsArray: true, PrimaryOwnerAsID: true, OwnersAsIDs: true})
	kinds := map[string]bool{}
	for _, a := range c.get("/apps?fields=lastVisitTime,tags,primaryOwner,appOwners").rows("apps") {
		for key, v := range a {
			kinds[fmt.Sprintf("%s %T", key, v)] = true
		}
	}
	for _, want := range []string{"lastVisitTime json.Number", "tags []interface {}", "primaryOwner json.Number", "appOwners []interface {}"} {
		if !kinds[want] {
			t.Errorf("no %s among %v", want, kinds)
		}
	}
}
