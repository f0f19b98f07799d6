package route

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

// MethodCustom is the method of a raw call that is none of the catalog's.
const MethodCustom = "custom"

// ErrEscape means that a raw path leaves the provider's API, or would where
// somebody on the way decodes it once more.
var ErrEscape = errors.New("route: the path leaves the provider's API")

// Raw makes the operation of a raw call: an HTTP method and an escaped path
// below the base URL, without a slash in front. Where the catalog has the same
// call, grant and rate limit are those of its operation.
func (p *Provider) Raw(httpMethod, escapedPath string) (*Operation, error) {
	plain, err := contained(escapedPath)
	if err != nil {
		return nil, err
	}
	o := &Operation{
		Operation: &catalogv1.Operation{
			Id:         p.GetName() + "." + MethodCustom,
			Kind:       catalogv1.Kind_KIND_CUSTOM,
			Effect:     catalogv1.Effect_EFFECT_WRITE,
			Idempotent: httpMethod != http.MethodPost && httpMethod != http.MethodPatch,
			Response:   &catalogv1.Response{Shape: catalog.ShapeAny},
		},
		Provider: p, Resource: MethodCustom, Method: MethodCustom,
		Writes: httpMethod != http.MethodGet,
		Raw:    true,
		Target: Target{HTTPMethod: httpMethod, raw: escapedPath, Budget: p.GetName() + "." + MethodCustom},
	}
	if !o.Writes {
		o.Effect = catalogv1.Effect_EFFECT_READ
	}
	if same, ok := p.ByPath(httpMethod, "/"+plain); ok {
		o.Id, o.Resource, o.Method = same.GetId(), same.Resource, same.Method
		o.Target.Budget, o.Target.PerMinute = same.Target.Budget, same.Target.PerMinute
	}
	return o, nil
}

// contained decodes a path and makes sure that it stays where it is put, also
// when it is decoded several times, or by a server that takes a backslash for
// a slash or cuts segments at a semicolon.
func contained(escaped string) (string, error) {
	plain, err := url.PathUnescape(escaped)
	if err != nil || escaped == "" || strings.HasPrefix(escaped, "/") || strings.ContainsAny(escaped, "?#") {
		return "", ErrEscape
	}
	for at, rounds := plain, 0; ; rounds++ {
		if !stays(at) || rounds == 8 {
			return "", ErrEscape
		}
		next, err := url.PathUnescape(at)
		if err != nil || next == at {
			return plain, nil
		}
		at = next
	}
}

func stays(path string) bool {
	for _, c := range []byte(path) {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	path = strings.ReplaceAll(path, `\`, "/")
	for segment := range strings.SplitSeq(path, "/") {
		name, _, _ := strings.Cut(segment, ";")
		if name == "." || name == ".." || segment == "" {
			return false
		}
	}
	return true
}
