package world

import (
	"slices"
	"time"
)

// Statuses of a person's account in an application.
const (
	AccountActive  = "active"
	AccountManaged = "managed"
	AccountDeleted = "deleted"
)

// Link is one person's use of one application. Links are derived from the person, so a person's applications and an
// application's people are two views of one relation.
type Link struct {
	Person Person
	App    int // index of the application
	draw   uint64
}

// Links returns the person's applications in ascending order of index: usually two to nine, sometimes none.
func (p Person) Links() []Link {
	var picked [maxLinks]int
	apps := p.appIndexes(picked[:0])
	links := make([]Link, len(apps))
	for i, app := range apps {
		links[i] = p.link(app)
	}
	return links
}

// Link returns the person's use of one application.
func (p Person) Link(app int) (Link, bool) {
	var picked [maxLinks]int
	if !slices.Contains(p.appIndexes(picked[:0]), app) {
		return Link{}, false
	}
	return p.link(app), true
}

// ActiveLinks counts the person's active accounts.
func (p Person) ActiveLinks() int {
	var picked [maxLinks]int
	n := 0
	for _, app := range p.appIndexes(picked[:0]) {
		if p.link(app).Status() == AccountActive {
			n++
		}
	}
	return n
}

const maxLinks = 10

// appIndexes chooses applications with a strong leaning to low indexes (the square of a uniform draw), without repeats.
func (p Person) appIndexes(dst []int) []int {
	draw := p.draw(aspectApps)
	want := int(draw % maxLinks)
	if p.n == 0 {
		want = 6
	}
	want = min(want, p.world.Apps)
	for j := 0; len(dst) < want; j++ {
		u := mix(draw+uint64(j)*0x9E3779B97F4A7C15) % 1024
		app := int(u*u*uint64(p.world.Apps)) >> 20
		for slices.Contains(dst, app) {
			app = (app + 1) % p.world.Apps
		}
		dst = append(dst, app)
	}
	slices.Sort(dst)
	return dst
}

func (p Person) link(app int) Link {
	return Link{Person: p, App: app, draw: mix(p.draw(aspectApps) ^ mix(uint64(app)+1))}
}

// Status is the state of the account: 80 % active, 10 % managed, 10 % deleted. People who left have no active account.
func (l Link) Status() string {
	switch k := l.draw % 100; {
	case l.Person.n == 0:
		return AccountActive
	case l.Person.Deleted():
		return AccountDeleted
	case k < 80:
		return AccountActive
	case k < 90:
		return AccountManaged
	}
	return AccountDeleted
}

// Removed is true for the deleted accounts whose removal somebody confirmed in Torii.
func (l Link) Removed() bool { return l.Status() == AccountDeleted && l.draw>>8%2 == 0 }

// LastVisit is the last recorded use; accounts that were only provisioned have none.
func (l Link) LastVisit() (time.Time, bool) {
	if l.Status() != AccountActive || l.draw>>12%8 == 0 {
		return time.Time{}, false
	}
	return l.Person.world.Epoch.Add(-time.Duration(l.draw>>16%(120*86400)) * time.Second).Truncate(time.Second), true
}

// Created is when the account appeared in Torii.
func (l Link) Created() time.Time {
	return l.Person.world.Epoch.Add(-time.Duration(120*86400+l.draw>>20%(700*86400)) * time.Second).Truncate(time.Second)
}

// Licensed is true for accounts that hold a paid licence.
func (l Link) Licensed() bool { return l.draw>>40%3 != 0 }

// Score is Torii's usage score, 0 to 100.
func (l Link) Score() int {
	if _, used := l.LastVisit(); !used {
		return 0
	}
	return int(l.draw >> 24 % 101)
}

// Role is the role inside the application; it may be empty.
func (l Link) Role() string {
	return []string{"", "Member", "Member", "Admin", "Viewer"}[l.draw>>32%5]
}
