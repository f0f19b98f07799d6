package catalog

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

// published are the calls that Torii documents, with their limits per minute (operations index of August 2026).
var published = map[string]int32{
	"GET /orgs/my":                    100,
	"GET /users":                      100,
	"GET /users/{}":                   800,
	"PUT /users/{}":                   200,
	"GET /users/{}/apps":              800,
	"GET /users/{}/apps/{}":           800,
	"PUT /users/{}/apps/{}":           200,
	"GET /apps/{}/users":              600,
	"GET /contracts":                  100,
	"POST /contracts":                 200,
	"GET /contracts/{}":               800,
	"DELETE /contracts/{}":            200,
	"PUT /contracts/{}":               400,
	"GET /roles":                      100,
	"GET /workflows/actionExecutions": 500,
	"GET /apps":                       200,
	"GET /apps/{}":                    400,
	"POST /apps/custom":               200,
	"POST /apps":                      200,
	"PUT /apps/{}":                    100,
	"GET /apps/search":                100,
	"GET /files/{}":                   600,
	"POST /files":                     200,
	"POST /files/upload":              200,
	"GET /audit":                      200,
	"GET /users/fields":               200,
	"GET /users/metadata":             200,
	"GET /apps/similar":               400,
	"POST /apps/match":                100,
	"GET /apps/fields":                200,
	"POST /apps/fields":               50,
	"PUT /apps/fields/{}":             50,
	"DELETE /apps/fields/{}":          50,
	"GET /apps/metadata":              200,
	"GET /contracts/fields":           200,
	"GET /contracts/metadata":         200,
	"GET /files/url":                  200,
	"GET /files/{}/download":          600,
	"GET /parsings/{}":                800,
	"PUT /parsings/automatic":         200,
	"PUT /parsings/manual":            200,
	"POST /plugins":                   200,
	"PUT /plugins/{}":                 200,
	"DELETE /plugins/{}":              200,
	"GET /plugins/{}/fields":          200,
	"POST /plugins/{}/apikey":         200,
	"GET /workflows":                  500,
	"GET /workflows/{}":               200,
	"GET /workflows/audit":            200,
	"POST /workflows/{}/trigger":      100,
	"POST /appCatalog/triggerAppAccessRequestPolicy":    100,
	"GET /appCatalog/accessRequestPolicies":             60,
	"GET /appCatalog/accessRequestPolicies/eligible":    60,
	"POST /appCatalog/accessRequestPolicies/{}/trigger": 60,
	"POST /appCatalog/accessRequestPolicies/trigger":    30,
	"PUT /services/sync/custom":                         200,
	"PUT /services/sync/gluu":                           200,
	"POST /services/custom":                             50,
	"GET /transactions":                                 100,
	"GET /transactions/metadata":                        200,
	"PUT /transactions/{}":                              100,
	"GET /extension/settings":                           100,
	"PUT /extension/settings":                           50,
	"POST /anonymizeRequest":                            200,
	"GET /scim/v2/Users":                                200,
	"POST /scim/v2/Users":                               200,
	"GET /scim/v2/Users/{}":                             400,
	"PUT /scim/v2/Users/{}":                             200,
	"PATCH /scim/v2/Users/{}":                           200,
	"DELETE /scim/v2/Users/{}":                          200,
	"GET /scim/v2/ResourceTypes":                        100,
	"GET /scim/v2/Schemas":                              100,
	"GET /scim/v2/ServiceProviderConfig":                100,
}

func TestEveryPublishedCallHasOneOperation(t *testing.T) {
	got := make(map[string]int32)
	for _, op := range load(t).Operations("torii") {
		key := BudgetKey(op.GetRequest())
		if _, dup := got[key]; dup {
			t.Errorf("%s: a second operation for %s", op.GetId(), key)
		}
		got[key] = op.GetRateLimitPerMinute()
	}
	if len(got) != 73 {
		t.Errorf("%d operations, want 73", len(got))
	}
	if diff := cmp.Diff(published, got); diff != "" {
		t.Errorf("calls and their limits (-want +got):\n%s", diff)
	}
}

func TestVariantsKeepTheTargetsLimit(t *testing.T) {
	for _, op := range load(t).Operations("torii") {
		for _, v := range op.GetVariants() {
			if want, ok := published[BudgetKey(v.GetRequest())]; !ok || v.GetRateLimitPerMinute() != want {
				t.Errorf("%s: limit of %s is %d, want %d", op.GetId(), BudgetKey(v.GetRequest()), v.GetRateLimitPerMinute(), want)
			}
		}
	}
}

// promised are the fields that each tool's answer has to carry without being asked for.
var promised = map[string]string{
	"list_all_torii_me":                         "id companyName domain creationTime",
	"list_all_torii_users":                      "id firstName lastName email lifecycleStatus isDeletedInIdentitySources isExternal activeAppsCount",
	"get_single_torii_user_by_id":               "id firstName lastName email role lifecycleStatus creationTime",
	"update_a_torii_user_by_id":                 "id email role lifecycleStatus creationTime",
	"list_all_torii_application_users":          "email fullName status appName creationTime lastVisitTime lifecycleStatus",
	"list_all_torii_user_applications":          "id name isUserRemovedFromApp state",
	"get_single_torii_user_application_by_id":   "id name isUserRemovedFromApp state",
	"update_a_torii_user_application_by_id":     "id name isUserRemovedFromApp state",
	"list_all_torii_contracts":                  "id name status idApp",
	"create_a_torii_contract":                   "id name status",
	"get_single_torii_contract_by_id":           "id name status",
	"update_a_torii_contract_by_id":             "id name status",
	"list_all_torii_roles":                      "id systemKey name description isAdmin usersCount",
	"list_all_torii_workflow_action_executions": "id idWorkflow idAction isRun isCompleted creationTime",
	"list_all_torii_apps":                       "id name state category description tags primaryOwner",
	"get_single_torii_app_by_id":                "id name state category url description primaryOwner",
	"create_a_torii_app":                        "id name state url category description tags isHidden",
	"update_a_torii_app_by_id":                  "id name state url category description tags isHidden",
	"torii_apps_search":                         "id name category imageUrl url isHidden",
	"get_single_torii_file_by_id":               "id type fileName creationTime uploadedBy",
	"create_a_torii_file":                       "id",
	"torii_files_upload":                        "id",
	"list_all_torii_audit_logs":                 "performedBy performedByEmail idTargetOrg creationTime type requestDetails properties",
	"list_all_torii_user_custom_fields":         "id idOrg sourceIdApp name type key isDeleted",
	"list_all_torii_user_field_metadata":        "predefinedFields customFields",
}

func TestAnswersCarryThePromisedFields(t *testing.T) {
	c := load(t)
	for _, op := range c.DefaultOperations("torii") {
		want, ok := promised[op.GetToolName()]
		if !ok {
			if op.GetKind() != catalogv1.Kind_KIND_DELETE {
				t.Errorf("%s: nothing is promised", op.GetToolName())
			}
			continue
		}
		sent := defaultFields(op)
		for _, name := range strings.Fields(want) {
			if !hasField(op.GetResponse().GetFields(), name) {
				t.Errorf("%s: the field %q is not described", op.GetToolName(), name)
			}
			if sent != nil && !slices.Contains(sent, name) {
				t.Errorf("%s: the field %q has to be asked for", op.GetToolName(), name)
			}
		}
	}
}

// defaultFields lists what the provider sends when the caller does not choose; nil when there is no choice or no documented default.
func defaultFields(op *catalogv1.Operation) []string {
	if sent, ok := op.GetRequest().GetDefaultQuery()["fields"]; ok {
		return strings.Split(sent, ",")
	}
	for _, p := range op.GetRequest().GetParameters() {
		if p.GetName() == "fields" && p.GetSchema().GetDefault() != "" {
			return strings.Split(p.GetSchema().GetDefault(), ",")
		}
	}
	return nil
}

// demanded are the arguments without which a tool refuses to call Torii, path ids included.
var demanded = map[string]string{
	"get_single_torii_user_by_id":             "id",
	"update_a_torii_user_by_id":               "id lifecycleStatus",
	"list_all_torii_application_users":        "id_app",
	"list_all_torii_user_applications":        "id_user",
	"get_single_torii_user_application_by_id": "id_user id",
	"update_a_torii_user_application_by_id":   "id_user id",
	"create_a_torii_contract":                 "name idApp status",
	"get_single_torii_contract_by_id":         "id",
	"delete_a_torii_contract_by_id":           "id",
	"update_a_torii_contract_by_id":           "id",
	"get_single_torii_app_by_id":              "id",
	"update_a_torii_app_by_id":                "id",
	"torii_apps_search":                       "q",
	"get_single_torii_file_by_id":             "id",
	"create_a_torii_file":                     "path type",
	"torii_files_upload":                      "file type",
}

func TestDemandedArguments(t *testing.T) {
	for _, op := range load(t).DefaultOperations("torii") {
		var got []string
		for _, a := range Arguments(op) {
			if a.Field.GetRequired() {
				got = append(got, a.Name)
			}
		}
		if diff := cmp.Diff(demanded[op.GetToolName()], strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: required arguments (-want +got):\n%s", op.GetToolName(), diff)
		}
	}
}

func TestPagingOfToriisStyles(t *testing.T) {
	c := load(t)
	tests := []struct {
		id                    string
		style                 catalogv1.PagingStyle
		size, position, total string
		byDefault, most       int32
	}{
		{"torii.users.list", catalogv1.PagingStyle_PAGING_STYLE_CURSOR, "size", "cursor", "total", 1000, 1000},
		{"torii.audit_logs.list", catalogv1.PagingStyle_PAGING_STYLE_CURSOR, "size", "cursor", "", 50, 1000},
		{"torii.workflow_audit_logs.list", catalogv1.PagingStyle_PAGING_STYLE_OFFSET, "limit", "offset", "", 50, 1000},
		{"torii.scim_users.list", catalogv1.PagingStyle_PAGING_STYLE_INDEX, "count", "startIndex", "totalResults", 100, 200},
		{"torii.apps.search", catalogv1.PagingStyle_PAGING_STYLE_LIMIT_ONLY, "limit", "", "", 5, 50},
	}
	for _, tt := range tests {
		op, ok := c.Operation(tt.id)
		if !ok {
			t.Errorf("%s: not found", tt.id)
			continue
		}
		p := op.GetPaging()
		got := []any{p.GetStyle(), p.GetSizeParameter(), p.GetPositionParameter(), p.GetTotalKey(), p.GetDefaultSize(), p.GetMaxSize()}
		want := []any{tt.style, tt.size, tt.position, tt.total, tt.byDefault, tt.most}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.id, diff)
		}
	}
}
