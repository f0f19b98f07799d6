package emulator_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sando-dev/sando/emulator"
)

func TestAuditPagesNewestFirst(t *testing.T) {
	_, c := start(t, emulator.Options{NoRateLimits: true})
	rows := c.walk("/audit", "audit")
	times := column(rows, "creationTime")
	if len(rows) != 300 || !slices.IsSortedFunc(times, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("%d events, newest first: %.3v", len(rows), times)
	}
	if times := column(c.walk("/audit?sort=asc&size=40", "audit"), "creationTime"); !slices.IsSorted(times) || len(times) != 300 {
		t.Errorf("sort=asc gives %d events", len(times))
	}
	if _, ok := c.get("/audit").object()["total"]; ok {
		t.Error("the audit log has no total")
	}
	some := c.walk("/audit?startTime="+times[200]+"&endTime="+times[100], "audit")
	if got := column(some, "creationTime"); len(got) == 0 || got[0] != times[100] || got[len(got)-1] <= times[200] {
		t.Errorf("startTime is exclusive and endTime inclusive; got %d events", len(got))
	}
	seen := map[string]int{}
	for _, row := range rows {
		for _, key := range []string{"performedBy", "performedByEmail", "requestDetails", "properties"} {
			if row[key] == nil {
				seen[key]++
			}
		}
	}
	if len(seen) != 4 {
		t.Errorf("nulls %v, want some of each", seen)
	}
	c.get("/audit?entity=nonsense").refused(http.StatusBadRequest, "entity")
	c.get("/audit?startTime=yesterday").refused(http.StatusBadRequest, "startTime")
	c.get("/audit?sort=creationTime:desc").refused(http.StatusBadRequest, "sort")
	_, strict := start(t, emulator.Options{AuditRequiresEntity: true})
	strict.get("/audit").refused(http.StatusBadRequest, "entity")
	strict.get("/audit?entity=users").want(http.StatusOK)
}

func TestWorkflowAuditPagesByOffset(t *testing.T) {
	_, c := start(t, emulator.Options{})
	all := column(c.get("/workflows/audit?startTime=2020-01-01&limit=1000").rows("audit"), "creationTime")
	var paged []string
	for offset := 0; offset < len(all)+7; offset += 7 {
		paged = append(paged, column(c.get(fmt.Sprintf("/workflows/audit?startTime=2020-01-01&limit=7&offset=%d", offset)).rows("audit"), "creationTime")...)
	}
	if diff := cmp.Diff(all, paged); diff != "" || len(all) < 8 {
		t.Errorf("%d events; by pages (-want +got):\n%s", len(all), diff)
	}
	if recent := c.get("/workflows/audit").rows("audit"); len(recent) == 0 || len(recent) >= len(all) {
		t.Errorf("%d events in the last 30 days, %d in all", len(recent), len(all))
	}
	if _, text := c.get("/workflows/audit?limit=1").at("audit", 0, "properties").(string); !text {
		t.Error("properties is not text")
	}
	c.get("/workflows/audit?limit=1001").refused(http.StatusBadRequest, "limit")
	c.get("/workflows/audit?offset=-1").refused(http.StatusBadRequest, "offset")
}

func TestOffboardingRunsItsWorkflow(t *testing.T) {
	clock := newClock()
	_, c := start(t, emulator.Options{Now: clock.Now})
	active := fmt.Sprint(c.get("/users/1000").at("user", "activeAppsCount"))
	c.send("PUT", "/users/1000", `{"lifecycleStatus":"offboarding"}`).want(http.StatusOK)
	running := c.get("/workflows/actionExecutions?idActionUser=1000&size=1000").rows("response")
	fresh := slices.DeleteFunc(running, func(x map[string]any) bool { return x["isCompleted"] == true || x["executionErrorType"] != nil })
	if fmt.Sprint(len(fresh)) != active {
		t.Errorf("%d actions started for %s active apps", len(fresh), active)
	}
	for _, x := range fresh {
		if x["completionTime"] != nil || x["isRun"] != true {
			t.Errorf("a running action: %v", x)
		}
	}
	clock.advance(5 * time.Second)
	done := c.get("/workflows/actionExecutions?idUser=1000&size=1").rows("response")[0]
	if done["isCompleted"] != true || done["completionTime"] == nil {
		t.Errorf("after five seconds: %v", done)
	}
}

func TestActionExecutions(t *testing.T) {
	_, c := start(t, emulator.Options{ActionExecutionsKey: "actionExecutions"})
	rows := c.walk("/workflows/actionExecutions", "actionExecutions")
	times := column(rows, "creationTime")
	slices.Reverse(times)
	failed := 0
	for _, x := range rows {
		if x["executionErrorType"] != nil && x["isCompleted"] == false && x["errorTime"] != nil {
			failed++
		}
	}
	if len(rows) != 130 || !slices.IsSorted(times) || failed == 0 {
		t.Errorf("%d executions, %d failed", len(rows), failed)
	}
	c.get("/workflows/actionExecutions?sort=id").refused(http.StatusBadRequest, "sort")
	c.get("/workflows/actionExecutions?idActionApp=x").refused(http.StatusBadRequest, "idActionApp")
}

func TestWorkflowTrigger(t *testing.T) {
	clock := newClock()
	_, c := start(t, emulator.Options{Now: clock.Now})
	before := fmt.Sprint(c.get("/workflows/actionExecutions").at("total"))
	c.send("POST", "/workflows/2001/trigger", `{"triggerUserEmail":"tony@stark.com"}`).want(http.StatusOK)
	if after := fmt.Sprint(c.get("/workflows/actionExecutions").at("total")); before != "130" || after != "132" {
		t.Errorf("%s executions before, %s after a workflow of two actions", before, after)
	}
	c.send("POST", "/workflows/2001/trigger", `{}`).refused(http.StatusBadRequest, "triggerUserEmail")
	c.send("POST", "/workflows/2002/trigger", `{"triggerAppId":1}`).refused(http.StatusBadRequest, "triggerAppId")
	c.send("POST", "/workflows/2003/trigger", `{"triggerContractId":1000}`).want(http.StatusOK)
	c.send("POST", "/workflows/1/trigger", `{}`).refused(http.StatusNotFound, "1")
	if got := c.get("/workflows/audit?limit=1").at("audit", 0, "type"); got != "workflow_triggered_manually" {
		t.Errorf("workflow audit starts with %v", got)
	}
}

func TestTransactions(t *testing.T) {
	_, c := start(t, emulator.Options{NoRateLimits: true})
	mapped := c.walk("/transactions?size=30&sort=amount:desc", "transactions")
	every := c.walk("/transactions?mappingStatus=mapped,unknown,recommend_map", "transactions")
	if len(every) != 200 || len(mapped) == 0 || len(mapped) >= 200 {
		t.Fatalf("%d mapped of %d", len(mapped), len(every))
	}
	var amounts []int
	for _, row := range mapped {
		amount, err := strconv.Atoi(fmt.Sprint(row["amount"].(map[string]any)["convertedValue"]))
		if err != nil {
			t.Fatal(err)
		}
		amounts = append(amounts, -amount)
	}
	if !slices.IsSorted(amounts) {
		t.Errorf("amount:desc gives %v", amounts)
	}
	id := fmt.Sprint(mapped[0]["id"])
	c.send("PUT", "/transactions/"+id, `{"idApp":null,"mappingStatus":"unknown","amount":{"value":5}}`).want(http.StatusOK)
	if rows := c.walk("/transactions?mappingStatus=unknown", "transactions"); !slices.Contains(column(rows, "id"), id) {
		t.Errorf("transaction %s is not among the unknown ones", id)
	}
	c.send("PUT", "/transactions/"+id, `{"mappingStatus":"archived"}`).want(http.StatusOK)
	if rows := c.walk("/transactions?mappingStatus=mapped,unknown,recommend_map,archived", "transactions"); len(rows) != 199 {
		t.Errorf("%d transactions after one was archived, want 199", len(rows))
	}
	for body, mention := range map[string]string{`{"mappingStatus":"unknown"}`: "mappingStatus", `{"idApp":1}`: "app 1", `{"amount":{"value":1.5}}`: "amount", `{"amount":5}`: "amount", `{"transactionDate":"x"}`: "transactionDate", `{"x":1}`: "x"} {
		c.send("PUT", "/transactions/1001", body).refused(http.StatusBadRequest, mention)
	}
	c.get("/transactions?sort=extraInfo").refused(http.StatusBadRequest, "extraInfo")
}

func TestPluginsSyncsPoliciesAndSettings(t *testing.T) {
	clock := newClock()
	_, c := start(t, emulator.Options{Now: clock.Now, NoRateLimits: true})
	uuid := c.send("POST", "/plugins", `{"name":"P"}`).at("plugin", "uuid").(string)
	first := c.send("POST", "/plugins/"+uuid+"/apikey", `{}`).at("token")
	if second := c.send("POST", "/plugins/"+uuid+"/apikey", `{}`).at("token"); first == second {
		t.Error("a second key equals the first")
	}
	c.send("PUT", "/plugins/"+uuid, `{"idUpload":1000}`).refused(http.StatusBadRequest, "idUpload")
	c.do("DELETE", "/plugins/"+uuid, "", nil).want(http.StatusOK)
	c.do("DELETE", "/plugins/"+uuid, "", nil).refused(http.StatusNotFound, "")

	account := fmt.Sprint(c.send("POST", "/services/custom", `{"idApp":1000}`).at("appAccount", "id"))
	sync := func() result {
		return c.send("PUT", "/services/sync/custom", `{"idFile":1002,"idAppAccount":`+account+`}`)
	}
	sync().want(http.StatusOK)
	sync().refused(http.StatusConflict, account)
	clock.advance(5 * time.Second)
	sync().want(http.StatusOK)
	c.send("PUT", "/services/sync/custom", `{"idFile":1000,"idAppAccount":51000}`).refused(http.StatusNotFound, "1000")

	var outsider string
	for _, u := range c.get("/users?view=externalUsers").rows("users") {
		outsider = u["email"].(string)
	}
	refusal := c.send("POST", "/appCatalog/accessRequestPolicies/3000/trigger", `{"userEmail":"`+outsider+`"}`)
	refusal.refused(http.StatusBadRequest, "eligible")
	if refusal.at("code") != "NOT_ELIGIBLE_FOR_POLICY" {
		t.Errorf("refusal %s", refusal.body)
	}
	if n := len(c.get("/appCatalog/accessRequestPolicies/eligible?userEmail=" + outsider).rows("accessRequestPolicies")); n != 1 {
		t.Errorf("%d policies for an outsider, want 1", n)
	}
	bulk := c.send("POST", "/appCatalog/accessRequestPolicies/trigger", `{"userEmail":"`+outsider+`","policies":[3001,3000]}`).rows("results")
	if bulk[0]["success"] != true || bulk[1]["success"] != false {
		t.Errorf("bulk %v", bulk)
	}

	c.send("PUT", "/extension/settings", `{"dlp":{"enabled":true,"n":9007199254740993}}`).want(http.StatusOK)
	settings := c.get("/extension/settings")
	if settings.at("dlp", "enabled") != true || fmt.Sprint(settings.at("dlp", "n")) != "9007199254740993" || settings.at("usersFilter", "all") != true {
		t.Errorf("settings %s", settings.body)
	}
	c.send("PUT", "/extension/settings", `{"other":{}}`).refused(http.StatusBadRequest, "other")
}
