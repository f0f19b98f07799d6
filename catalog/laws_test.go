package catalog

import (
	"strings"
	"testing"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

// A person or an agent chooses an operation by these texts; one that lacks them cannot be chosen well.
func TestEveryOperationExplainsItself(t *testing.T) {
	c := load(t)
	titles := make(map[string]string)
	for _, op := range c.Operations("torii") {
		if n := len(op.GetToolName()); n > 64 {
			t.Errorf("%s: the tool name has %d characters; many clients refuse more than 64", op.GetId(), n)
		}
		if n := len(op.GetTitle()); n < 5 || n > 60 || strings.HasSuffix(op.GetTitle(), ".") {
			t.Errorf("%s: the title %q is not a short heading", op.GetId(), op.GetTitle())
		}
		if other, dup := titles[op.GetTitle()]; dup {
			t.Errorf("%s: the title %q is also that of %s", op.GetId(), op.GetTitle(), other)
		}
		titles[op.GetTitle()] = op.GetId()
		if !strings.Contains(op.GetDescription(), "calls a minute.") {
			t.Errorf("%s: the description does not name the limit", op.GetId())
		}
		if Pages(op) && !strings.Contains(op.GetDescription(), "next_cursor") {
			t.Errorf("%s: the description does not say how to reach the next page", op.GetId())
		}
		for _, a := range Arguments(op) {
			if a.Field.GetDescription() == "" {
				t.Errorf("%s: the argument %s has no description", op.GetId(), a.Name)
			}
		}
	}
}

// A caller's path must mean one thing: where `{resource}/{method}` and `{resource}/{id}` share a shape the method's name wins, so no method
// may look like an id, and no two operations may share verb and path.
func TestNoTwoOperationsShareARoute(t *testing.T) {
	c := load(t)
	routes := make(map[string]string)
	for _, op := range c.Operations("torii") {
		verb, path := PublicRoute(op)
		for _, v := range verbs(op, verb) {
			if other, dup := routes[v+" "+path]; dup {
				t.Errorf("%s and %s are both served at %s %s", op.GetId(), other, v, path)
			}
			routes[v+" "+path] = op.GetId()
		}
		if _, _, method := SplitID(op.GetId()); strings.Trim(method, "0123456789") == "" {
			t.Errorf("%s: the method reads like an id", op.GetId())
		}
	}
}

// verbs adds the second verb under which updates are served.
func verbs(op *catalogv1.Operation, verb string) []string {
	if op.GetKind() == catalogv1.Kind_KIND_UPDATE {
		return []string{verb, "PUT"}
	}
	return []string{verb}
}

// What starts or removes something for good has to say so, or confirmation before destruction has a hole.
func TestEffects(t *testing.T) {
	c := load(t)
	tests := map[string]catalogv1.Effect{
		"torii.users.list":                catalogv1.Effect_EFFECT_READ,
		"torii.apps.search":               catalogv1.Effect_EFFECT_READ,
		"torii.apps.match":                catalogv1.Effect_EFFECT_READ,
		"torii.apps.create":               catalogv1.Effect_EFFECT_WRITE,
		"torii.user_applications.update":  catalogv1.Effect_EFFECT_WRITE,
		"torii.files.upload":              catalogv1.Effect_EFFECT_WRITE,
		"torii.users.update":              catalogv1.Effect_EFFECT_DESTRUCTIVE,
		"torii.contracts.delete":          catalogv1.Effect_EFFECT_DESTRUCTIVE,
		"torii.workflows.trigger":         catalogv1.Effect_EFFECT_DESTRUCTIVE,
		"torii.anonymize_requests.create": catalogv1.Effect_EFFECT_DESTRUCTIVE,
		"torii.plugins.apikey":            catalogv1.Effect_EFFECT_DESTRUCTIVE,
	}
	for id, want := range tests {
		if op, ok := c.Operation(id); !ok || op.GetEffect() != want {
			t.Errorf("%s: effect is %s, want %s", id, op.GetEffect(), want)
		}
	}
	for _, op := range c.Operations("torii") {
		if op.GetKind() == catalogv1.Kind_KIND_DELETE && op.GetEffect() != catalogv1.Effect_EFFECT_DESTRUCTIVE {
			t.Errorf("%s: a deletion is destructive", op.GetId())
		}
		if op.GetKind() == catalogv1.Kind_KIND_CREATE && op.GetIdempotent() {
			t.Errorf("%s: creating twice makes two", op.GetId())
		}
	}
}
