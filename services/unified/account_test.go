package unified_test

import (
	"net/http"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
)

// Every call about mappings refuses an account that auth does not let the caller reach, and changes nothing for it.
func TestMappingsOfNoAccount(t *testing.T) {
	m := newMapper(t)
	nobody := proto.String("00000000-0000-7000-8000-000000000000")
	const model, users = "user-directory", "users"
	for name, call := range map[string]func() error{
		"get": func() error {
			_, err := m.mappings.GetMapping(as(t, "api"), &mappingv1.GetMappingRequest{Model: model, Resource: users, IntegratedAccountId: nobody})
			return err
		},
		"versions": func() error {
			_, err := m.mappings.ListVersions(as(t, "api"), &mappingv1.ListVersionsRequest{Model: model, Resource: users, IntegratedAccountId: nobody})
			return err
		},
		"dry run": func() error {
			_, err := m.mappings.DryRun(as(t, "api"), &mappingv1.DryRunRequest{
				Model: model, Resource: users, Layer: accountLayer, IntegratedAccountId: *nobody, Override: raw(`{}`),
			})
			return err
		},
		"explain": func() error {
			_, err := m.mappings.Explain(as(t, "api"), &mappingv1.ExplainRequest{Model: model, Resource: users, Id: "1000", IntegratedAccountId: *nobody})
			return err
		},
		"override": func() error {
			_, err := m.try(accountLayer, `{"fields":{"title":null}}`, func(r *mappingv1.PutOverrideRequest) { r.IntegratedAccountId = nobody })
			return err
		},
		"rollback": func() error {
			_, err := m.mappings.Rollback(as(t, "api"), &mappingv1.RollbackRequest{
				Model: model, Resource: users, Layer: accountLayer, IntegratedAccountId: nobody, Reason: "undo",
			})
			return err
		},
		"meta": func() error {
			_, err := m.mappings.GetMeta(as(t, "api"), &mappingv1.GetMetaRequest{Model: model, Resource: users, IntegratedAccountId: nobody})
			return err
		},
	} {
		if err := call(); code(err) != access.CodeAccountNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if calls := m.proxy.taken(); len(calls) > 0 || len(m.log.entries) > 0 {
		t.Errorf("the provider was asked %q, and %d entries were recorded", calls, len(m.log.entries))
	}
	h := handler(t, m.stand)
	for account, want := range map[string]int{account: http.StatusOK, *nobody: http.StatusNotFound} {
		if status, a := get(t, h, "read", "/unified/mappings/user-directory/users?integrated_account_id="+account); status != want {
			t.Errorf("%s: %d %+v", account, status, a)
		}
	}
}
