package world

import (
	"slices"
	"strings"
	"testing"
)

func sample() *World {
	return New(Config{Seed: 3, Domain: "stark.com", People: 2000, Apps: 48, Epoch: DefaultEpoch()})
}

func TestLinksAgreeWithLink(t *testing.T) {
	w := sample()
	for n := range w.People {
		p := w.Person(n)
		links := p.Links()
		active := 0
		for app := range w.Apps {
			one, ok := p.Link(app)
			i := slices.IndexFunc(links, func(l Link) bool { return l.App == app })
			if ok != (i >= 0) || ok && one != links[i] {
				t.Fatalf("person %d, app %d: Link says %v, Links has it at %d", n, app, ok, i)
			}
			if ok && one.Status() == AccountActive {
				active++
			}
		}
		if active != p.ActiveLinks() {
			t.Fatalf("person %d: %d active links, ActiveLinks says %d", n, active, p.ActiveLinks())
		}
	}
}

func TestLinksFitTheFewestApps(t *testing.T) {
	w := New(Config{Domain: "x.example", People: 500, Apps: 8, Epoch: DefaultEpoch()})
	for n := range w.People {
		for _, l := range w.Person(n).Links() {
			if l.App < 0 || l.App >= w.Apps {
				t.Fatalf("person %d uses app %d of %d", n, l.App, w.Apps)
			}
		}
	}
}

func TestPeopleAreConsistent(t *testing.T) {
	w := sample()
	emails := map[string]bool{}
	for n := range w.People {
		p := w.Person(n)
		if emails[p.Email()] || strings.ToLower(p.Email()) != p.Email() {
			t.Errorf("person %d: address %s is taken or not lower-case", n, p.Email())
		}
		emails[p.Email()] = true
		if p.External() == strings.HasSuffix(p.Email(), "@"+w.Domain) {
			t.Errorf("person %d: external %v with address %s", n, p.External(), p.Email())
		}
		if m, ok := p.Manager(); ok && (m.Index() >= n || m.External() || m.NonHuman()) {
			t.Errorf("person %d is managed by person %d", n, m.Index())
		}
		if p.Created().After(w.Epoch) {
			t.Errorf("person %d was recorded after the epoch", n)
		}
	}
	if n, _ := w.Person(1).EmployeeNumber(); n != 9007199254740993 {
		t.Errorf("person 1 has number %d", n)
	}
}

func TestCatalogueNamesAreUnique(t *testing.T) {
	names := map[string]bool{}
	for _, p := range Catalogue(2000) {
		if names[p.Name] || p.URL == "" || p.Category == "" || p.Vendor == "" {
			t.Errorf("product %+v is double or incomplete", p)
		}
		names[p.Name] = true
	}
}
