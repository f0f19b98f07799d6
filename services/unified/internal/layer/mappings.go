// Package layer keeps the mappings in force: the catalog's, and over it what environments and accounts change.
package layer

import (
	"fmt"

	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// Mappings finds the mapping in force for an account. It is safe for concurrent use.
type Mappings struct {
	catalog *catalog.Catalog
	base    map[resource.Name]*resource.Resource
}

// New compiles the catalog's mappings of an integration.
func New(data *catalog.Catalog, integration string) (*Mappings, error) {
	m := &Mappings{catalog: data, base: make(map[resource.Name]*resource.Resource)}
	for _, u := range data.UnifiedResources(integration) {
		d := resource.FromCatalog(u)
		r, err := resource.Compile(d, data)
		if err != nil {
			return nil, fmt.Errorf("the catalog's mapping of %s: %w", d.Name(), err)
		}
		m.base[d.Name()] = r
	}
	return m, nil
}

// Effective is the mapping in force for an account.
func (m *Mappings) Effective(name resource.Name, _, _ string) (*resource.Resource, error) {
	r, ok := m.base[name]
	if !ok {
		return nil, rpcerr.Newf(rpcerr.NotFound, "there is no unified resource %s", name)
	}
	return r, nil
}
