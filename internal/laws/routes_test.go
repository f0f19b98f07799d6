package laws

import (
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	// Linked in so that their descriptors are registered.
	_ "github.com/sando-dev/sando/gen/sando/auth/v1"
	_ "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	_ "github.com/sando-dev/sando/gen/sando/internalproxy/v1"
	_ "github.com/sando-dev/sando/gen/sando/mcp/v1"
	_ "github.com/sando-dev/sando/gen/sando/proxy/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
)

// A route is one HTTP binding of an rpc.
type route struct {
	method, template string
	rpc              protoreflect.FullName
}

func routes() []route {
	var all []route
	protoregistry.GlobalFiles.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		for i := range fd.Services().Len() {
			methods := fd.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				rule, ok := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
				if !ok || rule == nil || !strings.HasPrefix(string(m.FullName()), "sando.") {
					continue
				}
				for _, r := range append([]*annotations.HttpRule{rule}, rule.AdditionalBindings...) {
					method, template := pattern(r)
					all = append(all, route{method: method, template: template, rpc: m.FullName()})
				}
			}
		}
		return true
	})
	return all
}

func pattern(r *annotations.HttpRule) (method, template string) {
	switch p := r.Pattern.(type) {
	case *annotations.HttpRule_Get:
		return "GET", p.Get
	case *annotations.HttpRule_Post:
		return "POST", p.Post
	case *annotations.HttpRule_Put:
		return "PUT", p.Put
	case *annotations.HttpRule_Patch:
		return "PATCH", p.Patch
	case *annotations.HttpRule_Delete:
		return "DELETE", p.Delete
	}
	return "", ""
}

// Two templates may match one path only where the catalog decides between them (`/proxy`) or the literal one is meant to win.
func TestNoTwoTemplatesMatchOnePath(t *testing.T) {
	all := routes()
	if len(all) < 30 {
		t.Fatalf("found %d routes: the descriptors are not linked in", len(all))
	}
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.method == b.method && overlap(a.template, b.template) && !decided(a, b) {
				t.Errorf("%s %s (%s) and %s (%s) match one path", a.method, a.template, a.rpc, b.template, b.rpc)
			}
		}
	}
}

// decided lists the overlaps that are meant: `me` before `{id}`, and the proxy's own dispatch.
func decided(a, b route) bool {
	if strings.HasPrefix(a.template, "/proxy/") && strings.HasPrefix(b.template, "/proxy/") {
		return true
	}
	return a.template == "/integrated-account/me" || b.template == "/integrated-account/me"
}

func overlap(a, b string) bool {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		variable := strings.HasPrefix(as[i], "{") || strings.HasPrefix(bs[i], "{")
		if as[i] != bs[i] && !variable {
			return false
		}
	}
	return true
}

func TestInternalServicesHaveNoRoute(t *testing.T) {
	for _, r := range routes() {
		if strings.HasPrefix(string(r.rpc), "sando.internal.") {
			t.Errorf("%s has the route %s %s: internal services are for the internal mount only", r.rpc, r.method, r.template)
		}
	}
}
