package tool_test

import (
	"testing"

	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

// The arguments of a unified update say what they may become, not what a filter of their name selects, and those that no call can do without
// are required.
func TestUnifiedUpdatesSayWhatTheyTake(t *testing.T) {
	type argument struct {
		description string
		required    bool
	}
	want := map[string]argument{
		"update_a_unified_user_by_id status":           {"The new value: one of active, inactive.", false},
		"update_a_unified_user_by_id lifecycle_status": {"The new value: one of active, offboarded, offboarding.", false},
		"update_a_unified_app_by_id is_active":         {"The new value.", true},
		"update_a_unified_app_by_id user_id":           {"Id of the user that the change is about.", true},
		"list_all_unified_users status":                {"This status: active, inactive or deleted.", false},
	}
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	unified, err := tool.FromUnified(data, "torii")
	if err != nil {
		t.Fatal(err)
	}
	for _, tl := range unified {
		for _, f := range tl.Operation.GetRequest().GetBody().GetFields() {
			name := tl.Name + " " + f.GetName()
			if w, ok := want[name]; ok && w != (argument{f.GetDescription(), f.GetRequired()}) {
				t.Errorf("%s: %q, required %t", name, f.GetDescription(), f.GetRequired())
			}
			delete(want, name)
		}
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}
