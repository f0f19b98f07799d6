package catalog

import catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

// Where an argument goes.
const (
	InPath  = "path"  // a place of the provider's path
	InQuery = "query" // the provider's query string
	InBody  = "body"  // a property of the body, or a form field
	InSando = "sando" // read by sando itself and never sent
)

// What an answer's data can be.
const (
	ShapeArray  = "array"
	ShapeObject = "object"
	ShapeNone   = "none" // nothing, e.g. after a delete
	ShapeAny    = "any"  // not documented
)

// Names of the arguments that are sando's own. No parameter and no body field may bear them.
const (
	ArgumentLimit   = "limit"
	ArgumentCursor  = "next_cursor"
	ArgumentAccount = "integrated_account_id"
)

// MemberAggregations is the member of a list's envelope that holds what the provider computed over all matches.
const MemberAggregations = "aggregations"

// Argument is one property of the flat object that a tool call sends.
type Argument struct {
	// Name as the caller gives it.
	Name string
	// Upstream is the name that the provider knows; empty where nothing is sent under a name of its own.
	Upstream string
	// In is one of the In constants.
	In string
	// Field has description, type and whether the argument is required.
	Field *catalogv1.Field
}

// Arguments lists the flat arguments of an operation: path, query and body in the order of the catalog, then sando's own. The account is not
// among them: the caller's token or route says which one is meant.
func Arguments(op *catalogv1.Operation) []Argument {
	var out []Argument
	for _, in := range []string{InPath, InQuery} {
		for _, p := range op.GetRequest().GetParameters() {
			if p.GetIn() != in {
				continue
			}
			out = append(out, Argument{Name: p.GetName(), Upstream: UpstreamName(p), In: in, Field: &catalogv1.Field{
				Name:        p.GetName(),
				Description: p.GetDescription(),
				Required:    p.GetRequired(),
				Schema:      p.GetSchema(),
			}})
		}
	}
	for _, f := range op.GetRequest().GetBody().GetFields() {
		out = append(out, Argument{Name: f.GetName(), Upstream: f.GetName(), In: InBody, Field: f})
	}
	return append(out, own(op)...)
}

// UpstreamName is the name of a query parameter in the provider's query string.
func UpstreamName(p *catalogv1.Parameter) string {
	if p.GetUpstreamName() != "" {
		return p.GetUpstreamName()
	}
	return p.GetName()
}

// own lists the arguments that sando reads itself.
func own(op *catalogv1.Operation) []Argument {
	var out []Argument
	paging := op.GetPaging()
	if Pages(op) {
		size := &catalogv1.Schema{Types: []string{"integer"}, Minimum: new(int64(1)), Maximum: new(int64(LocalPageSize))}
		if paging != nil {
			size.Maximum = new(int64(paging.GetMaxSize()))
		}
		out = append(out, Argument{Name: ArgumentLimit, Upstream: paging.GetSizeParameter(), In: InSando, Field: &catalogv1.Field{
			Name: ArgumentLimit, Description: "Most records to return in this page.", Schema: size,
		}})
	}
	if Pages(op) {
		out = append(out, Argument{Name: ArgumentCursor, In: InSando, Field: &catalogv1.Field{
			Name:        ArgumentCursor,
			Description: "The next_cursor of the page before, exactly as it was returned, with the same filters.",
			Schema:      &catalogv1.Schema{Types: []string{"string"}},
		}})
	}
	if name := op.GetRequest().GetBody().GetUpload().GetNameArgument(); name != "" {
		out = append(out, Argument{Name: name, In: InSando, Field: &catalogv1.Field{
			Name:        name,
			Description: "Name of the file with its extension; needed unless the file itself tells it.",
			Schema:      &catalogv1.Schema{Types: []string{"string"}, MaxLength: new(int32(255))},
		}})
	}
	return out
}
