package catalog

import (
	"fmt"
	"strings"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

const (
	// DefaultRateLimit is assumed where a provider publishes no limit, in calls per minute.
	DefaultRateLimit = 60
	// LocalPageSize is the default and the largest page, in records, of a list that its provider sends at once.
	LocalPageSize = 1000
)

// complete fills in what follows from the rest: id, kind, tool name, row id, limits, and the end of the description.
func complete(i *catalogv1.Integration, r *catalogv1.ResourceFile, op *catalogv1.Operation) {
	op.Id = i.GetName() + "." + r.GetResource() + "." + op.GetMethod()
	op.Kind = kindOf(op.GetMethod())
	op.ToolName = toolName(i.GetName(), r, op)
	for _, p := range op.GetRequest().GetParameters() {
		p.Required = p.GetRequired() || p.GetIn() == InPath
	}
	if op.GetRateLimitPerMinute() == 0 {
		op.RateLimitPerMinute = DefaultRateLimit
	}
	for _, v := range op.GetVariants() {
		if v.GetRateLimitPerMinute() == 0 {
			v.RateLimitPerMinute = DefaultRateLimit
		}
	}
	res := op.GetResponse()
	if res.GetIdKey() == "" && (res.GetShape() == ShapeArray && hasField(res.GetFields(), "id") || res.GetShape() == ShapeAny) {
		res.IdKey = "id"
	}
	op.Description = strings.Join(append([]string{op.GetDescription()}, advice(i, op)...), " ")
}

// kindOf tells the shape from the method's name.
func kindOf(method string) catalogv1.Kind {
	switch method {
	case "list":
		return catalogv1.Kind_KIND_LIST
	case "get":
		return catalogv1.Kind_KIND_GET
	case "create":
		return catalogv1.Kind_KIND_CREATE
	case "update":
		return catalogv1.Kind_KIND_UPDATE
	case "delete":
		return catalogv1.Kind_KIND_DELETE
	default:
		return catalogv1.Kind_KIND_CUSTOM
	}
}

// toolName derives the name under which agents call the operation.
func toolName(integration string, r *catalogv1.ResourceFile, op *catalogv1.Operation) string {
	switch op.GetKind() {
	case catalogv1.Kind_KIND_LIST:
		return "list_all_" + integration + "_" + r.GetResource()
	case catalogv1.Kind_KIND_GET:
		return "get_single_" + integration + "_" + r.GetSingular() + "_by_id"
	case catalogv1.Kind_KIND_CREATE:
		return "create_a_" + integration + "_" + r.GetSingular()
	case catalogv1.Kind_KIND_UPDATE:
		return "update_a_" + integration + "_" + r.GetSingular() + "_by_id"
	case catalogv1.Kind_KIND_DELETE:
		return "delete_a_" + integration + "_" + r.GetSingular() + "_by_id"
	default:
		return integration + "_" + r.GetResource() + "_" + op.GetMethod()
	}
}

// advice words paging and limits for those who read the description instead of the schema.
func advice(i *catalogv1.Integration, op *catalogv1.Operation) []string {
	var out []string
	paging := op.GetPaging()
	switch {
	case !Pages(op):
	case paging.GetStyle() == catalogv1.PagingStyle_PAGING_STYLE_LIMIT_ONLY:
		out = append(out, fmt.Sprintf("Finds at most %d records and returns %d unless limit says otherwise: pass next_cursor, until it is null, for the rest.",
			paging.GetMaxSize(), paging.GetDefaultSize()))
	case paging == nil && op.GetResponse().GetShape() == ShapeAny:
		out = append(out, "Where the answer is a list, pass limit for smaller pages and next_cursor, until it is null, to continue.")
	case paging == nil:
		out = append(out, "Pass limit for smaller pages and next_cursor, until it is null, to continue.")
	default:
		out = append(out, fmt.Sprintf("Pages hold at most %d records: pass limit to set the size and next_cursor with the same filters, until it is null, to continue.",
			paging.GetMaxSize()))
	}
	return append(out, fmt.Sprintf("%s allows %d calls a minute.", i.GetLabel(), op.GetRateLimitPerMinute()))
}

// Pages says whether an operation's answer is a list that limit and next_cursor walk, by the provider's paging or by sando's own. An answer whose
// shape is not documented is one where it turns out to be a list.
func Pages(op *catalogv1.Operation) bool {
	if op.GetEffect() != catalogv1.Effect_EFFECT_READ || op.GetKind() == catalogv1.Kind_KIND_GET {
		return false
	}
	if op.GetKind() != catalogv1.Kind_KIND_LIST && op.GetRequest().GetHttpMethod() == "" {
		return false // no call of a provider
	}
	shape := op.GetResponse().GetShape()
	return shape == ShapeArray || shape == ShapeAny
}

// Local says whether sando pages an operation's answer itself, because all of it comes at once.
func Local(op *catalogv1.Operation) bool {
	style := op.GetPaging().GetStyle()
	return style == catalogv1.PagingStyle_PAGING_STYLE_UNSPECIFIED || style == catalogv1.PagingStyle_PAGING_STYLE_LIMIT_ONLY
}

// SplitID takes an operation id apart, e.g. `torii.users.list`.
func SplitID(id string) (integration, resource, method string) {
	integration, rest, _ := strings.Cut(id, ".")
	resource, method, _ = strings.Cut(rest, ".")
	return integration, resource, method
}

// PublicRoute is where an operation is served: the HTTP verb and the path with `{id}` where a record is named. PUT serves updates too.
func PublicRoute(op *catalogv1.Operation) (verb, path string) {
	_, resource, method := SplitID(op.GetId())
	path = "/proxy/" + resource
	switch op.GetKind() {
	case catalogv1.Kind_KIND_LIST:
		return "GET", path
	case catalogv1.Kind_KIND_CREATE:
		return "POST", path
	case catalogv1.Kind_KIND_GET:
		return "GET", path + "/{id}"
	case catalogv1.Kind_KIND_UPDATE:
		return "PATCH", path + "/{id}"
	case catalogv1.Kind_KIND_DELETE:
		return "DELETE", path + "/{id}"
	}
	if NamesRecord(op) {
		path += "/{id}"
	}
	if op.GetRequest().GetHttpMethod() == "GET" {
		return "GET", path + "/" + method
	}
	return "POST", path + "/" + method
}

// BudgetKey names the provider's own bucket that a call falls into, e.g. `PUT /users/{}`: operations and variants that end at the same place
// share its limit.
func BudgetKey(req *catalogv1.Request) string {
	return req.GetHttpMethod() + " " + placePattern.ReplaceAllString(req.GetPath(), "{}")
}

// NamesRecord says whether an operation is about one record, which its path parameter `id` names.
func NamesRecord(op *catalogv1.Operation) bool {
	for _, p := range op.GetRequest().GetParameters() {
		if p.GetIn() == InPath && p.GetName() == "id" {
			return true
		}
	}
	return false
}

func hasField(fields []*catalogv1.Field, name string) bool {
	for _, f := range fields {
		if f.GetName() == name {
			return true
		}
	}
	return false
}
