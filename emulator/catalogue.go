package emulator

import (
	"strings"

	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

// catalogueSize is how many products Torii's global catalogue has here.
const catalogueSize = 600

// searchCatalogue is GET /apps/search: the global catalogue, not the organisation's apps.
func searchCatalogue(c *call) (reply, error) {
	if !c.query.Has("q") {
		return reply{}, invalidf("\"q\" is required")
	}
	limit, err := c.integer("limit", 5, 1, 50)
	if err != nil {
		return reply{}, err
	}
	rows := []wire.Object{}
	for i, p := range world.Catalogue(catalogueSize) {
		if len(rows) < limit && strings.Contains(strings.ToLower(p.Name), strings.ToLower(c.text("q"))) {
			rows = append(rows, catalogueEntry(i, p))
		}
	}
	return answer("apps", rows)
}

// catalogueEntry leaves isHidden out of every third entry, since the documents say it may be absent.
func catalogueEntry(i int, p world.Product) wire.Object {
	entry := wire.Obj("id", catalogueID(i), "name", p.Name, "category", p.Category, "imageUrl", "https://images.example/c"+itoa(int64(i))+".png", "url", p.URL)
	if i%3 != 2 {
		entry = append(entry, wire.Member{Key: "isHidden", Value: false})
	}
	return entry
}

// listSimilarApps is GET /apps/similar: apps of the same category. The shape of an entry is not documented; here it is
// that of the catalogue search.
func listSimilarApps(c *call) (reply, error) {
	if !c.query.Has("idApp") {
		return reply{}, invalidf("\"idApp\" is required")
	}
	id, err := c.integer("idApp", 0, 0, maxID)
	if err != nil {
		return reply{}, err
	}
	a, ok := c.org.app(int64(id))
	if !ok {
		return reply{}, notFound("App")
	}
	rows := []wire.Object{}
	for i, p := range world.Catalogue(catalogueSize) {
		if p.Category == a.category && p.Name != a.name && len(rows) < 10 {
			rows = append(rows, catalogueEntry(i, p))
		}
	}
	return answer("similarApps", rows)
}

// matchApps is POST /apps/match: one answer per name sent, in the same order, nulls where nothing fits.
func matchApps(c *call) (reply, error) {
	p, err := c.closed("apps*")
	if err != nil {
		return reply{}, err
	}
	names, ok := p["apps"].([]any)
	if !ok || len(names) < 1 || len(names) > 1000 {
		return reply{}, invalidf("\"apps\" must contain between 1 and 1000 items")
	}
	products := world.Catalogue(catalogueSize)
	rows := make([]wire.Object, len(names))
	for i, item := range names {
		object, _ := item.(map[string]any)
		name, ok := object["name"].(string)
		if !ok {
			return reply{}, invalidf("\"apps[%d].name\" is required", i)
		}
		rows[i] = match(products, name)
	}
	return answer("apps", rows)
}

func match(products []world.Product, name string) wire.Object {
	for i, p := range products {
		if strings.EqualFold(p.Name, strings.TrimSpace(name)) {
			return wire.Obj("idApp", catalogueID(i), "name", p.Name, "url", p.URL, "searchedBy", name)
		}
	}
	return wire.Obj("idApp", nil, "name", nil, "url", nil, "searchedBy", name)
}
