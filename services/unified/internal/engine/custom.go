package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/nearest"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// customFields finds the organisation's own fields to read: those that the answer shall hold, and those that filters look at. The mask then
// cuts off what was read for filters only. Where nobody asked by name and the account's key may not see the fields, the answer goes without,
// with a warning.
func (e *Engine) customFields(ctx context.Context, res *resource.Resource, r *request, m *mask, filters []ownFilter) ([]plan.CustomField, int, error) {
	spec := res.Spec.GetCustomFields()
	if spec == nil {
		return nil, 0, nil
	}
	name := spec.GetName()
	shown, all, err := r.ownKeys(m, name)
	if err != nil || !all && len(shown)+len(filters) == 0 {
		return nil, 0, err
	}
	fields, err := e.definitions.Fields(ctx, res.Operation(spec.GetOperation()), spec, r.account)
	if err != nil {
		if code := e.errors.From(err).Code; all && len(filters) == 0 && (code == access.CodeUpstreamForbidden || code == access.CodeOperationNotGranted) {
			return nil, 1, nil
		}
		return nil, 0, err
	}
	for _, f := range filters {
		if err := filterable(res, fields, f); err != nil {
			return nil, 0, err
		}
	}
	if all {
		return fields, 0, nil
	}
	if len(filters) > 0 {
		m.members[name] = shown
	}
	chosen, err := choice(fields, shown, r.custom == nil)
	for _, f := range fields {
		if !slices.Contains(shown, f.Key) && slices.ContainsFunc(filters, func(by ownFilter) bool { return by.key == f.Key }) {
			chosen = append(chosen, f)
		}
	}
	return chosen, 0, err
}

// ownKeys are the keys of the organisation's own fields that are asked for by name; all when all are.
func (r *request) ownKeys(m *mask, name string) (keys []string, all bool, err error) {
	members, some := m.members[name]
	switch {
	case some && r.custom != nil:
		return nil, false, rpcerr.Invalid(name, fmt.Sprintf("cannot be given together with %s.%s in fields", name, members[0]))
	case some:
		return members, false, nil
	case r.custom != nil && *r.custom != "" && !m.keeps(name):
		return nil, false, rpcerr.Invalid(name, "cannot be given together with fields that leave it out").
			WithFix("Name " + name + " in fields, too, or " + name + ".<key> there alone.")
	case !m.keeps(name) || r.custom != nil && *r.custom == "":
		return nil, false, nil
	case r.custom == nil:
		return nil, true, nil
	}
	for key := range strings.SplitSeq(*r.custom, ",") {
		if key = strings.TrimSpace(key); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, false, nil
}

func keysOf(fields []plan.CustomField) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.Key
	}
	return keys
}

// choice picks fields by key; masked says that the mask names them.
func choice(fields []plan.CustomField, keys []string, masked bool) ([]plan.CustomField, error) {
	chosen := make([]plan.CustomField, 0, len(keys))
	for _, key := range keys {
		i := slices.IndexFunc(fields, func(f plan.CustomField) bool { return f.Key == key })
		if i < 0 {
			parameter := "custom_fields"
			if masked {
				parameter = "fields"
			}
			e := rpcerr.Invalid(parameter, "the organisation has no field "+key)
			if near := nearest.Of(key, keysOf(fields)); near != "" {
				e = e.WithFix("Did you mean " + near + "?")
			}
			return nil, e
		}
		chosen = append(chosen, fields[i])
	}
	return chosen, nil
}

// filterable refuses a filter by a field that there is not, or by a value that it cannot have.
func filterable(res *resource.Resource, fields []plan.CustomField, by ownFilter) error {
	name := by.Spec.GetName()
	i := slices.IndexFunc(fields, func(f plan.CustomField) bool { return f.Key == by.key })
	if i >= 0 {
		if err := by.OfType(fields[i].Type); err != nil {
			return rpcerr.Invalid(name, err.Error())
		}
		return nil
	}
	keys := keysOf(fields)
	e := rpcerr.Newf(access.CodeUnsupportedFilter, "%s cannot be filtered by %s: the organisation has no field %s", res.Name(), name, by.key).
		WithDetail("supported", keys)
	if near := nearest.Of(by.key, keys); near != "" {
		return e.WithFix(fmt.Sprintf("Did you mean %q?", res.Spec.GetCustomFields().GetName()+"."+near))
	}
	return e.WithFix("List the organisation's fields, and filter by the key of one.")
}
