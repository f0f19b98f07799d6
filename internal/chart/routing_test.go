package chart

import (
	"regexp"
	"strings"
	"testing"
)

// match is one path of a route in either notation, with the service behind it.
type match struct {
	kind, path, service string
}

func TestEveryPathReachesItsServiceByGateway(t *testing.T) {
	type route struct {
		Rules []struct {
			Matches     []struct{ Path struct{ Type, Value string } }
			BackendRefs []struct{ Name string } `yaml:"backendRefs"`
		}
	}
	for _, set := range []string{"minimal", "production"} {
		var all []match
		for _, r := range ofKind[route](t, manifests(t, render(t, set)), "HTTPRoute") {
			for _, rule := range r.Rules {
				for _, m := range rule.Matches {
					all = append(all, match{m.Path.Type, m.Path.Value, strings.TrimPrefix(rule.BackendRefs[0].Name, "sando-")})
				}
			}
		}
		reachEveryPath(t, all)
	}
}

func TestEveryPathReachesItsServiceByIngress(t *testing.T) {
	type ingress struct {
		Rules []struct {
			HTTP struct {
				Paths []struct {
					Path     string
					PathType string `yaml:"pathType"`
					Backend  struct{ Service struct{ Name string } }
				}
			}
		}
	}
	var all []match
	for _, i := range ofKind[ingress](t, manifests(t, render(t, "ingress")), "Ingress") {
		for _, p := range i.Rules[0].HTTP.Paths {
			kind := map[string]string{"Prefix": "PathPrefix", "ImplementationSpecific": "RegularExpression"}[p.PathType]
			all = append(all, match{kind, p.Path, strings.TrimPrefix(p.Backend.Service.Name, "road-")})
		}
	}
	reachEveryPath(t, all)
}

func reachEveryPath(t *testing.T, all []match) {
	t.Helper()
	paths := publicPaths()
	if len(paths) < 60 {
		t.Fatalf("%d paths: the descriptors are not linked in", len(paths))
	}
	variable := regexp.MustCompile(`\{[^}]*\}`)
	for _, p := range paths {
		path := variable.ReplaceAllString(p.Template, "0198c0de")
		if got := reached(all, path); got != p.Service {
			t.Errorf("%s reaches %q, want %s", path, got, p.Service)
		}
	}
	for _, path := range []string{"/", "/sando.internal.auth.v1.CredentialService/LeaseCredential", "/metrics", "/debug/pprof/", "/mcpx"} {
		if got := reached(all, path); got != "" {
			t.Errorf("%s reaches %s, and should reach nothing", path, got)
		}
	}
}

// reached is the service of a path: regular expressions of the whole path first, then the longest prefix of whole segments.
func reached(all []match, path string) string {
	var best match
	for _, m := range all {
		switch m.kind {
		case "RegularExpression":
			if regexp.MustCompile("^(?:" + m.path + ")$").MatchString(path) {
				return m.service
			}
		case "PathPrefix":
			if (path == m.path || strings.HasPrefix(path, m.path+"/")) && len(m.path) > len(best.path) {
				best = m
			}
		}
	}
	return best.service
}
