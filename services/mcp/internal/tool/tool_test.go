package tool_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

func tools(t *testing.T) []*tool.Tool {
	t.Helper()
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	all, err := tool.FromCatalog(data, "torii")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Short names leave room for a UUID and a separator within 64 characters, and are as unique as full ones.
func TestShortNames(t *testing.T) {
	seen := make(map[string]string)
	for _, tl := range tools(t) {
		if len(tl.Short) > 64-37 && !tl.Extended() {
			t.Errorf("%s is %d characters long", tl.Short, len(tl.Short))
		}
		if other, ok := seen[tl.Short]; ok {
			t.Errorf("%s and %s share the short name %s", other, tl.Name, tl.Short)
		}
		seen[tl.Short] = tl.Name
	}
	want := map[string]string{
		"list_users":             "list_all_torii_users",
		"get_user":               "get_single_torii_user_by_id",
		"update_user":            "update_a_torii_user_by_id",
		"create_contract":        "create_a_torii_contract",
		"delete_contract":        "delete_a_torii_contract_by_id",
		"list_action_executions": "list_all_torii_workflow_action_executions",
		"apps_search":            "torii_apps_search",
		"files_upload":           "torii_files_upload",
	}
	got := make(map[string]string, len(want))
	for short := range want {
		got[short] = seen[short]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("short names (-want +got):\n%s", diff)
	}
}

// Hints follow from the catalog's effect and are never contradictory.
func TestAnnotations(t *testing.T) {
	for _, tl := range tools(t) {
		a := tl.Annotations()
		if a.ReadOnlyHint && (a.DestructiveHint || !a.IdempotentHint) {
			t.Errorf("%s: a tool that changes nothing is neither destructive nor does repeating it matter: %+v", tl.Name, a)
		}
		if a.ReadOnlyHint != tl.ReadOnly() || a.DestructiveHint != tl.Destructive() || !a.OpenWorldHint {
			t.Errorf("%s: %+v", tl.Name, a)
		}
	}
}
