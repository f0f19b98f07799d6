package emulator

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sando-dev/sando/emulator/internal/query"
	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

const (
	defaultAppFields = "id,name,primaryOwner"
	writtenAppFields = "id,isHidden,name,state,url,category,description,tags" // what create and add answer
	allAppFields     = "id,isHidden,primaryOwner,name,state,url,category,description,tags,appOwners,imageUrl,score,isCustom,addedBy,creationTime,sources,vendor,activeUsersCount,lastVisitTime"
)

// app is one application of the organisation.
type app struct {
	id          int64
	idCatalogue int64 // 0 for custom apps
	name        string
	state       string
	category    string
	url         string
	description string
	tags        []string
	vendor      string
	sources     []string
	owner       int64 // primary owner's user id, 0 without
	owners      []int64
	hidden      bool
	custom      bool
	addedBy     int64
	created     time.Time
	lastVisit   time.Time // zero when unknown
	currency    string
	price       int64 // yearly, minor units, per licence
	licence     string
	values      map[string]any // custom fields
}

// seedApps are the first products of the catalogue as this organisation knows them.
func seedApps(o *org) []*app {
	states := []string{"discovered", "discovered", "discovered", "sanctioned", "sanctioned", "sanctioned", "inReview", "evaluationPeriod", "costOptimization", "needToClose", "closed"}
	currencies := []string{"USD", "USD", "EUR", "GBP"}
	apps := make([]*app, o.world.Apps)
	for i, p := range world.Catalogue(o.world.Apps) {
		d := o.world.Dice("app", i)
		a := &app{
			id: firstAppID + int64(i), idCatalogue: catalogueID(i), name: p.Name, category: p.Category, url: p.URL, vendor: p.Vendor,
			state: world.Pick(d, states), description: p.Name + " – " + strings.ToLower(p.Category), tags: []string{"DevOps", "Human Resource", "Core"}[:d.N(4)],
			sources: []string{"okta", "gsuite", "browserExtension"}[:1+d.N(3)], hidden: d.Percent(4), addedBy: world.FirstPersonID,
			created: o.world.Epoch.Add(-time.Duration(1+d.N(1000*86400)) * time.Second), currency: world.Pick(d, currencies),
			price: int64(1200 * (1 + d.N(90))), licence: world.Pick(d, []string{"Enterprise", "Team", "Basic"}), values: map[string]any{},
		}
		if d.Percent(70) {
			a.owner = world.FirstPersonID + int64(d.N(min(30, o.world.People)))
			a.owners = []int64{a.owner}
		}
		if d.Percent(90) {
			a.lastVisit = o.world.Epoch.Add(-time.Duration(d.N(30*86400)) * time.Second)
		}
		a.values["c_appType_1"] = world.Pick(d, []any{"SaaS", "Browser extension", nil})
		a.values["c_dataSensitivity_1"] = world.Pick(d, []any{"high", "low", nil})
		if i == 0 {
			a.state, a.hidden, a.description = "discovered", false, "Awesome application"
		}
		apps[i] = a
	}
	return apps
}

// catalogueID is the id of the n-th product of the global catalogue; it is not the organisation's app id.
func catalogueID(n int) int64 { return 200000 + int64(n) }

// app finds an application by id.
func (o *org) app(id int64) (*app, bool) {
	i, ok := slices.BinarySearchFunc(o.apps, id, func(a *app, id int64) int { return int(a.id - id) })
	if !ok {
		return nil, false
	}
	return o.apps[i], true
}

// appLookup finds the built-in and the custom fields of apps.
func (o *org) appLookup() query.Lookup[*app] {
	builtin := map[string]func(*app) any{
		"id":               func(a *app) any { return a.id },
		"name":             func(a *app) any { return a.name },
		"primaryOwner":     func(a *app) any { return o.ownerValue(a.owner, o.opts.PrimaryOwnerAsID) },
		"appOwners":        func(a *app) any { return o.appOwners(a) },
		"state":            func(a *app) any { return a.state },
		"category":         func(a *app) any { return a.category },
		"url":              func(a *app) any { return a.url },
		"imageUrl":         func(a *app) any { return "https://images.example/" + itoa(a.id) + ".png" },
		"description":      func(a *app) any { return a.description },
		"tags":             func(a *app) any { return o.tags(a) },
		"score":            func(a *app) any { return o.activeUsers(a) % 101 },
		"isCustom":         func(a *app) any { return a.custom },
		"addedBy":          func(a *app) any { return ownerID(a.addedBy) },
		"creationTime":     func(a *app) any { return wire.Time(a.created) },
		"isHidden":         func(a *app) any { return a.hidden },
		"sources":          func(a *app) any { return a.sources },
		"vendor":           func(a *app) any { return a.vendor },
		"activeUsersCount": func(a *app) any { return o.activeUsers(a) },
		"lastVisitTime":    func(a *app) any { return o.lastVisitTime(a) },
	}
	return func(key string) (query.Field[*app], bool) {
		if get, ok := builtin[key]; ok {
			return query.Field[*app]{Key: key, Get: get}, true
		}
		f, ok := visible(o.appFields, key)
		if !ok || f.builtin {
			return query.Field[*app]{}, false
		}
		return query.Field[*app]{Key: key, Get: func(a *app) any { return a.values[key] }}, true
	}
}

func (o *org) tags(a *app) any {
	if o.opts.TagsAsArray {
		return a.tags
	}
	return strings.Join(a.tags, ",")
}

func (o *org) appOwners(a *app) any {
	if o.opts.OwnersAsIDs {
		return a.owners
	}
	owners := []wire.Object{}
	for _, id := range a.owners {
		if owner, ok := o.owner(id); ok {
			owners = append(owners, owner)
		}
	}
	return owners
}

func (o *org) lastVisitTime(a *app) any {
	switch {
	case a.lastVisit.IsZero():
		return nil
	case o.opts.EpochLastVisitTime:
		return a.lastVisit.UnixMilli()
	}
	return wire.Time(a.lastVisit)
}

// owner is the object that stands for a user wherever one owns something.
func (o *org) owner(id int64) (wire.Object, bool) {
	u, ok := o.user(id)
	if !ok {
		return nil, false
	}
	status := "active"
	if u.deleted() {
		status = "deleted"
	}
	first, hasFirst := u.firstName()
	last, hasLast := u.lastName()
	return wire.Obj(
		"firstName", nullable(first, hasFirst), "lastName", nullable(last, hasLast), "photoUrl", "https://photos.example/"+itoa(id)+".png",
		"lifecycleStatus", u.lifecycle(), "fullName", u.fullName(), "isDeletedInIdentitySources", u.deleted(), "id", id,
		"email", u.email(), "status", status,
	), true
}

// ownerValue is a user as an object or as a bare id; null when there is none.
func (o *org) ownerValue(id int64, bare bool) any {
	owner, ok := o.owner(id)
	switch {
	case !ok:
		return nil
	case bare:
		return id
	}
	return owner
}

// ownerID is a user id, null when there is none.
func ownerID(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// licences is the summary that includeLicenses adds.
func (o *org) licences(a *app) any {
	active := int64(o.activeUsers(a))
	if active == 0 {
		return nil
	}
	inactive, unassigned := active/4, active/8
	total := active + inactive + unassigned
	home := func(n int64) wire.Object { return money(convert(n*a.price, a.currency), "USD") }
	own := func(n int64) wire.Object { return money(n*a.price, a.currency) }
	return wire.Obj(
		"summary", wire.Obj(
			"totalAmount", total, "activeAmount", active, "inactiveAmount", inactive, "unassignedAmount", unassigned,
			"pricePerLicense", nil, "annualCost", home(total), "potentialSavings", home(inactive+unassigned),
		),
		"types", []wire.Object{wire.Obj(
			"name", a.licence, "totalAmount", total, "activeAmount", active, "inactiveAmount", inactive, "unassignedAmount", unassigned,
			"pricePerLicense", own(1), "annualCost", own(total), "potentialSavings", own(inactive+unassigned),
			"pricePerLicenseInOrgCurrency", home(1), "annualCostInOrgCurrency", home(total), "potentialSavingsInOrgCurrency", home(inactive+unassigned),
		)},
	)
}

func money(value int64, currency string) wire.Object {
	return wire.Obj("value", value, "currency", currency)
}

// licences is the field that includeLicenses adds; it cannot be named in fields.
func (c *call) licences() ([]query.Field[*app], error) {
	include, _, err := c.boolean("includeLicenses")
	if err != nil || !include {
		return nil, err
	}
	return []query.Field[*app]{{Key: "licenses", Get: func(a *app) any { return c.org.licences(a) }}}, nil
}

// listApps is GET /apps.
func listApps(c *call) (reply, error) {
	find := c.org.appLookup()
	match, err := simpleFilters(c, find)
	if err != nil {
		return reply{}, err
	}
	l := listing[*app]{
		key: "apps", source: query.Slice[*app](c.org.apps), id: func(a *app) int64 { return a.id }, find: find, size: maxPage,
		defaults: defaultAppFields, match: match,
		search: func(a *app) string { return a.name + " " + a.category + " " + a.vendor + " " + a.description },
	}
	if l.extra, err = c.licences(); err != nil {
		return reply{}, err
	}
	return list(c, l)
}

// getApp is GET /apps/{idApp}. Other parameters are accepted, as in the page's own example, and change nothing.
func getApp(c *call) (reply, error) {
	a, err := c.pathApp()
	if err != nil {
		return reply{}, err
	}
	extra, err := c.licences()
	if err != nil {
		return reply{}, err
	}
	fields, err := query.Select(c.org.appLookup(), or(c.text("fields"), defaultAppFields))
	if err != nil {
		return reply{}, err
	}
	return one("app", append(fields, extra...), a)
}

// pathApp is the application that the path names.
func (c *call) pathApp() (*app, error) {
	id, err := c.pathID("idApp")
	if err != nil {
		return nil, err
	}
	a, ok := c.org.app(id)
	if !ok {
		return nil, problemf(http.StatusNotFound, "App %d not found", id)
	}
	return a, nil
}
