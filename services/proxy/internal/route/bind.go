package route

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/query"
	"github.com/sando-dev/sando/services/proxy/internal/splice"
)

// A Binding is what a caller gave, sorted into where it goes.
type Binding struct {
	// Params fill the places of the path.
	Params map[string]string
	// Query goes to the provider as given, with its names.
	Query query.Query
	// Target is the call that the body chose.
	Target *Target
}

// Bind sorts the arguments of a call and names everything that is missing or
// misplaced at once: VALIDATION_FAILED.
func (o *Operation) Bind(id string, q query.Query, body []byte) (Binding, error) {
	b := Binding{Params: make(map[string]string, 1+len(o.named)), Target: &o.Target}
	var bad violations
	if o.Target.names(ParamID) {
		if id == "" {
			if given, ok, rest := q.Take(ParamID); ok {
				id, q = given, rest
			}
		}
		bad.place(ParamID, id)
		b.Params[ParamID] = id
	} else if id != "" {
		bad.add(ParamID, "this operation is not about one record")
	}
	for _, name := range o.named {
		var value string
		value, _, q = q.Take(name)
		bad.place(name, value)
		b.Params[name] = value
	}
	for _, name := range o.required {
		if !q.Has(name) {
			bad.add(name, "is required in the query")
		}
	}
	for _, p := range q {
		if ours, ok := o.refused[p.Key]; ok {
			bad.add(p.Key, "is called "+ours+" here")
		}
	}
	o.bindBody(&b, &bad, body)
	for _, t := range b.Target.taken {
		if strings.EqualFold(b.Params[t.param], t.text) {
			bad.add(t.param, "is not an id")
		}
	}
	if err := bad.err(); err != nil {
		return Binding{}, err
	}
	for _, r := range o.renamed {
		q.Rename(r.key, r.value)
	}
	for _, d := range o.defaults {
		if !q.Has(d.key) {
			q = q.Add(d.key, d.value)
		}
	}
	b.Query = q
	return b, nil
}

// bindBody checks the body and lets it choose the target.
func (o *Operation) bindBody(b *Binding, bad *violations, body []byte) {
	declared := o.GetRequest().GetBody()
	if declared == nil {
		if len(body) > 0 && string(body) != "{}" && string(body) != "null" {
			bad.add("body", "this operation takes no body")
		}
		return
	}
	if declared.GetUpload() != nil {
		return
	}
	var members []string
	if len(body) > 0 {
		var err error
		if members, err = splice.Members(body); err != nil {
			bad.add("body", err.Error())
			return
		}
	}
	for i := range o.Variants {
		if slices.Contains(members, o.Variants[i].WhenBodyHas) {
			b.Target = &o.Variants[i].Target
			break
		}
	}
	for _, name := range b.Target.fields {
		if !slices.Contains(members, name) {
			bad.add("body."+name, "is required")
		}
	}
}

// violations collects what is wrong with a request.
type violations []rpcerr.Violation

func (v *violations) add(field, description string) {
	*v = append(*v, rpcerr.Violation{Field: field, Description: description})
}

// place checks a path parameter.
func (v *violations) place(name, value string) {
	switch {
	case value == "":
		v.add(name, "is required")
	case value == "." || len(value) > 512 || wanders(value):
		v.add(name, "is not an id")
	}
}

// wanders tells that a value may lead elsewhere in a path, also where somebody
// on the way decodes it once more.
func wanders(value string) bool {
	if strings.ContainsAny(value, `/\`) || strings.Contains(value, "..") || strings.ContainsFunc(value, unicode.IsControl) {
		return true
	}
	decoded, err := url.PathUnescape(value)
	return err == nil && decoded != value && wanders(decoded)
}

func (v violations) err() error {
	if len(v) == 0 {
		return nil
	}
	var text strings.Builder
	for i, one := range v {
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(one.Field + ": " + one.Description)
	}
	e := rpcerr.New(rpcerr.ValidationFailed, text.String())
	e.Violations = v
	return e
}
