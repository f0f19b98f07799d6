// Package grant is what a caller may do, written down and signed.
//
// One service makes grants out of tokens; every service checks them offline. A
// grant lives for minutes, so that what it says is never old, and it can be
// narrowed but not widened.
package grant

import (
	"fmt"
	"slices"
	"time"
)

// A Grant says what its bearer may do. A nil list means all; an empty one
// means none.
type Grant struct {
	// TokenID is the token that the grant was made from.
	TokenID string `json:"tid"`
	// Kind is the kind of that token: api, acct, mcp or link.
	Kind string `json:"knd"`
	// EnvironmentID is the environment that the grant is confined to.
	EnvironmentID string `json:"env"`
	// Accounts are the accounts within reach; nil is all of the environment.
	Accounts []string `json:"acc"`
	// Services are the services within reach; nil is all.
	Services []string `json:"svc"`
	// Read and Write allow operations that look and operations that change.
	Read  bool `json:"r"`
	Write bool `json:"w"`
	// Operations are the operations allowed; nil is all.
	Operations []string `json:"ops"`
	// MCPServerID is set when the token belongs to an MCP server.
	MCPServerID string `json:"mcp,omitempty"`
	// IssuedAt and ExpiresAt bound the grant.
	IssuedAt  time.Time `json:"iat"`
	ExpiresAt time.Time `json:"exp"`
	// TokenExpiresAt is when the token itself ends; zero is never.
	TokenExpiresAt time.Time `json:"texp,omitzero"`
}

// MayAccount reports whether the account is within reach. An account of
// another environment is for the caller to tell apart: a grant for all
// accounts does not list them.
func (g *Grant) MayAccount(id string) bool { return allows(g.Accounts, id) }

// MayOperation reports whether the operation is allowed; write says whether it
// changes anything.
func (g *Grant) MayOperation(op string, write bool) bool {
	if write && !g.Write || !write && !g.Read {
		return false
	}
	return allows(g.Operations, op)
}

// MayService reports whether the service is within reach.
func (g *Grant) MayService(name string) bool { return allows(g.Services, name) }

func allows(list []string, name string) bool { return list == nil || slices.Contains(list, name) }

// Subset says why g reaches further than of, or nil when it does not.
func (g *Grant) Subset(of *Grant) error {
	switch {
	case g.EnvironmentID != of.EnvironmentID:
		return fmt.Errorf("environment %q is not %q", g.EnvironmentID, of.EnvironmentID)
	case g.Read && !of.Read:
		return fmt.Errorf("reading is not granted")
	case g.Write && !of.Write:
		return fmt.Errorf("writing is not granted")
	case !of.TokenExpiresAt.IsZero() && (g.TokenExpiresAt.IsZero() || g.TokenExpiresAt.After(of.TokenExpiresAt)):
		return fmt.Errorf("it outlives %s", of.TokenExpiresAt.UTC().Format(time.RFC3339))
	}
	for _, l := range []struct {
		what    string
		ask, of []string
	}{
		{"account", g.Accounts, of.Accounts},
		{"service", g.Services, of.Services},
		{"operation", g.Operations, of.Operations},
	} {
		if err := within(l.what, l.ask, l.of); err != nil {
			return err
		}
	}
	return nil
}

func within(what string, ask, of []string) error {
	if of == nil {
		return nil
	}
	if ask == nil {
		return fmt.Errorf("every %s is not granted", what)
	}
	for _, name := range ask {
		if !slices.Contains(of, name) {
			return fmt.Errorf("%s %q is not granted", what, name)
		}
	}
	return nil
}

// A Narrowing takes reach away from a grant. Its zero value takes nothing.
type Narrowing struct {
	// Accounts, Services and Operations leave only those that are listed here
	// as well; nil leaves all.
	Accounts, Services, Operations []string
	// ReadOnly takes writing away.
	ReadOnly bool
	// ExpiresAt ends the grant earlier; zero keeps its end.
	ExpiresAt time.Time
}

// Narrow gives a copy of g with less reach. It never gives more.
func (g *Grant) Narrow(n Narrowing) *Grant {
	c := *g
	c.Accounts = intersect(g.Accounts, n.Accounts)
	c.Services = intersect(g.Services, n.Services)
	c.Operations = intersect(g.Operations, n.Operations)
	c.Write = g.Write && !n.ReadOnly
	if !n.ExpiresAt.IsZero() && n.ExpiresAt.Before(g.ExpiresAt) {
		c.ExpiresAt = n.ExpiresAt
	}
	return &c
}

func intersect(have, keep []string) []string {
	switch {
	case keep == nil:
		return slices.Clone(have)
	case have == nil:
		return slices.Clone(keep)
	}
	both := []string{}
	for _, name := range have {
		if slices.Contains(keep, name) {
			both = append(both, name)
		}
	}
	return both
}
