package catalog

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/catalog/internal/nearest"
)

var (
	fieldName  = regexp.MustCompile(`^[a-z][a-z0-9_]*(\[[0-9]*\])?(\.[a-z][a-z0-9_]*)*$`)
	filterName = regexp.MustCompile(`^[a-z][a-z0-9_]*(\[[a-z]+\])?$`)
)

// unified checks one mapping against the operations it reads and writes.
func (c *checker) unified(u *catalogv1.UnifiedResource) {
	if !kebabName.MatchString(u.GetModel()) {
		c.fail(u, "model", "%q is not lower-case words joined by -", u.GetModel())
	}
	if !snakeName.MatchString(u.GetResource()) {
		c.fail(u, "resource", "%q is not lower-case words joined by _", u.GetResource())
	}
	if _, ok := c.loader.catalog.integrations[u.GetIntegration()]; !ok {
		c.fail(u, "integration", "there is no integration %q", u.GetIntegration())
	}
	if !strings.Contains(u.GetMessage(), ".") || !protoName(u.GetMessage()) {
		c.fail(u, "message", "%q is not the full name of a message", u.GetMessage())
	}
	c.sentence(u, "description", u.GetDescription())
	c.unifiedSources(u)
	c.unifiedFields(u)
	seen := make(map[[2]string]bool)
	for _, f := range u.GetFilters() {
		c.filter(u, f)
		key := [2]string{f.GetName(), f.GetOperation()}
		if seen[key] {
			c.fail(f, "name", "the filter %q appears twice", f.GetName())
		}
		seen[key] = true
	}
	if u.GetUpdate() != nil {
		c.update(u)
	}
	if u.GetCustomFields() != nil {
		c.customFields(u)
	}
}

// refer finds the operation that a mapping names.
func (c *checker) refer(u *catalogv1.UnifiedResource, m proto.Message, id string) (*catalogv1.Operation, bool) {
	op, ok := c.loader.catalog.operations[id]
	if !ok {
		c.fail(m, "operation", "there is no operation %q%s", id, nearest.Hint(id, sortedKeys(c.loader.catalog.operations)))
		return nil, false
	}
	if name, _, _ := SplitID(id); name != u.GetIntegration() {
		c.fail(m, "operation", "%s is not an operation of %s", id, u.GetIntegration())
	}
	return op, true
}

func (c *checker) unifiedSources(u *catalogv1.UnifiedResource) {
	methods := make(map[string]bool)
	for _, s := range u.GetSources() {
		c.oneOf(s, "method", s.GetMethod(), "list", "get")
		methods[s.GetMethod()] = true
		c.source(u, s)
	}
	if !methods["list"] {
		c.fail(u, "sources", "has no list")
	}
}

func (c *checker) source(u *catalogv1.UnifiedResource, s *catalogv1.Source) {
	op, ok := c.refer(u, s, s.GetOperation())
	if !ok {
		return
	}
	if op.GetEffect() != catalogv1.Effect_EFFECT_READ {
		c.fail(s, "operation", "records come from reads")
	}
	c.mapped(s, op, s.GetParameters())
	for _, name := range sortedKeys(s.GetQuery()) {
		if !takesQuery(op, name) {
			c.fail(s, "query", "%s has no query parameter %q", op.GetId(), name)
		}
	}
	if s.GetScan() && s.GetMethod() != "get" {
		c.fail(s, "scan", "is a way to get one record")
	}
}

// mapped checks that the operation has the parameters that are filled, and that those it needs are.
func (c *checker) mapped(m proto.Message, op *catalogv1.Operation, parameters map[string]string) {
	var names []string
	for _, p := range op.GetRequest().GetParameters() {
		names = append(names, p.GetName())
		if _, given := parameters[p.GetName()]; p.GetRequired() && !given {
			c.fail(m, "parameters", "%s needs %q", op.GetId(), p.GetName())
		}
	}
	for _, name := range sortedKeys(parameters) {
		if !slices.Contains(names, name) {
			c.fail(m, "parameters", "%s has no parameter %q%s", op.GetId(), name, nearest.Hint(name, names))
		}
		if parameters[name] == "" {
			c.fail(m, "parameters", "%q is filled from nothing", name)
		}
	}
}

func (c *checker) unifiedFields(u *catalogv1.UnifiedResource) {
	seen := make(map[string]bool)
	for _, f := range u.GetFields() {
		if !fieldName.MatchString(f.GetName()) {
			c.fail(f, "name", "%q is not a field such as name, owner.id, roles[0].id or licenses[].id", f.GetName())
		}
		key := f.GetName() + "\x00" + f.GetEach()
		if seen[key] {
			c.fail(f, "name", "the field %q appears twice", f.GetName())
		}
		seen[key] = true
		c.fieldSource(f)
		if (f.GetEach() != "") != strings.Contains(f.GetName(), "[]") {
			c.fail(f, "each", "goes together with [] in the name")
		}
		c.pointer(f, "each", f.GetEach())
		c.oneOf(f, "convert", f.GetConvert(), "", "string", "int", "bool", "not", "time", "lower", "csv", "json")
		for _, k := range f.GetCases() {
			c.pointer(k, "path", k.GetPath())
			c.json(k, "equals", k.GetEquals())
			c.json(k, "constant", k.GetConstant())
		}
	}
	if !seen["id\x00"] {
		c.fail(u, "fields", "has no id")
	}
}

// fieldSource checks that a field has exactly one source.
func (c *checker) fieldSource(f *catalogv1.FieldMapping) {
	sources := 0
	for _, given := range []bool{len(f.GetPath()) > 0, len(f.GetJoin()) > 0, f.GetParameter() != "", f.GetConstant() != "", f.GetExpression() != ""} {
		if given {
			sources++
		}
	}
	if sources != 1 {
		c.fail(f, "name", "%s needs exactly one of path, join, parameter, constant and expression", f.GetName())
	}
	for _, p := range f.GetPath() {
		c.pointer(f, "path", p)
	}
	for _, p := range f.GetJoin() {
		c.pointer(f, "join", p)
	}
	if f.GetConstant() != "" {
		c.json(f, "constant", f.GetConstant())
	}
}

func (c *checker) filter(u *catalogv1.UnifiedResource, f *catalogv1.Filter) {
	if !filterName.MatchString(f.GetName()) {
		c.fail(f, "name", "%q is not a filter such as status or created_at[gt]", f.GetName())
	}
	c.oneOf(f, "runs", f.GetRuns(), "upstream", "local", "parameter")
	c.sentence(f, "description", f.GetDescription())
	pushed := f.GetParameter() != "" || f.GetUpstreamKey() != "" && f.GetUpstreamOp() != ""
	if pushed != (f.GetRuns() == "upstream") {
		c.fail(f, "runs", "an upstream filter, and no other, names a parameter or upstream_key and upstream_op")
	}
	if (len(f.GetNarrow()) > 0 || f.GetExpression() != "") && f.GetRuns() != "local" {
		c.fail(f, "runs", "narrow and expression belong to local filters")
	}
	if f.GetExpression() != "" && (f.GetField() != "" || f.GetIgnoreCase()) {
		c.fail(f, "expression", "decides by itself; field and ignore_case belong to comparisons")
	}
	if f.GetField() != "" && !fieldName.MatchString(f.GetField()) {
		c.fail(f, "field", "%q is not a field such as name, roles.id or emails[0].email", f.GetField())
	}
	for _, value := range sortedKeys(f.GetNarrow()) {
		if _, err := url.ParseQuery(f.GetNarrow()[value]); err != nil {
			c.fail(f, "narrow", "%q is not a query string", f.GetNarrow()[value])
		}
	}
	if f.GetOperation() != "" && !slices.ContainsFunc(u.GetSources(), func(s *catalogv1.Source) bool { return s.GetOperation() == f.GetOperation() }) {
		c.fail(f, "operation", "%s is not a source of this resource", f.GetOperation())
	}
	if f.GetRuns() == "parameter" && !slices.ContainsFunc(u.GetSources(), func(s *catalogv1.Source) bool { return fills(s, f.GetName()) }) {
		c.fail(f, "name", "no source takes the parameter %q", f.GetName())
	}
}

func fills(s *catalogv1.Source, unified string) bool {
	for _, from := range s.GetParameters() {
		if from == unified {
			return true
		}
	}
	return false
}

func (c *checker) update(u *catalogv1.UnifiedResource) {
	up := u.GetUpdate()
	op, ok := c.refer(u, up, up.GetOperation())
	if !ok {
		return
	}
	if op.GetEffect() == catalogv1.Effect_EFFECT_READ {
		c.fail(up, "operation", "%s changes nothing", op.GetId())
	}
	c.mapped(up, op, up.GetParameters())
	for _, f := range up.GetFields() {
		c.present(f, "name", f.GetName())
		if !hasField(op.GetRequest().GetBody().GetFields(), f.GetTarget()) {
			c.fail(f, "target", "the body of %s has no field %q", op.GetId(), f.GetTarget())
		}
	}
}

func (c *checker) customFields(u *catalogv1.UnifiedResource) {
	cf := u.GetCustomFields()
	c.present(cf, "name", cf.GetName())
	c.pointer(cf, "key_pointer", cf.GetKeyPointer())
	c.pointer(cf, "type_pointer", cf.GetTypePointer())
	c.pointer(cf, "deleted_pointer", cf.GetDeletedPointer())
	if _, ok := c.refer(u, cf, cf.GetOperation()); !ok {
		return
	}
	for _, s := range u.GetSources() {
		if op, ok := c.loader.catalog.operations[s.GetOperation()]; ok && s.GetMethod() == "list" && !takesQuery(op, cf.GetParameter()) {
			c.fail(cf, "parameter", "%s has no query parameter %q", op.GetId(), cf.GetParameter())
		}
	}
	if cf.GetGet() != nil {
		c.source(u, cf.GetGet())
	}
}

// protoName says whether s is a dotted name of protobuf identifiers.
func protoName(s string) bool {
	for _, part := range strings.Split(s, ".") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			return false
		}
	}
	return true
}
