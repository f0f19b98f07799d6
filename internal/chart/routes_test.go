package chart

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	// Linked in so that their descriptors are registered.
	_ "github.com/sando-dev/sando/gen/sando/auth/v1"
	_ "github.com/sando-dev/sando/gen/sando/mcp/v1"
	_ "github.com/sando-dev/sando/gen/sando/proxy/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/kit/kittest"
)

// paths are what a service answers from outside.
type paths struct {
	// Patterns are regular expressions for a whole path. They go ahead of prefixes.
	Patterns []string `yaml:"patterns"`
	// Prefixes match whole segments: /mcp matches /mcp and /mcp/x, not /mcpx.
	Prefixes []string `yaml:"prefixes"`
}

// A binding is a path of the public surface and the service that owns it.
type binding struct {
	Service string
	// Template is a path whose variables are in braces, or a procedure.
	Template string
}

// plain are the paths that no proto describes: the hosted page and the MCP endpoint. The proxy takes any verb on /custom.
func plain() []binding {
	return []binding{
		{"auth", "/connect"},
		{"auth", "/connect-account"},
		{"auth", "/connect/s/{handle}"},
		{"auth", "/connect/assets/{name}"},
		{"mcp", "/mcp"},
		{"mcp", "/mcp/{token}"},
		{"proxy", "/custom/{path}"},
	}
}

// publicPaths lists every public path: HTTP bindings and procedures of the protos, and what they do not describe.
func publicPaths() []binding {
	all := plain()
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		service, ok := owner(file.Package())
		for i := range file.Services().Len() {
			if methods := file.Services().Get(i).Methods(); ok {
				all = append(all, bindings(service, methods)...)
			}
		}
		return true
	})
	slices.SortFunc(all, func(a, b binding) int { return strings.Compare(a.Template, b.Template) })
	return slices.Compact(all)
}

// owner reads the service from the name of a package, e.g. sando.unified.sso.v1.
func owner(p protoreflect.FullName) (string, bool) {
	parts := strings.Split(string(p), ".")
	if len(parts) < 3 || parts[0] != "sando" || !slices.Contains(services(), parts[1]) {
		return "", false
	}
	return parts[1], true
}

func services() []string { return []string{"auth", "proxy", "unified", "mcp"} }

func bindings(service string, methods protoreflect.MethodDescriptors) []binding {
	var all []binding
	for i := range methods.Len() {
		m := methods.Get(i)
		all = append(all, binding{service, fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())})
		rule, ok := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
		if !ok || rule == nil {
			continue
		}
		for _, r := range append([]*annotations.HttpRule{rule}, rule.AdditionalBindings...) {
			all = append(all, binding{service, template(r)})
		}
	}
	return all
}

func template(r *annotations.HttpRule) string {
	for _, t := range []string{r.GetGet(), r.GetPost(), r.GetPut(), r.GetPatch(), r.GetDelete()} {
		if t != "" {
			return t
		}
	}
	return ""
}

// routes is the table from paths to services, as short as it can be said: a first segment that one service owns is a prefix; where several share it,
// the one with the path of a single segment has the prefix, and the others get patterns.
func routes() map[string]paths {
	bySegment := make(map[string][]binding)
	for _, b := range publicPaths() {
		first := strings.Split(b.Template, "/")[1]
		bySegment[first] = append(bySegment[first], b)
	}
	table := make(map[string]paths)
	for _, first := range slices.Sorted(maps.Keys(bySegment)) {
		holder := holderOf(bySegment[first])
		p := table[holder]
		p.Prefixes = append(p.Prefixes, "/"+first)
		table[holder] = p
		for _, b := range bySegment[first] {
			if b.Service == holder {
				continue
			}
			p := table[b.Service]
			if pattern := patternOf(b.Template); !slices.Contains(p.Patterns, pattern) {
				p.Patterns = append(p.Patterns, pattern)
			}
			table[b.Service] = p
		}
	}
	return table
}

// holderOf is the service that owns the shortest path.
func holderOf(all []binding) string {
	return slices.MinFunc(all, func(a, b binding) int {
		return strings.Count(a.Template, "/") - strings.Count(b.Template, "/")
	}).Service
}

// patternOf is a template up to its last fixed segment in third place, which is where shared prefixes part, and whatever follows.
func patternOf(template string) string {
	parts := strings.Split(template, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = "[^/]+"
		}
	}
	return strings.Join(parts[:min(len(parts), 4)], "/") + "(/.*)?"
}

// document writes the table as the chart reads it.
func document(table map[string]paths) []byte {
	var b bytes.Buffer
	b.WriteString("# Which service answers which path. Generated from the protos: UPDATE_GOLDEN=1 go test ./internal/chart\n")
	for _, service := range services() {
		fmt.Fprintf(&b, "%s:\n  patterns:%s\n  prefixes:%s\n", service, list(table[service].Patterns), list(table[service].Prefixes))
	}
	return b.Bytes()
}

func list(items []string) string {
	if len(items) == 0 {
		return " []"
	}
	return "\n    - " + strings.Join(items, "\n    - ")
}

func TestRoutesOfTheChartAreThoseOfTheProtos(t *testing.T) {
	kittest.Golden(t, filepath.Join("..", chartDir, "files/routes.yaml"), document(routes()))
}

func TestRoutesSayTheTable(t *testing.T) {
	want := map[string]paths{
		"auth": {Prefixes: []string{
			"/api-token", "/connect", "/connect-account", "/environment", "/integrated-account", "/link-token", "/log",
			"/sando.auth.v1.ApiTokenService", "/sando.auth.v1.EnvironmentService", "/sando.auth.v1.IntegratedAccountService",
			"/sando.auth.v1.LinkTokenService", "/sando.auth.v1.LogService",
		}},
		"proxy": {Prefixes: []string{"/custom", "/proxy", "/sando.proxy.v1.ProxyService"}},
		"unified": {Prefixes: []string{
			"/sando.unified.mapping.v1.MappingService", "/sando.unified.sso.v1.AppService", "/sando.unified.sso.v1.AppUserService",
			"/sando.unified.userdirectory.v1.OrganizationService", "/sando.unified.userdirectory.v1.RoleService",
			"/sando.unified.userdirectory.v1.UserService", "/unified",
		}},
		"mcp": {
			Patterns: []string{"/integrated-account/[^/]+/mcp(/.*)?", "/integrated-account/[^/]+/tools(/.*)?"},
			Prefixes: []string{"/mcp", "/sando.mcp.v1.McpServerService", "/sando.mcp.v1.ToolService"},
		},
	}
	if diff := cmp.Diff(want, routes()); diff != "" {
		t.Errorf("the table from paths to services (-want +got):\n%s", diff)
	}
}
