package emulator

import (
	"net/http"
	"slices"

	"github.com/sando-dev/sando/emulator/internal/query"
	"github.com/sando-dev/sando/emulator/internal/wire"
)

// policy says who may ask for an application. Torii documents the calls and hardly any member: the envelopes
// ({accessRequestPolicies}, {success}, {results}) and the selectors of eligible are this emulator's own.
type policy struct {
	id       int64
	name     string
	app      int64
	insiders bool // only people of the organisation are eligible
}

func seedPolicies(o *org) []policy {
	return []policy{
		{3000, "Salesforce access", o.apps[0].id, true},
		{3001, "Slack access", o.apps[5].id, false},
		{3002, "Design tools", o.apps[7].id, true},
	}
}

func (p policy) admits(u user) bool { return !p.insiders || !u.external() && !u.nonHuman() }

func (o *org) policyLookup() query.Lookup[policy] {
	fields := map[string]func(policy) any{
		"id":           func(p policy) any { return p.id },
		"name":         func(p policy) any { return p.name },
		"app":          func(p policy) any { a, _ := o.app(p.app); return wire.Obj("id", a.id, "name", a.name) },
		"approvalFlow": func(policy) any { return wire.Obj("approvers", []string{"manager"}) },
		"eligibilityGroups": func(p policy) any {
			if p.insiders {
				return []string{"employees"}
			}
			return []string{"everyone"}
		},
		"accessDurationsConfig": func(policy) any { return nil },
	}
	return func(key string) (query.Field[policy], bool) {
		get, ok := fields[key]
		return query.Field[policy]{Key: key, Get: get}, ok
	}
}

// listPolicies is GET /appCatalog/accessRequestPolicies.
func listPolicies(c *call) (reply, error) { return c.printPolicies(c.org.policies) }

func (c *call) printPolicies(policies []policy) (reply, error) {
	fields, err := query.Select(c.org.policyLookup(), or(c.text("fields"), "id,name,app"))
	if err != nil {
		return reply{}, err
	}
	return whole("accessRequestPolicies", fields, policies)
}

// listEligiblePolicies is GET /appCatalog/accessRequestPolicies/eligible.
func listEligiblePolicies(c *call) (reply, error) {
	policies := slices.Clone(c.org.policies)
	if email := c.text("userEmail"); email != "" {
		u, ok := c.org.userByEmail(email)
		if !ok {
			return reply{}, notFound("User")
		}
		policies = slices.DeleteFunc(policies, func(p policy) bool { return !p.admits(u) })
	}
	id, err := c.integer("idApp", 0, 0, maxID)
	if err != nil {
		return reply{}, err
	}
	if id != 0 {
		policies = slices.DeleteFunc(policies, func(p policy) bool { return p.app != int64(id) })
	}
	return c.printPolicies(policies)
}

// requester is the user that a body's member names by address.
func (c *call) requester(p payload, member string) (user, error) {
	email, err := p.str(member)
	if err != nil {
		return user{}, err
	}
	u, ok := c.org.userByEmail(email)
	if !ok {
		return user{}, invalidf("%q: no user has the address %s", member, email)
	}
	return u, nil
}

func notEligible() error {
	return &problem{status: http.StatusBadRequest, message: "User is not eligible for this policy", code: "NOT_ELIGIBLE_FOR_POLICY"}
}

// triggerAppPolicy is POST /appCatalog/triggerAppAccessRequestPolicy: the app's own policy, else the default one.
func triggerAppPolicy(c *call) (reply, error) {
	p, err := c.closed("triggerAppId*", "triggerUserEmail*", "description")
	if err != nil {
		return reply{}, err
	}
	id, _, err := p.id("triggerAppId")
	if err != nil {
		return reply{}, err
	}
	if _, ok := c.org.app(id); !ok {
		return reply{}, invalidf("\"triggerAppId\": app %d does not exist", id)
	}
	if _, err := c.requester(p, "triggerUserEmail"); err != nil {
		return reply{}, err
	}
	c.record("appCatalog", "create_request_access_workflow", wire.Obj("idApp", id))
	return answer("success", true)
}

// triggerPolicy is POST /appCatalog/accessRequestPolicies/{idAccessRequestPolicy}/trigger.
func triggerPolicy(c *call) (reply, error) {
	id, err := c.pathID("idAccessRequestPolicy")
	if err != nil {
		return reply{}, err
	}
	p, err := c.json()
	if err != nil {
		return reply{}, err
	}
	if err := p.require("userEmail*"); err != nil {
		return reply{}, err
	}
	u, err := c.requester(p, "userEmail")
	if err != nil {
		return reply{}, err
	}
	if err := c.request(id, u); err != nil {
		return reply{}, err
	}
	return answer("success", true)
}

// request asks for access under one policy.
func (c *call) request(id int64, u user) error {
	i := slices.IndexFunc(c.org.policies, func(p policy) bool { return p.id == id })
	switch {
	case i < 0:
		return problemf(http.StatusNotFound, "Access request policy %d not found", id)
	case !c.org.policies[i].admits(u):
		return notEligible()
	}
	c.record("appCatalog", "create_request_access_workflow", wire.Obj("idAccessRequestPolicy", id, "idUser", u.id()))
	return nil
}

// triggerPolicies is POST /appCatalog/accessRequestPolicies/trigger: each policy on its own, so part may fail.
func triggerPolicies(c *call) (reply, error) {
	p, err := c.json()
	if err != nil {
		return reply{}, err
	}
	if err := p.require("userEmail*", "policies*"); err != nil {
		return reply{}, err
	}
	u, err := c.requester(p, "userEmail")
	if err != nil {
		return reply{}, err
	}
	ids, ok := p["policies"].([]any)
	if !ok {
		return reply{}, invalidf("\"policies\" must be an array")
	}
	results := []wire.Object{}
	for i, item := range ids {
		id, _, err := payload{"id": item}.id("id")
		if err != nil {
			return reply{}, invalidf("\"policies[%d]\" must be a number", i)
		}
		result := wire.Obj("idAccessRequestPolicy", id, "success", true)
		if err := c.request(id, u); err != nil {
			result = wire.Obj("idAccessRequestPolicy", id, "success", false, "message", err.Error())
		}
		results = append(results, result)
	}
	return answer("results", results)
}
