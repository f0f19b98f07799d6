// Package catalog holds integrations as data and reads them.
//
// An integration is a folder with `integration.yaml` and one `<resource>.yaml` of operations per resource; the unified models map those
// operations in `unified/<model>/<resource>.yaml`. Every value is typed by sando.catalog.v1. From this data come routes, tool names, JSON
// Schemas, rate limits and documentation: a new operation is a new row, not new code.
//
// Load reads trees of such files and refuses whatever is unknown, ambiguous or incomplete, naming file, line and place. A loaded Catalog
// never changes and may be used from many goroutines; its messages must not be modified.
package catalog
