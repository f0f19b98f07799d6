package catalog

import (
	"slices"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/catalog/internal/nearest"
)

// TagExtended marks the operations that a tool server shows only when asked for them.
const TagExtended = "extended"

// Catalog is a loaded and checked set of integrations and unified mappings.
type Catalog struct {
	version      string
	integrations map[string]*Integration
	operations   map[string]*catalogv1.Operation
	unified      map[unifiedKey]*catalogv1.UnifiedResource
}

type unifiedKey struct{ model, resource, integration string }

// Version is the SHA-256 of everything that was loaded, in hexadecimal: equal versions mean equal tools, routes and schemas.
func (c *Catalog) Version() string { return c.version }

// Integrations lists the integration names in alphabetical order.
func (c *Catalog) Integrations() []string { return sortedKeys(c.integrations) }

// Integration finds an integration by name, e.g. `torii`.
func (c *Catalog) Integration(name string) (*Integration, bool) {
	i, ok := c.integrations[name]
	return i, ok
}

// Operation finds an operation by id, e.g. `torii.users.list`.
func (c *Catalog) Operation(id string) (*catalogv1.Operation, bool) {
	op, ok := c.operations[id]
	return op, ok
}

// Operations lists an integration's operations in the order of its files, which is the order of tools. The slice is the caller's own.
func (c *Catalog) Operations(integration string) []*catalogv1.Operation {
	i, ok := c.integrations[integration]
	if !ok {
		return nil
	}
	return slices.Clone(i.operations)
}

// DefaultOperations lists the operations that a tool server shows when nothing else is asked for: those without TagExtended.
func (c *Catalog) DefaultOperations(integration string) []*catalogv1.Operation {
	return slices.DeleteFunc(c.Operations(integration), func(op *catalogv1.Operation) bool {
		return slices.Contains(op.GetTags(), TagExtended)
	})
}

// Resources lists an integration's resource names in the order of its files. The slice is the caller's own.
func (c *Catalog) Resources(integration string) []string {
	i, ok := c.integrations[integration]
	if !ok {
		return nil
	}
	return slices.Clone(i.resources)
}

// Route finds the operation behind a resource and a method, e.g. `users` and `list`, or `apps` and `search`.
func (c *Catalog) Route(integration, resource, method string) (*catalogv1.Operation, bool) {
	i, ok := c.integrations[integration]
	if !ok {
		return nil, false
	}
	op, ok := i.routes[resource][method]
	return op, ok
}

// ByTool finds an operation by its tool name, e.g. `list_all_torii_users`.
func (c *Catalog) ByTool(integration, tool string) (*catalogv1.Operation, bool) {
	i, ok := c.integrations[integration]
	if !ok {
		return nil, false
	}
	op, ok := i.tools[tool]
	return op, ok
}

// Unified finds the mapping of one integration to a unified resource, e.g. `user-directory`, `users`, `torii`.
func (c *Catalog) Unified(model, resource, integration string) (*catalogv1.UnifiedResource, bool) {
	u, ok := c.unified[unifiedKey{model, resource, integration}]
	return u, ok
}

// UnifiedResources lists an integration's unified mappings ordered by model and resource.
func (c *Catalog) UnifiedResources(integration string) []*catalogv1.UnifiedResource {
	var out []*catalogv1.UnifiedResource
	for key, u := range c.unified {
		if key.integration == integration {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, compareUnified)
	return out
}

// Nearest returns at most three of the names that a mistyped one may have meant, the closest first.
func (c *Catalog) Nearest(name string, of []string) []string { return nearest.Names(name, of) }
