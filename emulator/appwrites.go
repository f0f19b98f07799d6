package emulator

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/sando-dev/sando/emulator/internal/query"
	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

// createCustomApp is POST /apps/custom: a private application of the organisation.
func createCustomApp(c *call) (reply, error) {
	p, err := c.closed("name", "state", "url", "category", "description", "tags")
	if err != nil {
		return reply{}, err
	}
	a := &app{id: c.org.nextAppID(), custom: true, state: "discovered", addedBy: world.FirstPersonID, created: c.now, currency: "USD", values: map[string]any{}}
	if err := c.writeApp(a, p); err != nil {
		return reply{}, err
	}
	c.org.apps = append(c.org.apps, a)
	c.record("apps", "add_custom_app", wire.Obj("idApp", a.id, "name", a.name))
	return c.printApp(a, writtenAppFields)
}

// addCatalogueApp is POST /apps: an application of the global catalogue joins the organisation. Adding one that is
// there already answers with it.
func addCatalogueApp(c *call) (reply, error) {
	p, err := c.closed("idApp*")
	if err != nil {
		return reply{}, err
	}
	id, _, err := p.id("idApp")
	if err != nil {
		return reply{}, err
	}
	for _, a := range c.org.apps {
		if a.idCatalogue == id {
			return c.printApp(a, writtenAppFields)
		}
	}
	products := world.Catalogue(catalogueSize)
	i := id - catalogueID(0)
	if i < 0 || i >= int64(len(products)) {
		return reply{}, notFound("App")
	}
	product := products[i]
	a := &app{
		id: c.org.nextAppID(), idCatalogue: id, name: product.Name, category: product.Category, url: product.URL, vendor: product.Vendor,
		state: "discovered", addedBy: world.FirstPersonID, created: c.now, currency: "USD", values: map[string]any{},
	}
	c.org.apps = append(c.org.apps, a)
	c.record("apps", "add_app_from_catalog", wire.Obj("idApp", a.id, "name", a.name))
	return c.printApp(a, writtenAppFields)
}

func (o *org) nextAppID() int64 { return o.apps[len(o.apps)-1].id + 1 }

// updateApp is PUT /apps/{idApp}: the members sent change, and the whole app comes back.
func updateApp(c *call) (reply, error) {
	a, err := c.pathApp()
	if err != nil {
		return reply{}, err
	}
	p, err := c.json()
	if err != nil {
		return reply{}, err
	}
	draft := *a
	draft.values = map[string]any{}
	for key, v := range a.values {
		draft.values[key] = v
	}
	if err := c.writeApp(&draft, p); err != nil {
		return reply{}, err
	}
	wasHidden := a.hidden
	*a = draft
	kind := "update_app_details"
	if a.hidden != wasHidden {
		kind = "update_app_is_hidden"
	}
	c.record("apps", kind, wire.Obj("idApp", a.id, "fields", p.keys()))
	fields := allAppFields
	for _, f := range c.org.appFields {
		if !f.builtin && !f.deleted && !f.hidden {
			fields += "," + f.key
		}
	}
	return c.printApp(a, fields)
}

func (c *call) printApp(a *app, names string) (reply, error) {
	fields, err := query.Select(c.org.appLookup(), names)
	if err != nil {
		return reply{}, err
	}
	return one("app", fields, a)
}

// writeApp puts a body's members into an app.
func (c *call) writeApp(a *app, p payload) error {
	texts := map[string]*string{"name": &a.name, "category": &a.category, "description": &a.description, "vendor": &a.vendor}
	for _, key := range p.keys() {
		var err error
		switch key {
		case "name", "category", "description", "vendor":
			*texts[key], err = p.str(key)
		case "url":
			err = c.writeAppURL(a, p)
		case "state":
			err = c.writeAppState(a, p)
		case "tags":
			err = writeAppTags(a, p)
		case "isHidden":
			a.hidden, _, err = p.boolean(key)
		case "primaryOwner", "owner":
			err = c.writeAppOwner(a, p, key)
		default:
			err = c.writeCustom(c.org.appFields, a.values, key, p[key])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *call) writeAppURL(a *app, p payload) error {
	text, err := p.str("url")
	if err != nil {
		return err
	}
	if u, err := url.Parse(text); err != nil || u.Scheme == "" || u.Host == "" {
		return invalidf("\"url\" must be a valid uri")
	}
	a.url = text
	return nil
}

func (c *call) writeAppState(a *app, p payload) error {
	text, err := p.str("state")
	if err != nil {
		return err
	}
	f, _ := visible(c.org.appFields, "state")
	a.state, err = f.option(text)
	return err
}

// writeAppTags reads the comma-separated form, and the array that Torii's own MCP server works with.
func writeAppTags(a *app, p payload) error {
	switch v := p["tags"].(type) {
	case string:
		a.tags = nil
		for tag := range strings.SplitSeq(v, ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				a.tags = append(a.tags, tag)
			}
		}
		return nil
	case []any:
		a.tags = nil
		for _, item := range v {
			tag, ok := item.(string)
			if !ok {
				return invalidf("\"tags\" must be a string")
			}
			a.tags = append(a.tags, tag)
		}
		return nil
	}
	return invalidf("\"tags\" must be a string")
}

func (c *call) writeAppOwner(a *app, p payload, key string) error {
	id, given, err := p.id(key)
	if err != nil {
		return err
	}
	if !given {
		a.owner, a.owners = 0, nil
		return nil
	}
	if _, ok := c.org.user(id); !ok {
		return invalidf("%q: user %d does not exist", key, id)
	}
	a.owner, a.owners = id, []int64{id}
	return nil
}

// writeCustom puts a member into the custom values of an app or contract, checked against the field's type.
func (c *call) writeCustom(fields []*field, values map[string]any, key string, v any) error {
	f, ok := visible(fields, key)
	if !ok {
		return invalidf("Unknown, deleted or hidden fields: %s", key)
	}
	checked, err := f.check(v)
	if err != nil {
		return err
	}
	values[key] = checked
	return nil
}

// rawValue turns a decoded member into something wire.Append can write.
func rawValue(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return json.RawMessage(raw)
}
