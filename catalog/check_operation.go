package catalog

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/catalog/internal/nearest"
)

// reserved are the argument names that belong to sando.
var reserved = []string{ArgumentLimit, ArgumentCursor, ArgumentAccount}

// resourceHead checks what a resource file says about itself; name is that of the file.
func (c *checker) resourceHead(name string) {
	r := c.resource
	c.equal(r, "resource", r.GetResource(), name)
	if !snakeName.MatchString(r.GetResource()) {
		c.fail(r, "resource", "%q is not lower-case words joined by _", r.GetResource())
	}
	if !snakeName.MatchString(r.GetSingular()) {
		c.fail(r, "singular", "%q is not lower-case words joined by _", r.GetSingular())
	}
	c.sentence(r, "description", r.GetDescription())
	if len(r.GetOperations()) == 0 {
		c.fail(r, "operations", "is missing")
	}
}

// operation checks one row and says whether it can be completed and indexed.
func (c *checker) operation(op *catalogv1.Operation) bool {
	c.failed = false
	c.derived(op, "id", op.GetId() != "")
	c.derived(op, "kind", op.GetKind() != 0)
	c.derived(op, "tool_name", op.GetToolName() != "")
	if !snakeName.MatchString(op.GetMethod()) {
		c.fail(op, "method", "%q is not lower-case words joined by _", op.GetMethod())
	}
	c.present(op, "title", op.GetTitle())
	c.sentence(op, "description", op.GetDescription())
	c.oneOf(op, "confidence", op.GetConfidence(), "high", "medium", "low")
	c.notNegative(op, "rate_limit_per_minute", int64(op.GetRateLimitPerMinute()))
	if len(op.GetTags()) == 0 {
		c.fail(op, "tags", "is missing")
	}
	for _, tag := range op.GetTags() {
		if !kebabName.MatchString(tag) {
			c.fail(op, "tags", "%q is not lower-case words joined by -", tag)
		}
	}
	c.effect(op)
	c.request(op, op.GetRequest())
	c.recordID(op)
	c.arguments(op)
	c.response(op)
	c.paging(op)
	c.variants(op)
	return !c.failed
}

func (c *checker) effect(op *catalogv1.Operation) {
	read := op.GetEffect() == catalogv1.Effect_EFFECT_READ
	switch kind := kindOf(op.GetMethod()); {
	case op.GetEffect() == catalogv1.Effect_EFFECT_UNSPECIFIED:
		c.fail(op, "effect", "is missing: read, write or destructive")
	case kind == catalogv1.Kind_KIND_LIST || kind == catalogv1.Kind_KIND_GET:
		if !read {
			c.fail(op, "effect", "%s is a read", op.GetMethod())
		}
	case kind != catalogv1.Kind_KIND_CUSTOM && read:
		c.fail(op, "effect", "%s is no read", op.GetMethod())
	}
	if read && !op.GetIdempotent() {
		c.fail(op, "idempotent", "a read is idempotent; say so")
	}
	if !read && op.GetRequest().GetHttpMethod() == "GET" {
		c.fail(op, "effect", "a GET is a read")
	}
}

// request checks the call; of a variant it uses the operation's own parameters.
func (c *checker) request(op *catalogv1.Operation, req *catalogv1.Request) {
	if req == nil {
		c.fail(op, "request", "is missing")
		return
	}
	c.oneOf(req, "http_method", req.GetHttpMethod(), "GET", "POST", "PUT", "PATCH", "DELETE")
	c.path(op, req)
	for _, p := range req.GetParameters() {
		c.parameter(p)
	}
	if req.GetBody() != nil {
		c.body(req)
	}
	for _, name := range sortedKeys(req.GetDefaultQuery()) {
		if !takesQuery(op, name) {
			c.fail(req, "default_query", "there is no query parameter %q", name)
		}
	}
	if req.GetAdditionalParameters() && req.GetBody().GetAdditionalFields() {
		c.fail(req, "additional_parameters", "a further argument cannot belong to the query and the body alike")
	}
}

// path checks that places and path parameters are the same names.
func (c *checker) path(op *catalogv1.Operation, req *catalogv1.Request) {
	if !strings.HasPrefix(req.GetPath(), "/") || strings.ContainsAny(req.GetPath(), "?# ") || strings.HasSuffix(req.GetPath(), "/") {
		c.fail(req, "path", "%q is not a path below the base URL such as /users/{id}", req.GetPath())
		return
	}
	var declared []string
	for _, p := range op.GetRequest().GetParameters() {
		if p.GetIn() == InPath {
			declared = append(declared, p.GetName())
		}
	}
	var used []string
	for _, segment := range strings.Split(req.GetPath(), "/")[1:] {
		place := placePattern.FindStringSubmatch(segment)
		switch {
		case segment == "" || segment == "." || segment == "..":
			c.fail(req, "path", "has an empty or relative segment")
		case place == nil && !strings.ContainsAny(segment, "{}"):
		case place == nil || place[0] != segment:
			c.fail(req, "path", "a place is a whole segment, as in /users/{id}")
		case slices.Contains(used, place[1]):
			c.fail(req, "path", "uses {%s} twice", place[1])
		case !slices.Contains(declared, place[1]):
			c.fail(req, "path", "{%s} is not a path parameter%s", place[1], nearest.Hint(place[1], declared))
		default:
			used = append(used, place[1])
		}
	}
	if req != op.GetRequest() {
		return
	}
	for _, name := range declared {
		if !slices.Contains(used, name) {
			c.fail(req, "path", "has no place for the parameter %q", name)
		}
	}
}

func (c *checker) parameter(p *catalogv1.Parameter) {
	c.present(p, "name", p.GetName())
	c.oneOf(p, "in", p.GetIn(), InPath, InQuery)
	c.sentence(p, "description", p.GetDescription())
	if p.GetIn() == InPath && !snakeName.MatchString(p.GetName()) {
		c.fail(p, "name", "path parameters are ours: id, or id_ and the parent, as in id_app")
	}
	if p.GetSchema() == nil {
		c.fail(p, "schema", "is missing")
	}
	c.schema(p.GetSchema())
}

// recordID holds methods to the routes that they are served on.
func (c *checker) recordID(op *catalogv1.Operation) {
	switch kindOf(op.GetMethod()) {
	case catalogv1.Kind_KIND_GET, catalogv1.Kind_KIND_UPDATE, catalogv1.Kind_KIND_DELETE:
		if !NamesRecord(op) {
			c.fail(op, "method", "%s needs the path parameter id", op.GetMethod())
		}
	case catalogv1.Kind_KIND_LIST, catalogv1.Kind_KIND_CREATE:
		if NamesRecord(op) {
			c.fail(op, "method", "%s has no path parameter id; name a parent id_<parent>", op.GetMethod())
		}
	}
}

// arguments refuses two arguments of one name and names that are sando's: a tool call is one flat object.
func (c *checker) arguments(op *catalogv1.Operation) {
	seen := make(map[string]bool)
	claim := func(m proto.Message, name string) {
		switch {
		case slices.Contains(reserved, name):
			c.fail(m, "name", "the argument %q is sando's own", name)
		case seen[name]:
			c.fail(m, "name", "the argument %q appears twice among path, query and body", name)
		}
		seen[name] = true
	}
	for _, p := range op.GetRequest().GetParameters() {
		claim(p, p.GetName())
		paging := op.GetPaging()
		if p.GetIn() == InQuery && paging != nil && slices.Contains([]string{paging.GetSizeParameter(), paging.GetPositionParameter()}, UpstreamName(p)) {
			c.fail(p, "name", "%q is how pages are asked for: limit and next_cursor stand for it", UpstreamName(p))
		}
	}
	for _, f := range op.GetRequest().GetBody().GetFields() {
		claim(f, f.GetName())
	}
	if up := op.GetRequest().GetBody().GetUpload(); up.GetNameArgument() != "" && seen[up.GetNameArgument()] {
		c.fail(up, "name_argument", "the argument %q appears twice", up.GetNameArgument())
	}
}

// takesQuery says whether name is a query parameter in the provider's spelling.
func takesQuery(op *catalogv1.Operation, name string) bool {
	return slices.ContainsFunc(op.GetRequest().GetParameters(), func(p *catalogv1.Parameter) bool {
		return p.GetIn() == InQuery && UpstreamName(p) == name
	})
}

func (c *checker) variants(op *catalogv1.Operation) {
	for _, v := range op.GetVariants() {
		c.notNegative(v, "rate_limit_per_minute", int64(v.GetRateLimitPerMinute()))
		if !hasField(op.GetRequest().GetBody().GetFields(), v.GetWhenBodyHas()) {
			c.fail(v, "when_body_has", "the operation's body has no field %q", v.GetWhenBodyHas())
		}
		if v.GetRequest() == nil {
			c.fail(v, "request", "is missing")
			continue
		}
		if len(v.GetRequest().GetParameters()) > 0 {
			c.fail(v.GetRequest(), "parameters", "a variant takes the operation's parameters")
		}
		c.request(op, v.GetRequest())
	}
}
