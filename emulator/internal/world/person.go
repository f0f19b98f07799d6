package world

import (
	"strconv"
	"time"
)

// FirstPersonID is the id of person 0; ids rise by one.
const FirstPersonID = 1000

// BigNumber is 2^53+1, the smallest integer that a reader who stores numbers as doubles gets wrong.
const BigNumber = 1<<53 + 1

// Lifecycle states of Torii.
const (
	Active      = "active"
	Offboarding = "offboarding"
	Offboarded  = "offboarded"
)

// Person is one user, derived field by field when asked.
type Person struct {
	world *World
	n     int
}

// Person returns the n-th person, counted from 0.
func (w *World) Person(n int) Person { return Person{world: w, n: n} }

// draw gives a choice that depends only on the person and the aspect, so that fields can be asked in any order.
func (p Person) draw(aspect uint64) uint64 {
	return mix(mix(p.world.Seed^aspect*0xD6E8FEB86659FD93) ^ uint64(p.n)*0x9E3779B97F4A7C15)
}

func (p Person) percent(aspect uint64) int { return int(p.draw(aspect) % 100) }

// The aspects of a person that are drawn independently.
const (
	aspectGiven uint64 = iota + 1
	aspectFamily
	aspectLifecycle
	aspectDeleted
	aspectKind
	aspectRole
	aspectAlias
	aspectDepartment
	aspectDates
	aspectManager
	aspectApps
	aspectOptional
)

// ID is the person's Torii id.
func (p Person) ID() int64 { return FirstPersonID + int64(p.n) }

func (p Person) given() name {
	if p.n == 0 {
		return name{"Tony", "tony"}
	}
	return p.pickName(aspectGiven, p.world.given)
}

func (p Person) family() name {
	if p.n == 0 {
		return name{"Stark", "stark"}
	}
	return p.pickName(aspectFamily, p.world.family)
}

func (p Person) pickName(aspect uint64, from []name) name {
	return from[p.draw(aspect)%uint64(len(from))]
}

func (p Person) pick(aspect uint64, from []string) string {
	return from[p.draw(aspect)%uint64(len(from))]
}

// FirstName is the given name; service accounts have none.
func (p Person) FirstName() (string, bool) {
	if p.NonHuman() {
		return "", false
	}
	return p.given().written, true
}

// LastName is the family name; it is unknown for service accounts and for some externals.
func (p Person) LastName() (string, bool) {
	if p.NonHuman() || (p.External() && p.percent(aspectOptional) < 30) {
		return "", false
	}
	return p.family().written, true
}

// Email is the primary address, unique in the organisation and lower-case.
func (p Person) Email() string {
	switch {
	case p.n == 0:
		return "tony@" + p.world.Domain
	case p.NonHuman():
		return "svc-" + strconv.Itoa(p.n) + "@" + p.world.Domain
	}
	domain := p.world.Domain
	if p.External() {
		domain = p.pick(aspectAlias, p.world.outsideDomains)
	}
	return p.given().ascii + "." + p.family().ascii + strconv.Itoa(p.n) + "@" + domain
}

// Aliases are further addresses; most people have none.
func (p Person) Aliases() []string {
	if p.n == 0 {
		return []string{"tony@starkindustries.com"}
	}
	if p.percent(aspectAlias) >= 12 || p.NonHuman() {
		return []string{}
	}
	return []string{p.given().ascii + strconv.Itoa(p.n) + "@mail." + p.world.Domain}
}

// NonHuman is true for service accounts.
func (p Person) NonHuman() bool { return p.n > 2 && p.percent(aspectKind) < 3 }

// External is true when the address lies outside the organisation's domain.
func (p Person) External() bool {
	k := p.percent(aspectKind)
	return p.n > 2 && k >= 3 && k < 11
}

// Lifecycle is Torii's own state of the person: 86 % active, 5 % offboarding, 9 % offboarded.
func (p Person) Lifecycle() string {
	switch k := p.percent(aspectLifecycle); {
	case p.n <= 2 || k < 86:
		return Active
	case k < 91:
		return Offboarding
	}
	return Offboarded
}

// Deleted is what the identity sources say. It usually follows the lifecycle, and now and then disagrees with it.
func (p Person) Deleted() bool {
	k := p.percent(aspectDeleted)
	if p.Lifecycle() == Offboarded {
		return k < 85
	}
	return p.n > 2 && k < 2
}

// Role is the index of the person's Torii role in a list that starts with Admin and ends with Employee.
func (p Person) Role(roles int) int {
	if p.n == 0 {
		return 0
	}
	// Two, then four, six, eight of a hundred hold the roles before the last.
	k := p.percent(aspectRole)
	for i := range roles - 1 {
		if k -= 2 * (i + 1); k < 0 {
			return i
		}
	}
	return roles - 1
}

// Created is when Torii first recorded the person: up to four years before the epoch, on a whole second.
func (p Person) Created() time.Time {
	if p.n == 0 {
		return time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	return p.world.Epoch.Add(-time.Duration(p.draw(aspectDates)%(4*365*86400)) * time.Second).Truncate(time.Second)
}

// Department is where the person works.
func (p Person) Department() (string, bool) {
	if p.NonHuman() || p.External() {
		return "", false
	}
	return p.pick(aspectDepartment, p.world.departments), true
}

// CostCenter follows the department.
func (p Person) CostCenter() (string, bool) {
	if p.NonHuman() || p.External() {
		return "", false
	}
	return "CC-" + strconv.Itoa(100+10*int(p.draw(aspectDepartment)%uint64(len(p.world.departments)))), true
}

// Manager is the person's manager, always somebody with a lower index. Person 0 has none.
func (p Person) Manager() (Person, bool) {
	if p.n == 0 || p.NonHuman() || p.External() {
		return Person{}, false
	}
	m := p.world.Person(int(p.draw(aspectManager) % uint64(min(p.n, 40))))
	if m.NonHuman() || m.External() {
		m = p.world.Person(0)
	}
	return m, true
}

// EmployeeNumber is a number; person 1's is BigNumber.
func (p Person) EmployeeNumber() (int64, bool) {
	if p.NonHuman() || p.External() {
		return 0, false
	}
	if p.n == 1 {
		return BigNumber, true
	}
	return 500000 + int64(p.n), true
}

// HasAddress is true for the third of the people whose postal address the identity source knows.
func (p Person) HasAddress() bool { return p.percent(aspectOptional) < 33 }

// Index is the person's place, counted from 0.
func (p Person) Index() int { return p.n }
