package emulator

import (
	"slices"

	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

// firstAppID is the id of the first seeded application; ids rise by one.
const firstAppID = 1000

// linkKey names one user's use of one application.
type linkKey struct{ user, app int64 }

// link is one user's use of one application, seen from either side: /users/{idUser}/apps and /apps/{idApp}/users.
type link struct {
	user user
	app  *app
	base world.Link
}

// links are the user's applications, in ascending order of id.
func (u user) links() []link {
	if !u.derived() {
		return nil
	}
	base := u.person.Links()
	links := make([]link, len(base))
	for i, l := range base {
		links[i] = link{user: u, app: u.org.apps[l.App], base: l}
	}
	return links
}

// link is the user's use of one application.
func (u user) link(idApp int64) (link, bool) {
	i := idApp - firstAppID
	if !u.derived() || i < 0 || i >= int64(u.org.world.Apps) {
		return link{}, false
	}
	base, ok := u.person.Link(int(i))
	if !ok {
		return link{}, false
	}
	return link{user: u, app: u.org.apps[i], base: base}, true
}

func (l link) key() linkKey { return linkKey{l.user.id(), l.app.id} }

// removed is isUserRemovedFromApp: what was written, else what was seeded.
func (l link) removed() bool {
	if written, ok := l.user.org.removed[l.key()]; ok {
		return written
	}
	return l.base.Removed()
}

// active is what activeAppsCount and activeUsersCount count.
func (l link) active() bool { return l.base.Status() == world.AccountActive && !l.removed() }

// lastVisit is the last use as text, null when there was none.
func (l link) lastVisit() any {
	t, ok := l.base.LastVisit()
	if !ok {
		return nil
	}
	return wire.Time(t)
}

// cost is the yearly cost of the licence in the licence's currency and in the organisation's, in minor units.
func (l link) cost() (own, converted int64) {
	if !l.base.Licensed() {
		return 0, 0
	}
	own = l.app.price
	return own, convert(own, l.app.currency)
}

// convert turns minor units into the organisation's currency, USD, at fixed rates.
func convert(amount int64, currency string) int64 {
	switch currency {
	case "EUR":
		return amount * 110 / 100
	case "GBP":
		return amount * 125 / 100
	}
	return amount
}

// countActivity counts the active users of each derived application before any write.
func countActivity(w *world.World) []int {
	counts := make([]int, w.Apps)
	for i := range w.People {
		for _, l := range w.Person(i).Links() {
			if l.Status() == world.AccountActive {
				counts[l.App]++
			}
		}
	}
	return counts
}

// activeUsers is the application's activeUsersCount: the derived count corrected by what was written.
func (o *org) activeUsers(a *app) int {
	i := a.id - firstAppID
	if i >= int64(len(o.activity)) {
		return 0
	}
	n := o.activity[i]
	for key, removed := range o.state.removed {
		if key.app != a.id || !removed {
			continue
		}
		if u, ok := o.user(key.user); ok {
			if l, ok := u.link(a.id); ok && l.base.Status() == world.AccountActive {
				n--
			}
		}
	}
	return n
}

// appLinks are all uses of one application, in ascending order of user id.
func (o *org) appLinks(a *app) []link {
	var links []link
	i := int(a.id - firstAppID)
	if i >= o.world.Apps {
		return nil
	}
	users := userSource{o}
	for n := range o.world.People {
		if base, ok := o.world.Person(n).Link(i); ok {
			links = append(links, link{user: users.At(n), app: a, base: base})
		}
	}
	return slices.Clip(links)
}
