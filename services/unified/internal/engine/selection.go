package engine

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/sando-dev/sando/access"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/nearest"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// selection says which records of a source are wanted, in which order, and who sees to what.
type selection struct {
	upstream []string // names of filters that the provider applies
	local    []*resource.Condition
	sort     string // "upstream", "local" or ""
	order    []sortKey
	// own are those of the local filters that are by the organisation's own fields.
	own []ownFilter
}

// ownFilter is a filter by one of the organisation's own fields.
type ownFilter struct {
	*resource.Condition
	key string
}

// choose splits the filters of a request between the provider and us, and adds the provider's share to its query.
func choose(res *resource.Resource, s *catalogv1.Source, r *request, query url.Values) (*selection, error) {
	sel := &selection{}
	var jsonFilters []json.RawMessage
	for _, name := range r.order {
		f, err := find(res, s, r, name)
		if err != nil {
			return nil, err
		}
		if f.Runs == resource.RunsParameter {
			continue
		}
		c, err := f.With(r.values[name])
		if err != nil {
			return nil, rpcerr.Invalid(f.Spec.GetName(), err.Error())
		}
		if f.Runs == resource.RunsLocal {
			if key, own := f.Own(res); own {
				sel.own = append(sel.own, ownFilter{Condition: c, key: key})
			}
			sel.local = append(sel.local, c)
			continue
		}
		parameter, text, one, err := c.Upstream()
		if err != nil {
			return nil, rpcerr.Invalid(f.Spec.GetName(), err.Error())
		}
		if one != nil {
			jsonFilters = append(jsonFilters, one)
		} else if query.Has(parameter) && query.Get(parameter) != text {
			return nil, rpcerr.Invalid(f.Spec.GetName(), "contradicts another filter")
		} else {
			query.Set(parameter, text)
		}
		sel.upstream = append(sel.upstream, f.Spec.GetName())
	}
	if len(jsonFilters) > 0 {
		text, err := json.Marshal(jsonFilters)
		if err != nil {
			return nil, err
		}
		query.Set("filters", string(text))
	}
	return sel, sel.narrow(query)
}

// find finds the filter of a name, and refuses it where there is none for the source.
func find(res *resource.Resource, s *catalogv1.Source, r *request, name string) (*resource.Filter, error) {
	written := r.nameOf(name, res)
	if f, ok := res.Filter(name, s.GetOperation()); ok {
		switch {
		case f.Runs == resource.RunsNowhere:
			return nil, unsupported(res, s, written, f.Why)
		case f.Runs == resource.RunsParameter && !takes(s, name):
			return nil, unsupported(res, s, written, "")
		}
		return f, nil
	}
	if f, ok := res.Member(written); ok {
		return f, nil
	}
	return nil, unsupported(res, s, written, "")
}

// refuseEmpty refuses a filter without a value, which a provider may take for no filter at all.
func refuseEmpty(res *resource.Resource, r *request) error {
	for _, name := range r.order {
		written := r.nameOf(name, res)
		_, ok := res.FilterNamed(name)
		if !ok {
			_, ok = res.Member(written)
		}
		if ok && r.values[name] == "" {
			return rpcerr.Invalid(written, "is empty").WithFix("Give it a value, or leave it out.")
		}
	}
	return nil
}

// narrow lets the provider leave out what the local filters would drop anyway.
func (sel *selection) narrow(query url.Values) error {
	for _, f := range sel.local {
		hint := f.Narrow()
		values, err := url.ParseQuery(hint)
		if err != nil {
			return fmt.Errorf("engine: narrow of %s: %w", f.Spec.GetName(), err)
		}
		for name := range values {
			if !query.Has(name) {
				query.Set(name, values.Get(name))
			}
		}
	}
	return nil
}

func takes(s *catalogv1.Source, filter string) bool {
	for _, from := range s.GetParameters() {
		if resource.ParameterName(from) == resource.ParameterName(filter) {
			return true
		}
	}
	return false
}

// unsupported refuses a filter and names those that there are.
func unsupported(res *resource.Resource, s *catalogv1.Source, name, why string) error {
	names := res.FilterNames(s.GetOperation())
	if own := res.Spec.GetCustomFields().GetName(); own != "" {
		names = append(names, own+".<key>")
	}
	text := fmt.Sprintf("%s cannot be filtered by %s", res.Name(), name)
	if why != "" {
		text += ": " + why
	}
	e := rpcerr.New(access.CodeUnsupportedFilter, text).WithDetail("supported", names)
	if len(names) == 0 {
		return e.WithFix("Remove the filter; there are none for this.")
	}
	fix := "Use one of: " + strings.Join(names, ", ") + "."
	if near := nearest.Of(name, names); near != "" {
		fix = fmt.Sprintf("Did you mean %q? %s", near, fix)
	}
	return e.WithFix(fix)
}
