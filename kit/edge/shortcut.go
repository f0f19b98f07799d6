package edge

import (
	"net/http"
	"strings"
)

// shortcuts leads plain GETs of streaming routes past the gateway's mux, which
// tries one pattern after the other. It takes a path only where it reads it as
// the gateway does; whatever is unusual is left to the gateway: escapes, empty
// segments, verbs behind a colon, bodies.
type shortcuts map[string][]shortcut // by the first segment

// A shortcut is a template of literals and whole-segment variables.
type shortcut struct {
	segments []segment
	handler  http.Handler
}

type segment struct{ literal, variable string }

// add takes a route where it can be one, and leaves it where it cannot.
func (s shortcuts) add(method, pattern string, h http.Handler) {
	if method != http.MethodGet {
		return
	}
	var to shortcut
	for text := range strings.SplitSeq(strings.TrimPrefix(pattern, "/"), "/") {
		name, variable := strings.CutPrefix(text, "{")
		switch {
		case strings.ContainsAny(text, "=*:"):
			return
		case variable:
			to.segments = append(to.segments, segment{variable: strings.TrimSuffix(name, "}")})
		default:
			to.segments = append(to.segments, segment{literal: text})
		}
	}
	if first := to.segments[0].literal; first != "" {
		to.handler = h
		s[first] = append(s[first], to)
	}
}

// find gives the handler of a request and sets its path values; nil is for the
// gateway to decide.
func (s shortcuts) find(r *http.Request) http.Handler {
	escaped := r.URL.RawPath != "" || strings.Contains(r.URL.Path, "%")
	if r.Method != http.MethodGet || escaped || r.Body != nil && r.Body != http.NoBody {
		return nil
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	first, _, _ := strings.Cut(path, "/")
	for _, to := range s[first] {
		if to.takes(path) {
			to.bind(r, path)
			return to.handler
		}
	}
	return nil
}

func (to *shortcut) takes(path string) bool {
	for i, s := range to.segments {
		text, rest, more := strings.Cut(path, "/")
		if text == "" || more != (i < len(to.segments)-1) || strings.Contains(text, ":") ||
			s.variable == "" && s.literal != text {
			return false
		}
		path = rest
	}
	return true
}

func (to *shortcut) bind(r *http.Request, path string) {
	for _, s := range to.segments {
		text, rest, _ := strings.Cut(path, "/")
		if s.variable != "" {
			r.SetPathValue(s.variable, text)
		}
		path = rest
	}
}
