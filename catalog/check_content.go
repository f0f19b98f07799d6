package catalog

import (
	"slices"
	"strconv"
	"strings"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

const multipart = "multipart/form-data"

func (c *checker) body(req *catalogv1.Request) {
	body := req.GetBody()
	if req.GetHttpMethod() == "GET" || req.GetHttpMethod() == "DELETE" {
		c.fail(req, "body", "a %s has no body", req.GetHttpMethod())
	}
	c.oneOf(body, "content_type", body.GetContentType(), "", "application/json", multipart)
	c.fields(body.GetFields())
	if (body.GetUpload() != nil) != (body.GetContentType() == multipart) {
		c.fail(body, "upload", "is given for %s and for nothing else", multipart)
	}
	up := body.GetUpload()
	if up == nil {
		return
	}
	if !hasField(body.GetFields(), up.GetFileField()) {
		c.fail(up, "file_field", "the body has no field %q", up.GetFileField())
	}
	if up.GetMaxBytes() <= 0 {
		c.fail(up, "max_bytes", "must be above zero")
	}
	if len(up.GetExtensions()) == 0 {
		c.fail(up, "extensions", "is missing")
	}
	for _, ext := range up.GetExtensions() {
		if !strings.HasPrefix(ext, ".") || ext != strings.ToLower(ext) {
			c.fail(up, "extensions", "%q is not a lower-case extension with its dot", ext)
		}
	}
}

func (c *checker) fields(fields []*catalogv1.Field) {
	for n, f := range fields {
		c.present(f, "name", f.GetName())
		if hasField(fields[:n], f.GetName()) {
			c.fail(f, "name", "the field %q appears twice", f.GetName())
		}
		if f.GetDescription() != "" {
			c.sentence(f, "description", f.GetDescription())
		}
		if f.GetSchema() == nil {
			c.fail(f, "schema", "is missing; {} stands for anything")
		}
		c.schema(f.GetSchema())
	}
}

func (c *checker) schema(s *catalogv1.Schema) {
	if s == nil {
		return
	}
	for n, t := range s.GetTypes() {
		c.oneOf(s, "types", t, "string", "integer", "number", "boolean", "object", "array", "null")
		if slices.Contains(s.GetTypes()[:n], t) {
			c.fail(s, "types", "names %q twice", t)
		}
	}
	is := func(t string) bool { return slices.Contains(s.GetTypes(), t) }
	c.oneOf(s, "format", s.GetFormat(), "", "date-time", "date", "email", "uri", "uuid", "csv", "json", "id", "binary")
	switch {
	case s.GetFormat() == "id" && !is("integer"):
		c.fail(s, "format", "an id is an integer")
	case s.GetFormat() != "" && s.GetFormat() != "id" && !is("string"):
		c.fail(s, "format", "%s is a format of strings", s.GetFormat())
	case len(s.GetEnum()) > 0 && !is("string"):
		c.fail(s, "enum", "values are strings")
	case (s.Minimum != nil || s.Maximum != nil) && !is("integer") && !is("number"):
		c.fail(s, "minimum", "only numbers have bounds")
	case s.Minimum != nil && s.Maximum != nil && s.GetMinimum() > s.GetMaximum():
		c.fail(s, "minimum", "is above the maximum")
	case s.MaxLength != nil && (!is("string") || s.GetMaxLength() < 1):
		c.fail(s, "max_length", "is for strings, and above zero")
	case s.GetItems() != nil && !is("array"):
		c.fail(s, "items", "only arrays have items")
	case len(s.GetFields()) > 0 && !is("object"):
		c.fail(s, "fields", "only objects have fields")
	}
	c.defaultOf(s)
	c.schema(s.GetItems())
	c.fields(s.GetFields())
}

func (c *checker) defaultOf(s *catalogv1.Schema) {
	if s.GetDefault() == "" {
		return
	}
	var err error
	switch {
	case slices.Contains(s.GetTypes(), "integer"):
		_, err = strconv.ParseInt(s.GetDefault(), 10, 64)
	case slices.Contains(s.GetTypes(), "boolean"):
		_, err = strconv.ParseBool(s.GetDefault())
	}
	if err != nil {
		c.fail(s, "default", "%q is not of the parameter's type", s.GetDefault())
	}
	if len(s.GetEnum()) > 0 && !slices.Contains(s.GetEnum(), s.GetDefault()) {
		c.fail(s, "default", "%q is not one of the values", s.GetDefault())
	}
}

func (c *checker) response(op *catalogv1.Operation) {
	res := op.GetResponse()
	if res == nil {
		c.fail(op, "response", "is missing")
		return
	}
	c.oneOf(res, "shape", res.GetShape(), ShapeArray, ShapeObject, ShapeNone, ShapeAny)
	if len(res.GetDataKeys()) > 0 && len(res.GetObjectKeys()) > 0 {
		c.fail(res, "object_keys", "excludes data_keys")
	}
	if len(res.GetObjectKeys()) > 0 && res.GetShape() != ShapeObject {
		c.fail(res, "object_keys", "make an object; the shape says %q", res.GetShape())
	}
	for _, key := range res.GetObjectKeys() {
		if !hasField(res.GetFields(), key) {
			c.fail(res, "object_keys", "the field %q is not described", key)
		}
	}
	if res.GetOrWhole() && len(res.GetDataKeys()) == 0 {
		c.fail(res, "or_whole", "needs data_keys to try first")
	}
	if len(res.GetFields()) > 0 && res.GetShape() != ShapeArray && res.GetShape() != ShapeObject {
		c.fail(res, "fields", "only an array or an object has fields")
	}
	if res.GetIdKey() != "" && (res.GetShape() != ShapeArray || !hasField(res.GetFields(), res.GetIdKey())) {
		c.fail(res, "id_key", "the rows have no field %q", res.GetIdKey())
	}
	c.aggregations(op)
	if op.GetBinary() && (op.GetRequest().GetHttpMethod() != "GET" || res.GetShape() != ShapeNone) {
		c.fail(op, "binary", "a file comes by GET and has the shape none")
	}
	c.fields(res.GetFields())
}

// aggregations checks that what an argument asks for has a place in the answer, and the other way round.
func (c *checker) aggregations(op *catalogv1.Operation) {
	res := op.GetResponse()
	key, parameter := res.GetAggregationsKey(), res.GetAggregationsParameter()
	switch {
	case (key == "") != (parameter == ""):
		c.fail(res, "aggregations_key", "goes together with aggregations_parameter")
	case key == "":
	case res.GetShape() != ShapeArray || len(res.GetDataKeys()) == 0:
		c.fail(res, "aggregations_key", "stands beside a list that has data_keys")
	case slices.Contains(res.GetDataKeys(), key) || key == op.GetPaging().GetNextKey() || key == op.GetPaging().GetTotalKey():
		c.fail(res, "aggregations_key", "%q means something else", key)
	case !takesQuery(op, parameter):
		c.fail(res, "aggregations_parameter", "there is no query parameter %q", parameter)
	}
}

func (c *checker) paging(op *catalogv1.Operation) {
	p := op.GetPaging()
	if p == nil {
		return
	}
	if op.GetResponse().GetShape() != ShapeArray {
		c.fail(op, "paging", "only an array has pages")
	}
	c.present(p, "size_parameter", p.GetSizeParameter())
	if p.GetMaxSize() <= 0 || p.GetDefaultSize() < 0 || p.GetDefaultSize() > p.GetMaxSize() {
		c.fail(p, "max_size", "must be above zero and not below default_size")
	}
	limitOnly := p.GetStyle() == catalogv1.PagingStyle_PAGING_STYLE_LIMIT_ONLY
	if !limitOnly && kindOf(op.GetMethod()) != catalogv1.Kind_KIND_LIST {
		c.fail(op, "paging", "only a list is walked page by page")
	}
	needs := func(field, value string, needed bool) {
		switch {
		case needed && value == "":
			c.fail(p, field, "is missing: the style needs it")
		case !needed && value != "":
			c.fail(p, field, "has no meaning in this style")
		}
	}
	switch p.GetStyle() {
	case catalogv1.PagingStyle_PAGING_STYLE_UNSPECIFIED:
		c.fail(p, "style", "is missing; leave paging out where everything comes at once")
	case catalogv1.PagingStyle_PAGING_STYLE_CURSOR:
		needs("position_parameter", p.GetPositionParameter(), true)
		needs("next_key", p.GetNextKey(), true)
	case catalogv1.PagingStyle_PAGING_STYLE_LIMIT_ONLY:
		needs("position_parameter", p.GetPositionParameter(), false)
		needs("next_key", p.GetNextKey(), false)
	default:
		needs("position_parameter", p.GetPositionParameter(), true)
		needs("next_key", p.GetNextKey(), false)
	}
	if p.GetStyle() == catalogv1.PagingStyle_PAGING_STYLE_INDEX {
		needs("total_key", p.GetTotalKey(), true)
	}
}
