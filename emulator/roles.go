package emulator

import "github.com/sando-dev/sando/emulator/internal/wire"

// role is one Torii role.
type role struct {
	id          int64
	key         string
	name        string
	description string
	admin       bool
}

// seedRoles are Torii's predefined roles, Employee next to last, and a custom one that nobody holds.
func seedRoles() []role {
	return []role{
		{1, "admin", "Admin", "Admin role with all access", true},
		{2, "itAdmin", "IT Admin", "Manages apps, users and workflows", true},
		{3, "procurement", "Procurement", "Manages contracts, licenses and expenses", false},
		{4, "readOnly", "Read Only", "Sees everything, changes nothing", false},
		{5, "employee", "Employee", "Sees the app catalog only", false},
		{1201, "c_auditor_1", "Auditor (Prüfung)", "Custom role for the yearly audit", false},
	}
}

func (o *org) role(id int64) (role, bool) {
	for _, r := range o.roles {
		if r.id == id {
			return r, true
		}
	}
	return role{}, false
}

func (o *org) roleByName(name string) (role, bool) {
	for _, r := range o.roles {
		if r.name == name {
			return r, true
		}
	}
	return role{}, false
}

// listRoles is GET /roles.
func listRoles(c *call) (reply, error) {
	holders := map[int64]int{}
	users := userSource{c.org}
	for i := range users.Len() {
		holders[users.At(i).role().id]++
	}
	rows := make([]wire.Object, len(c.org.roles))
	for i, r := range c.org.roles {
		rows[i] = wire.Obj(
			"id", r.id, "systemKey", r.key, "name", r.name, "description", r.description,
			"isAdmin", r.admin, "usersCount", holders[r.id],
		)
	}
	return answer("roles", rows)
}
