package emulator

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sando-dev/sando/emulator/internal/query"
	"github.com/sando-dev/sando/emulator/internal/wire"
)

const defaultUserAppFields = "id,name,isUserRemovedFromApp,state"

// userAppLookup finds the fields of a user's application: those of the use itself, else those of the app.
func (o *org) userAppLookup() query.Lookup[link] {
	own := map[string]func(link) any{
		"isUserRemovedFromApp": func(l link) any { return l.removed() },
		"annualCost":           func(l link) any { cost, _ := l.cost(); return cost },
		"annualCostConverted":  func(l link) any { _, cost := l.cost(); return cost },
		"currency":             func(l link) any { return l.app.currency },
		"lastUsageTime":        func(l link) any { return l.lastVisit() },
		"score":                func(l link) any { return l.base.Score() },
		"users":                func(l link) any { return o.activeUsers(l.app) },
		// A bare user id here, an object in GET /apps: that is what a live client met.
		"primaryOwner": func(l link) any { return ownerID(l.app.owner) },
	}
	app := o.appLookup()
	return func(key string) (query.Field[link], bool) {
		if get, ok := own[key]; ok {
			return query.Field[link]{Key: key, Get: get}, true
		}
		if key == "activeUsersCount" || key == "lastVisitTime" {
			return query.Field[link]{}, false
		}
		f, ok := app(key)
		return query.Field[link]{Key: key, Get: func(l link) any { return f.Get(l.app) }}, ok
	}
}

// listUserApps is GET /users/{idUser}/apps: everything at once, filtered by any app field.
func listUserApps(c *call) (reply, error) {
	u, err := c.pathUser()
	if err != nil {
		return reply{}, err
	}
	find := c.org.userAppLookup()
	fields, err := query.Select(find, or(c.text("fields"), defaultUserAppFields))
	if err != nil {
		return reply{}, err
	}
	match, err := simpleFilters(c, find)
	if err != nil {
		return reply{}, err
	}
	for _, name := range []string{"isUserRemovedFromApp", "state"} {
		if text := c.text(name); text != "" {
			f, _ := find(name)
			match = append(match, query.Exactly(f, text))
		}
	}
	if _, _, err := c.boolean("isUserRemovedFromApp"); err != nil {
		return reply{}, err
	}
	return whole("apps", fields, matching(u.links(), match))
}

// getUserApp is GET /users/{idUser}/apps/{idApp}.
func getUserApp(c *call) (reply, error) {
	l, err := c.pathLink()
	if err != nil {
		return reply{}, err
	}
	fields, err := query.Select(c.org.userAppLookup(), or(c.text("fields"), defaultUserAppFields))
	if err != nil {
		return reply{}, err
	}
	return one("app", fields, l)
}

// updateUserApp is PUT /users/{idUser}/apps/{idApp}. It flips Torii's record and leaves the account's status alone.
func updateUserApp(c *call) (reply, error) {
	l, err := c.pathLink()
	if err != nil {
		return reply{}, err
	}
	p, err := c.closed("isUserRemovedFromApp")
	if err != nil {
		return reply{}, err
	}
	removed, given, err := p.boolean("isUserRemovedFromApp")
	if err != nil {
		return reply{}, err
	}
	if given {
		c.org.removed[l.key()] = removed
		c.record("users", "update_user", wire.Obj("idUser", l.user.id(), "idApp", l.app.id, "isUserRemovedFromApp", removed))
	}
	fields, err := query.Select(c.org.userAppLookup(), defaultUserAppFields)
	if err != nil {
		return reply{}, err
	}
	return one("app", fields, l)
}

// pathLink is the use that the path names.
func (c *call) pathLink() (link, error) {
	u, err := c.pathUser()
	if err != nil {
		return link{}, err
	}
	idApp, err := c.pathID("idApp")
	if err != nil {
		return link{}, err
	}
	l, ok := u.link(idApp)
	if !ok {
		return link{}, problemf(http.StatusNotFound, "User %d does not use app %d", u.id(), idApp)
	}
	return l, nil
}

const appUserFields = "idUser,email,firstName,lastName,fullName,appName,status,externalStatus,role,sources,score,creationTime,creationTimeInApp," +
	"lastVisitTime,isSupportLastVisit,idExternalUser,idAppAccount,appAccountName,ignoreAccount,licenses,numberOfInactiveLicenses,annualCost," +
	"annualCostConverted,lifecycleStatus,isExternal,isDeletedInIdentitySources,identitySourcesDeletionTime,isUserRemovedFromApp," +
	"isOwnerNotifiedToRemoveUser,isNewUserInApp,isOffboardingIgnored,photoUrl"

// listAppUsers is GET /apps/{idApp}/users. All fields always come; there is no fields parameter.
func listAppUsers(c *call) (reply, error) {
	a, err := c.pathApp()
	if err != nil {
		return reply{}, err
	}
	find := c.org.appUserLookup()
	status, err := c.oneOf("status", "deleted", "active", "managed")
	if err != nil {
		return reply{}, err
	}
	var match []func(link) bool
	if status != "" {
		match = append(match, func(l link) bool { return l.base.Status() == status })
	}
	search, err := query.Select(find, or(c.text("qFields"), "fullName,email"))
	if err != nil {
		return reply{}, err
	}
	return list(c, listing[link]{
		key: "users", source: query.Slice[link](c.org.appLinks(a)), id: func(l link) int64 { return l.user.id() }, find: find,
		defaults: appUserFields, size: maxPage, match: match,
		search: func(l link) string {
			var texts []string
			for _, f := range search {
				if s, ok := f.Get(l).(string); ok {
					texts = append(texts, s)
				}
			}
			return strings.Join(texts, "\n")
		},
	})
}

// appUserLookup finds the fields of an application's user: those of the account, else custom fields of the user.
func (o *org) appUserLookup() query.Lookup[link] {
	fields := appAccountFields()
	for _, key := range []string{"email", "firstName", "lastName", "lifecycleStatus", "isExternal", "isDeletedInIdentitySources"} {
		f, _ := o.userFind(key)
		fields[key] = func(l link) any { return f.Get(l.user) }
	}
	return func(key string) (query.Field[link], bool) {
		if get, ok := fields[key]; ok {
			return query.Field[link]{Key: key, Get: get}, true
		}
		i := slices.IndexFunc(o.userFields, func(f userField) bool { return f.key == key && !f.deleted })
		if i < 0 {
			return query.Field[link]{}, false
		}
		return query.Field[link]{Key: key, Get: func(l link) any { return o.userFields[i].value(l.user) }}, true
	}
}

func appAccountFields() map[string]func(link) any {
	return map[string]func(link) any{
		"idUser":         func(l link) any { return l.user.id() },
		"fullName":       func(l link) any { return l.user.fullName() },
		"appName":        func(l link) any { return l.app.name },
		"status":         func(l link) any { return l.base.Status() },
		"externalStatus": func(l link) any { return externalStatus(l) },
		"role":           func(l link) any { return l.base.Role() },
		"sources":        func(l link) any { return l.app.sources },
		"score":          func(l link) any { return l.base.Score() },
		"creationTime":   func(l link) any { return wire.Time(l.base.Created()) },
		"creationTimeInApp": func(l link) any {
			if !l.base.Licensed() {
				return nil
			}
			return wire.Time(l.base.Created())
		},
		"lastVisitTime":            func(l link) any { return l.lastVisit() },
		"isSupportLastVisit":       func(link) any { return true },
		"idExternalUser":           func(l link) any { return "ext-" + itoa(l.app.id) + "-" + itoa(l.user.id()) },
		"idAppAccount":             func(l link) any { return l.app.id + 50000 },
		"appAccountName":           func(l link) any { return l.app.name + " (main)" },
		"ignoreAccount":            func(link) any { return false },
		"licenses":                 licences,
		"numberOfInactiveLicenses": func(l link) any { return inactiveLicences(l) },
		"annualCost":               func(l link) any { cost, _ := l.cost(); return cost },
		"annualCostConverted":      func(l link) any { _, cost := l.cost(); return cost },
		"identitySourcesDeletionTime": func(l link) any {
			if !l.user.deleted() {
				return nil
			}
			return wire.Time(l.user.creationTime().AddDate(0, 1, 0))
		},
		"isUserRemovedFromApp":        func(l link) any { return l.removed() },
		"isOwnerNotifiedToRemoveUser": func(l link) any { return l.removed() },
		"isNewUserInApp":              func(l link) any { return l.base.Score() > 90 },
		"isOffboardingIgnored":        func(link) any { return false },
		"photoUrl":                    photoURL,
	}
}

// externalStatus is the app's own word for the status; it differs from Torii's.
func externalStatus(l link) string {
	switch l.base.Status() {
	case "active":
		return "Active"
	case "managed":
		return "PROVISIONED"
	}
	return "Deactivated"
}

func licences(l link) any {
	if !l.base.Licensed() {
		return []wire.Object{}
	}
	return []wire.Object{wire.Obj("name", l.app.licence, "status", licenceStatus(l))}
}

func licenceStatus(l link) string {
	if l.active() {
		return "active"
	}
	return "inactive"
}

func inactiveLicences(l link) int {
	if l.base.Licensed() && !l.active() {
		return 1
	}
	return 0
}

// photoURL is left out, null or a text, by user.
func photoURL(l link) any {
	switch l.user.id() % 3 {
	case 0:
		return wire.Absent{}
	case 1:
		return nil
	}
	return "https://photos.example/" + itoa(l.user.id()) + ".png"
}

// or is the first text, or the second when the first is empty.
func or(text, standard string) string {
	if text == "" {
		return standard
	}
	return text
}
