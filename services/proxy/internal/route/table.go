package route

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// A Provider is an integration, prepared.
type Provider struct {
	*catalog.Integration

	// Base is where calls go: the catalog's base URL or the operator's.
	Base *url.URL
	// Origin is the scheme and host of Base.
	Origin string
	// Header is sent with every call. It is shared: copy the map, keep the values.
	Header http.Header

	resources  []string
	operations map[string]map[string]*Operation // by resource and method
	byID       map[string]*Operation
	catalog    *catalog.Catalog
}

// A Table finds operations.
type Table struct{ providers map[string]*Provider }

// New prepares a catalog. baseURLs replaces the base URL of integrations by
// name, for stand-ins and private gateways.
func New(c *catalog.Catalog, baseURLs map[string]string) (*Table, error) {
	t := &Table{providers: map[string]*Provider{}}
	for name := range baseURLs {
		if _, ok := c.Integration(name); !ok {
			return nil, fmt.Errorf("route: base_urls names the integration %q, which is not in the catalog", name)
		}
	}
	for _, name := range c.Integrations() {
		integration, _ := c.Integration(name)
		p, err := newProvider(c, integration, baseURLs[name])
		if err != nil {
			return nil, err
		}
		t.providers[name] = p
	}
	return t, nil
}

func newProvider(c *catalog.Catalog, i *catalog.Integration, baseURL string) (*Provider, error) {
	if baseURL == "" {
		baseURL = i.GetBaseUrl()
	}
	base, err := url.Parse(strings.TrimSuffix(baseURL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.RawQuery != "" || base.User != nil {
		return nil, fmt.Errorf("route: the base URL of %s must be http(s)://host/path", i.GetName())
	}
	p := &Provider{
		Integration: i, Base: base, Origin: base.Scheme + "://" + base.Host, catalog: c,
		Header:     http.Header{"User-Agent": {"sando"}},
		resources:  c.Resources(i.GetName()),
		operations: map[string]map[string]*Operation{},
		byID:       map[string]*Operation{},
	}
	for name, value := range i.GetHeaders() {
		p.Header.Set(name, value)
	}
	for _, op := range c.Operations(i.GetName()) {
		o := newOperation(p, op)
		if p.operations[o.Resource] == nil {
			p.operations[o.Resource] = map[string]*Operation{}
		}
		p.operations[o.Resource][o.Method] = o
		p.byID[op.GetId()] = o
	}
	p.keepApart()
	return p, nil
}

// keepApart has every call note the values that belong to others.
func (p *Provider) keepApart() {
	var all []*Target
	for _, o := range p.byID {
		all = append(all, o.targets()...)
	}
	for _, t := range all {
		for _, other := range all {
			t.avoid(other)
		}
	}
}

// Provider finds an integration by name.
func (t *Table) Provider(name string) (*Provider, bool) {
	p, ok := t.providers[name]
	return p, ok
}

// Operation finds an operation by id.
func (p *Provider) Operation(id string) (*Operation, bool) {
	o, ok := p.byID[id]
	return o, ok
}

// Method finds the operation of a resource by its method. The error is
// UNKNOWN_RESOURCE or UNKNOWN_METHOD and names what may have been meant.
func (p *Provider) Method(resource, method string) (*Operation, error) {
	methods, ok := p.operations[resource]
	if !ok {
		return nil, p.unknownResource(resource)
	}
	if o, ok := methods[method]; ok {
		return o, nil
	}
	return nil, p.unknownMethod(resource, method)
}

// Custom finds a method of a resource that is none of the five, so that
// /proxy/{resource}/{id_or_method} can be read: the method wins.
func (p *Provider) Custom(resource, method string) (*Operation, bool) {
	o, ok := p.operations[resource][method]
	return o, ok && o.GetKind() == catalogv1.Kind_KIND_CUSTOM
}

// ByPath finds the operation whose call a raw one is, so that both count
// against one budget.
func (p *Provider) ByPath(httpMethod, path string) (*Operation, bool) {
	op, ok := p.MatchUpstream(httpMethod, path)
	if !ok {
		return nil, false
	}
	return p.byID[op.GetId()], true
}

func (p *Provider) unknownResource(name string) error {
	err := rpcerr.Newf(access.CodeUnknownResource, "%s has no resource %q", p.GetName(), name).
		WithDetail("resources", p.resources)
	if near := p.catalog.Nearest(name, p.resources); len(near) > 0 {
		return err.WithFix("Did you mean " + either(near) + "?")
	}
	return err
}

func (p *Provider) unknownMethod(resource, method string) error {
	methods := p.Methods(resource)
	err := rpcerr.Newf(access.CodeUnknownMethod, "the resource %s has no method %q", resource, method).
		WithDetail("methods", methods)
	if near := p.catalog.Nearest(method, methods); len(near) > 0 {
		return err.WithFix("Did you mean " + either(near) + "?")
	}
	return err.WithFix("Its methods are " + strings.Join(methods, ", ") + ".")
}

// either joins names the way people do: a, b or c.
func either(names []string) string {
	names = slices.Clone(names)
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// Binary says whether a method answers a file in any integration.
func (t *Table) Binary(resource, method string) bool {
	return t.any(resource, method, func(o *Operation) bool { return o.GetBinary() })
}

// Lists says whether a method answers a list in any integration.
func (t *Table) Lists(resource, method string) bool {
	return t.any(resource, method, func(o *Operation) bool { return o.List })
}

func (t *Table) any(resource, method string, is func(*Operation) bool) bool {
	for _, p := range t.providers {
		if o, ok := p.operations[resource][method]; ok && is(o) {
			return true
		}
	}
	return false
}
