package emulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sando-dev/sando/emulator/internal/query"
	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

const (
	defaultUserFields = "id,idOrg,firstName,lastName,email,creationTime,idRole,role,lifecycleStatus,isDeletedInIdentitySources,isExternal,activeAppsCount,additionalEmails"
	maxIDUsers        = 50 // characters, as the schema has it; the prose speaks of 50 ids
)

// user is a handle on one person of an organisation: what is derived, and what was written over it.
type user struct {
	org    *org
	person world.Person // meaningless for created users
	edit   *userEdit    // nil when nothing was written
}

// userEdit is what writes have changed; empty members leave the derived value.
type userEdit struct {
	id         int64
	created    time.Time // of users made through SCIM; zero for derived people
	email      string
	first      *string
	last       *string
	lifecycle  string
	roleID     int64
	scimActive *bool
	anonymous  bool
	cleared    []string // custom keys emptied by anonymisation
}

// userSource is the organisation's users in ascending order of id.
type userSource struct{ org *org }

func (s userSource) Len() int { return s.org.world.People + len(s.org.createdUsers) }

func (s userSource) At(i int) user {
	if i < s.org.world.People {
		p := s.org.world.Person(i)
		return user{org: s.org, person: p, edit: s.org.userEdits[p.ID()]}
	}
	return user{org: s.org, edit: s.org.userEdits[s.org.createdUsers[i-s.org.world.People]]}
}

// user finds a user by id.
func (o *org) user(id int64) (user, bool) {
	s := userSource{o}
	if i := id - world.FirstPersonID; i >= 0 && i < int64(o.world.People) {
		return s.At(int(i)), true
	}
	i, ok := slices.BinarySearch(o.createdUsers, id)
	if !ok {
		return user{}, false
	}
	return s.At(o.world.People + i), true
}

// userByEmail finds a user by primary address.
func (o *org) userByEmail(email string) (user, bool) {
	s := userSource{o}
	email = strings.ToLower(email)
	for i := range s.Len() {
		if u := s.At(i); u.email() == email {
			return u, true
		}
	}
	return user{}, false
}

// change returns the user's edit for writing.
func (o *org) change(u user) *userEdit {
	if u.edit != nil {
		return u.edit
	}
	edit := &userEdit{id: u.id()}
	o.userEdits[edit.id] = edit
	return edit
}

// derived is false for users that were created through SCIM.
func (u user) derived() bool { return u.edit == nil || u.edit.created.IsZero() }

func (u user) id() int64 {
	if u.edit != nil {
		return u.edit.id
	}
	return u.person.ID()
}

func (u user) email() string {
	if u.edit != nil && u.edit.email != "" {
		return u.edit.email
	}
	return u.person.Email()
}

func (u user) firstName() (string, bool) {
	switch {
	case u.edit != nil && u.edit.first != nil:
		return *u.edit.first, true
	case !u.derived():
		return "", false
	}
	return u.person.FirstName()
}

func (u user) lastName() (string, bool) {
	switch {
	case u.edit != nil && (u.edit.last != nil || u.edit.anonymous):
		if u.edit.last == nil {
			return "", false
		}
		return *u.edit.last, true
	case !u.derived():
		return "", false
	}
	return u.person.LastName()
}

func (u user) fullName() string {
	first, _ := u.firstName()
	last, _ := u.lastName()
	return strings.TrimSpace(first + " " + last)
}

func (u user) lifecycle() string {
	switch {
	case u.edit != nil && u.edit.lifecycle != "":
		return u.edit.lifecycle
	case !u.derived():
		return world.Active
	}
	return u.person.Lifecycle()
}

func (u user) deleted() bool  { return u.derived() && u.person.Deleted() }
func (u user) external() bool { return u.derived() && u.person.External() }
func (u user) nonHuman() bool { return u.derived() && u.person.NonHuman() }

func (u user) role() role {
	if u.edit != nil && u.edit.roleID != 0 {
		r, _ := u.org.role(u.edit.roleID)
		return r
	}
	return u.org.roles[u.person.Role(len(u.org.roles)-1)]
}

func (u user) creationTime() time.Time {
	if !u.derived() {
		return u.edit.created
	}
	return u.person.Created()
}

func (u user) aliases() []string {
	if !u.derived() || u.edit != nil && u.edit.anonymous {
		return []string{}
	}
	return u.person.Aliases()
}

// activeApps counts the apps the user is active in and not marked as removed from.
func (u user) activeApps() int {
	if !u.derived() {
		return 0
	}
	n := u.person.ActiveLinks()
	if len(u.org.removed) == 0 {
		return n
	}
	n = 0
	for _, l := range u.links() {
		if l.active() {
			n++
		}
	}
	return n
}

// userLookup finds the built-in and the custom fields of users.
func userLookup(custom []userField) query.Lookup[user] {
	fields := map[string]query.Field[user]{}
	add := func(key string, get func(user) any) { fields[key] = query.Field[user]{Key: key, Get: get} }
	add("id", func(u user) any { return u.id() })
	add("idOrg", func(u user) any { return u.org.ID })
	add("firstName", func(u user) any { return nullable(u.firstName()) })
	add("lastName", func(u user) any { return nullable(u.lastName()) })
	add("email", func(u user) any { return u.email() })
	add("creationTime", func(u user) any { return wire.Time(u.creationTime()) })
	add("idRole", func(u user) any { return u.role().id })
	add("role", func(u user) any { return u.role().name })
	add("lifecycleStatus", func(u user) any { return u.lifecycle() })
	add("isDeletedInIdentitySources", func(u user) any { return u.deleted() })
	add("isExternal", func(u user) any { return u.external() })
	add("activeAppsCount", func(u user) any { return u.activeApps() })
	add("additionalEmails", func(u user) any { return u.aliases() })
	for _, f := range custom {
		if !f.deleted {
			add(f.key, f.value)
		}
	}
	return func(key string) (query.Field[user], bool) {
		f, ok := fields[key]
		return f, ok
	}
}

// listUsers is GET /users.
func listUsers(c *call) (reply, error) {
	match, err := userFilters(c)
	if err != nil {
		return reply{}, err
	}
	return list(c, listing[user]{
		key: "users", source: userSource{c.org}, id: user.id, find: c.org.userFind, size: maxPage,
		defaults: defaultUserFields, always: []string{"id", "additionalEmails"}, match: match,
		search: func(u user) string { return u.fullName() + " " + u.email() },
	})
}

// userFilters reads the parameters that only /users has.
func userFilters(c *call) ([]func(user) bool, error) {
	var match []func(user) bool
	for _, name := range []string{"email", "firstName", "lastName"} {
		if text := c.text(name); text != "" {
			if name == "email" {
				text = strings.ToLower(text)
			}
			f, _ := c.org.userFind(name)
			match = append(match, query.Exactly(f, text))
		}
	}
	status, err := c.oneOf("lifecycleStatus", lifecycles()...)
	if err != nil {
		return nil, err
	}
	if status != "" {
		match = append(match, func(u user) bool { return u.lifecycle() == status })
	}
	flags := map[string]func(user) bool{"isDeletedInIdentitySources": user.deleted, "isExternal": user.external}
	for name, flag := range flags {
		want, given, err := c.boolean(name)
		if err != nil {
			return nil, err
		}
		if given {
			match = append(match, func(u user) bool { return flag(u) == want })
		}
	}
	if match, err = idUsersFilter(c, match); err != nil {
		return nil, err
	}
	return viewFilter(c, match)
}

func idUsersFilter(c *call, match []func(user) bool) ([]func(user) bool, error) {
	text := c.text("idUsers")
	if text == "" {
		return match, nil
	}
	if len(text) > maxIDUsers {
		return nil, invalidf("\"idUsers\" length must be less than or equal to %d characters long", maxIDUsers)
	}
	var ids []int64
	for part := range strings.SplitSeq(text, ",") {
		id, err := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
		if err != nil {
			return nil, invalidf("\"idUsers\" must be a comma-separated list of numbers")
		}
		ids = append(ids, id)
	}
	return append(match, func(u user) bool { return slices.Contains(ids, u.id()) }), nil
}

// viewFilter is the population of one of the product's user tabs. Employees are people of the organisation, users are
// people from anywhere, and neither includes service accounts; "past" are those gone from the identity sources.
func viewFilter(c *call, match []func(user) bool) ([]func(user) bool, error) {
	employee := func(u user) bool { return !u.nonHuman() && !u.external() }
	person := func(u user) bool { return !u.nonHuman() }
	views := map[string]func(user) bool{
		"currentEmployees":     func(u user) bool { return employee(u) && !u.deleted() },
		"pastEmployees":        func(u user) bool { return employee(u) && u.deleted() },
		"allEmployees":         employee,
		"currentUsers":         func(u user) bool { return person(u) && !u.deleted() },
		"pastUsers":            func(u user) bool { return person(u) && u.deleted() },
		"allUsers":             person,
		"currentNonHumanUsers": func(u user) bool { return u.nonHuman() && !u.deleted() },
		"pastNonHumanUsers":    func(u user) bool { return u.nonHuman() && u.deleted() },
		"allNonHumanUsers":     user.nonHuman,
		"externalUsers":        user.external,
	}
	name := c.text("view")
	if name == "" {
		return match, nil
	}
	view, ok := views[name]
	if !ok {
		return nil, invalidf("\"view\" must be one of [currentEmployees, pastEmployees, allEmployees, currentUsers, pastUsers, allUsers, currentNonHumanUsers, pastNonHumanUsers, allNonHumanUsers, externalUsers]")
	}
	return append(match, view), nil
}

// getUser is GET /users/{idUser}.
func getUser(c *call) (reply, error) {
	u, err := c.pathUser()
	if err != nil {
		return reply{}, err
	}
	return c.printUser(u)
}

// updateUser is PUT /users/{idUser}. Starting an offboarding starts the organisation's offboarding workflow.
func updateUser(c *call) (reply, error) {
	u, err := c.pathUser()
	if err != nil {
		return reply{}, err
	}
	p, err := c.closed("lifecycleStatus*")
	if err != nil {
		return reply{}, err
	}
	status, err := p.str("lifecycleStatus")
	if err != nil {
		return reply{}, err
	}
	if !slices.Contains(lifecycles(), status) {
		return reply{}, invalidf("\"lifecycleStatus\" must be one of [%s]", strings.Join(lifecycles(), ", "))
	}
	before := u.lifecycle()
	u.edit = c.org.change(u)
	u.edit.lifecycle = status
	if before == world.Active && status != world.Active {
		c.org.startOffboarding(u, c.now)
	}
	c.record("users", "update_user_lifecycle_status", wire.Obj("idUser", u.id(), "lifecycleStatus", status))
	return c.printUser(u)
}

func (c *call) printUser(u user) (reply, error) {
	fields, err := query.Select(c.org.userFind, defaultUserFields)
	if err != nil {
		return reply{}, err
	}
	return one("user", fields, u)
}

// pathUser is the user that the path names.
func (c *call) pathUser() (user, error) {
	id, err := c.pathID("idUser")
	if err != nil {
		return user{}, err
	}
	u, ok := c.org.user(id)
	if !ok {
		return user{}, problemf(http.StatusNotFound, "User %d not found", id)
	}
	return u, nil
}

func lifecycles() []string { return []string{world.Active, world.Offboarding, world.Offboarded} }

// nullable is a value, or null when there is none.
func nullable[T any](v T, ok bool) any {
	if !ok {
		return nil
	}
	return v
}
