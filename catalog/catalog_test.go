package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

// shown are the tools that every server shows, to the letter and in this order.
var shown = []string{
	"list_all_torii_me",
	"list_all_torii_users",
	"get_single_torii_user_by_id",
	"update_a_torii_user_by_id",
	"list_all_torii_application_users",
	"list_all_torii_user_applications",
	"get_single_torii_user_application_by_id",
	"update_a_torii_user_application_by_id",
	"list_all_torii_contracts",
	"create_a_torii_contract",
	"get_single_torii_contract_by_id",
	"delete_a_torii_contract_by_id",
	"update_a_torii_contract_by_id",
	"list_all_torii_roles",
	"list_all_torii_workflow_action_executions",
	"list_all_torii_apps",
	"get_single_torii_app_by_id",
	"create_a_torii_app",
	"update_a_torii_app_by_id",
	"torii_apps_search",
	"get_single_torii_file_by_id",
	"create_a_torii_file",
	"torii_files_upload",
	"list_all_torii_audit_logs",
	"list_all_torii_user_custom_fields",
	"list_all_torii_user_field_metadata",
}

func load(t testing.TB) *Catalog {
	t.Helper()
	c, err := Default()
	if err != nil {
		t.Fatalf("Default: %v", err)
	}
	return c
}

func toolNames(ops []*catalogv1.Operation) []string {
	var out []string
	for _, op := range ops {
		out = append(out, op.GetToolName())
	}
	return out
}

func TestDefaultTools(t *testing.T) {
	if diff := cmp.Diff(shown, toolNames(load(t).DefaultOperations("torii"))); diff != "" {
		t.Errorf("tools shown by default (-want +got):\n%s", diff)
	}
}
