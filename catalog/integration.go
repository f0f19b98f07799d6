package catalog

import (
	"net/url"
	"strings"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

// Integration is one provider with everything that is looked up by name.
type Integration struct {
	*catalogv1.Integration

	base       *url.URL
	resources  []string
	files      map[string]*catalogv1.ResourceFile
	operations []*catalogv1.Operation
	routes     map[string]map[string]*catalogv1.Operation // by resource and method
	tools      map[string]*catalogv1.Operation
}

// Origin is the scheme and host that calls go to, e.g. `https://api.toriihq.com`.
func (i *Integration) Origin() string { return i.base.Scheme + "://" + i.base.Host }

// Resource finds a resource by name.
func (i *Integration) Resource(name string) (*catalogv1.ResourceFile, bool) {
	f, ok := i.files[name]
	return f, ok
}

// Methods lists the methods of a resource in alphabetical order; nothing for an unknown resource.
func (i *Integration) Methods(resource string) []string { return sortedKeys(i.routes[resource]) }

// Authentication finds an authentication method by name; the empty name is the integration's default.
func (i *Integration) Authentication(name string) (*catalogv1.AuthenticationMethod, bool) {
	for n, m := range i.GetAuthenticationMethods() {
		if m.GetName() == name || name == "" && n == 0 {
			return m, true
		}
	}
	return nil, false
}

// MayDownloadFrom says whether a download may be redirected to host, a name without a port.
func (i *Integration) MayDownloadFrom(host string) bool {
	labels := strings.Split(strings.ToLower(host), ".")
	for _, pattern := range i.GetDownloadHosts() {
		if matchHost(strings.Split(pattern, "."), labels) {
			return true
		}
	}
	return false
}

func matchHost(pattern, labels []string) bool {
	if len(pattern) != len(labels) {
		return false
	}
	for n, p := range pattern {
		if labels[n] == "" || p != "*" && p != labels[n] {
			return false
		}
	}
	return true
}

// MatchUpstream finds the operation that a raw call belongs to, so that it can be held to that operation's limit: httpMethod as the provider
// knows it and path below the base URL, e.g. `GET` and `/users/12`. A path without places beats one with them.
func (i *Integration) MatchUpstream(httpMethod, path string) (*catalogv1.Operation, bool) {
	segments := strings.Split(path, "/")
	var best *catalogv1.Operation
	fewest := len(segments) + 1
	for _, op := range i.operations {
		req := op.GetRequest()
		if req.GetHttpMethod() != httpMethod {
			continue
		}
		if places, ok := matchPath(strings.Split(req.GetPath(), "/"), segments); ok && places < fewest {
			best, fewest = op, places
		}
	}
	return best, best != nil
}

func matchPath(template, segments []string) (places int, ok bool) {
	if len(template) != len(segments) {
		return 0, false
	}
	for n, t := range template {
		switch {
		case strings.HasPrefix(t, "{") && segments[n] != "":
			places++
		case t != segments[n]:
			return 0, false
		}
	}
	return places, true
}
