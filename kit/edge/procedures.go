package edge

import (
	"net/http"
	"strings"
)

// procedures finds the handler of an RPC by its path. It is the mux that
// Connect mounts on.
type procedures struct {
	byPath   map[string]http.Handler
	services map[string]bool
}

func newProcedures() *procedures {
	return &procedures{byPath: map[string]http.Handler{}, services: map[string]bool{}}
}

// Handle implements connecthttp.ServeMux. A pattern that ends in a slash is a
// service, whose handler would pass unknown methods to the interceptors: we
// refuse those ourselves, before a name that a caller made up becomes a label
// of a metric.
func (p *procedures) Handle(pattern string, h http.Handler) {
	if service, ok := strings.CutSuffix(pattern, "/"); ok {
		p.services[service[1:]] = true
		return
	}
	p.byPath[pattern] = h
}

// has reports whether a path lies within a mounted service.
func (p *procedures) has(path string) bool {
	service, _, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return ok && p.services[service]
}
