package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// changes turns the changes of a request into the provider's body.
func changes(up *catalogv1.Update, r *request) ([]byte, error) {
	body := []byte{'{'}
	by := make(map[string]string) // unified name by target
	var names []string
	for _, f := range up.GetFields() {
		names = append(names, f.GetName())
		value, given := r.values[f.GetName()]
		if !given {
			continue
		}
		if other, twice := by[f.GetTarget()]; twice {
			return nil, rpcerr.Invalid(f.GetName(), "cannot be given together with "+other)
		}
		by[f.GetTarget()] = f.GetName()
		json, err := target(f, value)
		if err != nil {
			return nil, rpcerr.Invalid(f.GetName(), err.Error())
		}
		if len(body) > 1 {
			body = append(body, ',')
		}
		body = append(records.AppendQuoted(body, []byte(f.GetTarget())), ':')
		body = append(body, json...)
	}
	if len(by) == 0 {
		return nil, rpcerr.Invalid(names[0], "nothing is changed; give "+strings.Join(names, " or "))
	}
	return append(body, '}'), nil
}

// target writes one changed value as the provider takes it.
func target(f *catalogv1.UpdateField, value string) ([]byte, error) {
	if f.GetNegate() {
		switch value {
		case "true":
			return []byte("false"), nil
		case "false":
			return []byte("true"), nil
		default:
			return nil, fmt.Errorf("%q is neither true nor false", value)
		}
	}
	if len(f.GetEnum()) > 0 {
		to, ok := f.GetEnum()[value]
		if !ok {
			return nil, fmt.Errorf("%q is not one of %s", value, strings.Join(slices.Sorted(maps.Keys(f.GetEnum())), ", "))
		}
		value = to
	}
	return records.AppendQuoted(nil, []byte(value)), nil
}
