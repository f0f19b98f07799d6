// Package route finds the operation that a call means, and holds what is worked
// out about each once: how its path is built, where its answer keeps the data,
// and what must be given.
package route

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/services/proxy/internal/splice"
)

// ParamID is the path parameter that the route carries; other path parameters,
// such as id_app, stand in the query.
const ParamID = "id"

// An Operation is a row of the catalog, prepared. It is shared and read-only.
type Operation struct {
	*catalogv1.Operation

	// Provider is the integration that the operation belongs to.
	Provider *Provider
	// Resource and Method are its names, e.g. users and list.
	Resource, Method string
	// Writes says that the operation changes something.
	Writes bool
	// List says that the data is a list, or may be one where Plan.ArrayOrNot says
	// so; it goes on with next_cursor.
	List bool
	// Local says that the whole list comes at once and is paged here.
	Local bool
	// Raw says that the call is not the catalog's, but the caller's own.
	Raw bool
	// Plan finds the data in the answer.
	Plan splice.Plan
	// Target is the call to make, Variants the ones to make instead, when the
	// body has a certain member.
	Target   Target
	Variants []Variant

	renamed  []pair            // query parameters that the provider calls otherwise
	defaults []pair            // query parameters sent when the caller gives none
	required []string          // query parameters that must be given
	named    []string          // path parameters that the query carries
	refused  map[string]string // the provider's paging parameters, and ours instead
}

type pair struct{ key, value string }

// A Target is one call of the provider.
type Target struct {
	HTTPMethod string
	// PerMinute is the published limit, calls a minute.
	PerMinute int
	// Budget is the name under which the provider counts the call.
	Budget string
	path   []segment
	fixed  string   // the whole path where it has no places
	raw    string   // the escaped path of a raw call, in place of path
	fields []string // members that the body must have
	// taken are values that would make the path that of another call, e.g.
	// metadata in /users/{id}.
	taken []segment
}

// A Variant is a target that a member of the body chooses.
type Variant struct {
	WhenBodyHas string
	Target      Target
}

// A segment is a piece of a path: text, or the place of a parameter.
type segment struct{ text, param string }

func newOperation(p *Provider, op *catalogv1.Operation) *Operation {
	_, resource, method := catalog.SplitID(op.GetId())
	req, res := op.GetRequest(), op.GetResponse()
	o := &Operation{
		Operation: op, Provider: p, Resource: resource, Method: method,
		Writes: op.GetEffect() != catalogv1.Effect_EFFECT_READ,
		List:   catalog.Pages(op),
		Local:  catalog.Local(op),
		Plan: splice.Plan{
			DataKeys: res.GetDataKeys(), ObjectKeys: res.GetObjectKeys(), OrWhole: res.GetOrWhole(),
			Array: res.GetShape() == catalog.ShapeArray, ArrayOrNot: catalog.Pages(op) && res.GetShape() == catalog.ShapeAny,
			NextKey: op.GetPaging().GetNextKey(), TotalKey: op.GetPaging().GetTotalKey(),
			AggregationsKey: res.GetAggregationsKey(), IDKey: res.GetIdKey(),
		},
		Target:  newTarget(req, op.GetId(), op.GetRateLimitPerMinute()),
		refused: map[string]string{},
	}
	for _, v := range op.GetVariants() {
		target := newTarget(v.GetRequest(), op.GetId()+"+"+v.GetWhenBodyHas(), v.GetRateLimitPerMinute())
		o.Variants = append(o.Variants, Variant{v.GetWhenBodyHas(), target})
	}
	for _, param := range req.GetParameters() {
		switch name := param.GetName(); {
		case param.GetIn() == catalog.InPath && name != ParamID:
			o.named = append(o.named, name)
		case param.GetIn() == catalog.InPath:
		default:
			if param.GetRequired() {
				o.required = append(o.required, name)
			}
			if up := catalog.UpstreamName(param); up != name {
				o.renamed = append(o.renamed, pair{name, up})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(req.GetDefaultQuery())) {
		o.defaults = append(o.defaults, pair{name, req.GetDefaultQuery()[name]})
	}
	o.refusePaging()
	return o
}

// targets are all calls that the operation may make.
func (o *Operation) targets() []*Target {
	all := []*Target{&o.Target}
	for i := range o.Variants {
		all = append(all, &o.Variants[i].Target)
	}
	return all
}

// refusePaging notes the provider's own paging parameters, which callers must
// not use, and what to use instead.
func (o *Operation) refusePaging() {
	own := func(theirs, ours string) {
		if theirs != "" && theirs != ours {
			o.refused[theirs] = ours
		}
	}
	paging := o.GetPaging()
	own(paging.GetSizeParameter(), catalog.ArgumentLimit)
	own(paging.GetPositionParameter(), catalog.ArgumentCursor)
	if o.List {
		own("size", catalog.ArgumentLimit)
		own("cursor", catalog.ArgumentCursor)
	}
}

func newTarget(req *catalogv1.Request, budget string, perMinute int32) Target {
	t := Target{HTTPMethod: req.GetHttpMethod(), PerMinute: int(perMinute), Budget: budget}
	for part := range strings.SplitSeq(strings.TrimPrefix(req.GetPath(), "/"), "/") {
		s := segment{text: part}
		if strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}") {
			s = segment{param: part[1 : len(part)-1]}
		}
		t.path = append(t.path, s)
	}
	if !strings.Contains(req.GetPath(), "{") {
		t.fixed = req.GetPath()
	}
	for _, f := range req.GetBody().GetFields() {
		if f.GetRequired() {
			t.fields = append(t.fields, f.GetName())
		}
	}
	return t
}

// avoid notes the values that would turn the path into another call's. Without
// it an id could name an operation that the caller's grant does not.
func (t *Target) avoid(other *Target) {
	if t.HTTPMethod != other.HTTPMethod || len(t.path) != len(other.path) {
		return
	}
	var taken []segment
	for i, s := range t.path {
		switch theirs := other.path[i]; {
		case s.param != "" && theirs.param == "":
			taken = append(taken, segment{text: theirs.text, param: s.param})
		case s.param == "" && theirs.param == "" && s.text != theirs.text:
			return
		}
	}
	t.taken = append(t.taken, taken...)
}

func (t *Target) names(param string) bool {
	for _, s := range t.path {
		if s.param == param {
			return true
		}
	}
	return false
}

// URL builds the address of the call. Path parameters are escaped, so that none
// can leave its place; the dot segments, which escaping does not touch, were
// refused by Bind.
func (t *Target) URL(base *url.URL, params map[string]string, rawQuery string) *url.URL {
	u := *base
	u.RawQuery = rawQuery
	if t.fixed != "" && base.RawPath == "" {
		u.Path += t.fixed
		return &u
	}
	var plain, escaped strings.Builder
	plain.WriteString(base.Path)
	escaped.WriteString(base.EscapedPath())
	for _, s := range t.path {
		text := s.text
		if s.param != "" {
			text = params[s.param]
		}
		plain.WriteByte('/')
		plain.WriteString(text)
		escaped.WriteByte('/')
		escaped.WriteString(url.PathEscape(text))
	}
	if t.raw != "" {
		// It was checked by contained, so it unescapes.
		text, _ := url.PathUnescape(t.raw)
		plain.WriteString("/" + text)
		escaped.WriteString("/" + t.raw)
	}
	u.Path, u.RawPath = plain.String(), escaped.String()
	return &u
}

// Reads says whether the HTTP method that a caller used may reach the operation:
// a GET must not change anything.
func (o *Operation) Reads(httpMethod string) bool {
	return !o.Writes || httpMethod != http.MethodGet && httpMethod != http.MethodHead
}
