package emulator_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

// The relation between users and apps is derived from the user; whatever is asked about it must agree.
func TestUsersAppsAndCountsAgree(t *testing.T) {
	_, c := start(t, emulator.Options{NoRateLimits: true})
	c.send("PUT", "/users/1000/apps/1000", `{"isUserRemovedFromApp":true}`).want(http.StatusOK)
	if removed := c.get("/users/1000/apps/1000").at("app", "isUserRemovedFromApp"); removed != true {
		t.Fatalf("isUserRemovedFromApp %v after the update", removed)
	}
	type use struct{ user, app string }
	fromUsers := map[use]string{}
	activeByUser := map[string]string{}
	for _, u := range c.walk("/users", "users") {
		id := fmt.Sprint(u["id"])
		activeByUser[id] = fmt.Sprint(u["activeAppsCount"])
		for _, a := range c.get("/users/" + id + "/apps?fields=id,isUserRemovedFromApp").rows("apps") {
			fromUsers[use{id, fmt.Sprint(a["id"])}] = fmt.Sprint(a["isUserRemovedFromApp"])
		}
	}
	active := map[string]int{}
	seen, statuses := 0, map[any]int{}
	for _, a := range c.walk("/apps?fields=id,activeUsersCount", "apps") {
		id := fmt.Sprint(a["id"])
		inApp := 0
		for _, u := range c.walk("/apps/"+id+"/users?size=50", "users") {
			user := fmt.Sprint(u["idUser"])
			removed, ok := fromUsers[use{user, id}]
			if !ok || removed != fmt.Sprint(u["isUserRemovedFromApp"]) {
				t.Fatalf("app %s has user %s (removed %v), the user's apps say %q", id, user, u["isUserRemovedFromApp"], removed)
			}
			seen++
			statuses[u["status"]]++
			if u["status"] == "active" && u["isUserRemovedFromApp"] == false {
				active[user]++
				inApp++
			}
		}
		if fmt.Sprint(a["activeUsersCount"]) != fmt.Sprint(inApp) {
			t.Errorf("app %s: activeUsersCount %v, counted %d", id, a["activeUsersCount"], inApp)
		}
	}
	if seen != len(fromUsers) || len(statuses) != 3 {
		t.Errorf("%d uses from apps, %d from users; statuses %v", seen, len(fromUsers), statuses)
	}
	for user, count := range activeByUser {
		if count != fmt.Sprint(active[user]) {
			t.Errorf("user %s: activeAppsCount %s, counted %d", user, count, active[user])
		}
	}
}

func TestRolesCountTheirHolders(t *testing.T) {
	_, c := start(t, emulator.Options{})
	holders := map[string]int{}
	for _, u := range c.walk("/users", "users") {
		holders[fmt.Sprint(u["role"])]++
	}
	for _, r := range c.get("/roles").rows("roles") {
		if fmt.Sprint(r["usersCount"]) != fmt.Sprint(holders[fmt.Sprint(r["name"])]) {
			t.Errorf("role %v: usersCount %v, counted %d", r["name"], r["usersCount"], holders[fmt.Sprint(r["name"])])
		}
	}
	if len(holders) < 4 {
		t.Errorf("only %d roles are held: %v", len(holders), holders)
	}
}

func TestSeedsAreDeterministicAndOrganisationsDiffer(t *testing.T) {
	two := []emulator.Org{{ID: 1, Key: "one"}, {ID: 2, Key: "two", Keys: []emulator.Key{{Token: "two-b"}}, Size: emulator.Size{Users: 40}}}
	_, a := start(t, emulator.Options{Orgs: two})
	_, b := start(t, emulator.Options{Orgs: two})
	_, other := start(t, emulator.Options{Orgs: two, Seed: 7})
	for _, path := range []string{"/users", "/apps", "/contracts", "/audit", "/transactions", "/workflows/actionExecutions"} {
		first := string(a.as("one").get(path).want(http.StatusOK).body)
		if first != string(b.as("one").get(path).body) {
			t.Errorf("%s differs between two emulators with one seed", path)
		}
		if first == string(a.as("two").get(path).body) {
			t.Errorf("%s is the same in two organisations", path)
		}
		if first == string(other.as("one").get(path).body) {
			t.Errorf("%s is the same under another seed", path)
		}
	}
	if n := len(a.as("two-b").get("/users").rows("users")); n != 40 {
		t.Errorf("organisation 2 has %d users, want 40", n)
	}
	a.as("one").send("PUT", "/users/1003", `{"lifecycleStatus":"offboarded"}`).want(http.StatusOK)
	if got := a.as("two").get("/audit?entity=users&size=1").rows("audit")[0]["requestDetails"]; fmt.Sprint(got) == "/v1.0/users/1003" {
		t.Error("a write in one organisation shows in the other")
	}
}
