package rpc

import (
	"context"
	"fmt"
	"strings"

	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"

	"github.com/sando-dev/sando/services/unified/internal/engine"
	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// GetMeta returns schema, filters, sort and methods of a resource, as JSON or Markdown.
func (s Mapping) GetMeta(ctx context.Context, req *mappingv1.GetMetaRequest) (*mappingv1.GetMetaResponse, error) {
	p, err := s.at(ctx, req.Model, req.Resource, req.GetIntegratedAccountId())
	if err != nil {
		return nil, err
	}
	r, err := s.Mappings.Effective(p.name, p.environment, p.account)
	if err != nil {
		return nil, err
	}
	schema, err := r.Schema()
	if err != nil {
		return nil, err
	}
	filters, err := filtersOf(r)
	if err != nil {
		return nil, err
	}
	res := &mappingv1.GetMetaResponse{Schema: &rpcv1.RawJson{Json: schema}, Methods: r.Methods(), Filters: filters, Sort: sortable(r)}
	if req.GetFormat() == "markdown" {
		page := markdown(r, res)
		res.Markdown = &page
	}
	return res, nil
}

// sortable lists the fields by which the plain list, the one that needs no filter, can be sorted.
func sortable(r *resource.Resource) []string {
	for _, s := range r.Spec.GetSources() {
		if s.GetMethod() == "list" && len(s.GetWhenFilters()) == 0 {
			return engine.Sortable(r, r.Operation(s.GetOperation()))
		}
	}
	return nil
}

func markdown(r *resource.Resource, meta *mappingv1.GetMetaResponse) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\nMethods: %s.\n", r.Name(), r.Spec.GetDescription(), strings.Join(meta.Methods, ", "))
	b.WriteString("\n## Fields\n\n| field | type | layer | made from | meaning |\n|---|---|---|---|---|\n")
	for _, f := range r.Fields {
		name := f.Mapping.GetName()
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` | %s |\n", name, r.TypeOf(name), f.Layer, cell(plan.Written(f.Mapping)), cell(f.Mapping.GetDescription()))
	}
	if cf := r.Spec.GetCustomFields(); cf != nil {
		fmt.Fprintf(&b, "| `%s` | object | catalog | `%s` | The organisation's own fields, by key. |\n", cf.GetName(), cf.GetOperation())
	}
	b.WriteString("\n## Filters\n\n")
	if len(r.Filters) == 0 {
		b.WriteString("None.\n")
	} else {
		b.WriteString("| filter | runs | layer | meaning |\n|---|---|---|---|\n")
	}
	for _, f := range r.Filters {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Spec.GetName(), r.Named(f).Runs, f.Layer, cell(f.Spec.GetDescription()))
	}
	if len(meta.Sort) > 0 {
		fmt.Fprintf(&b, "\nSorts by: %s.\n", strings.Join(meta.Sort, ", "))
	}
	return b.String()
}

// cell makes a text fit a cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "`", "'").Replace(text)
}
