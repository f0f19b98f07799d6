package tool

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"

	// The services whose procedures become tools; FromUnified finds them by the names in the catalog.
	_ "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
)

// TagUnified marks the tools that read and write normalised records.
const TagUnified = "unified"

// maxDepth bounds how deep the schema of a record is described.
const maxDepth = 4

// FromUnified makes the tools of an integration's normalised resources: list, get and, where records can be changed, update.
func FromUnified(c *catalog.Catalog, integration string) ([]*Tool, error) {
	var tools []*Tool
	for _, u := range c.UnifiedResources(integration) {
		made, err := fromResource(c, u)
		if err != nil {
			return nil, err
		}
		tools = append(tools, made...)
	}
	return tools, checkNames(tools)
}

func fromResource(c *catalog.Catalog, u *catalogv1.UnifiedResource) ([]*Tool, error) {
	record := protoreflect.FullName(u.GetMessage())
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(record + "Service")
	if err != nil {
		return nil, fmt.Errorf("unified %s/%s: %w", u.GetModel(), u.GetResource(), err)
	}
	service, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("unified %s/%s: %s is not a service", u.GetModel(), u.GetResource(), found.FullName())
	}
	var tools []*Tool
	for i := range service.Methods().Len() {
		t, err := fromMethod(c, u, service.Methods().Get(i), record)
		if err != nil {
			return nil, err
		}
		if t != nil {
			tools = append(tools, t)
		}
	}
	return tools, nil
}

// fromMethod makes one tool; nil where the integration does not serve the method.
func fromMethod(c *catalog.Catalog, u *catalogv1.UnifiedResource, m protoreflect.MethodDescriptor, record protoreflect.FullName) (*Tool, error) {
	d := derived{resource: u, singular: snake(string(record.Name())), method: m}
	switch name := string(m.Name()); {
	case strings.HasPrefix(name, "List"):
		d.list()
	case strings.HasPrefix(name, "Get"):
		d.get()
	case d.updates():
		if u.GetUpdate() == nil {
			return nil, nil
		}
		d.update(c)
	default:
		return nil, fmt.Errorf("unified: %s becomes no tool", m.FullName())
	}
	t := &Tool{
		Name: d.op.GetToolName(), Short: "unified_" + shortName(d.op.GetToolName(), "unified"), Operation: d.op,
		Resource: u.GetModel() + "/" + u.GetResource(), Backend: Unified, Grants: d.grants, Procedure: m,
	}
	return t, t.describe()
}

// derived is a tool in the making.
type derived struct {
	resource *catalogv1.UnifiedResource
	singular string
	method   protoreflect.MethodDescriptor
	op       *catalogv1.Operation
	grants   []string
}

func (d *derived) list() {
	d.start("list", catalogv1.Kind_KIND_LIST, "list_all_unified_"+d.resource.GetResource(),
		"List "+words(d.resource.GetResource())+", normalised",
		"Lists "+words(d.resource.GetResource())+" in a form that is the same for every provider. "+d.resource.GetDescription()+
			" Pages hold at most 1000 records: pass limit to set the size and next_cursor with the same filters, until it is null, to continue.")
	d.op.Response.Shape = catalog.ShapeArray
	d.reads("list")
}

func (d *derived) get() {
	d.start("get", catalogv1.Kind_KIND_GET, "get_single_unified_"+d.singular+"_by_id",
		"Get one "+words(d.singular)+", normalised",
		"Reads one "+words(d.singular)+" by id in a form that is the same for every provider. "+d.resource.GetDescription())
	d.reads("get")
}

func (d *derived) update(c *catalog.Catalog) {
	d.start("update", catalogv1.Kind_KIND_UPDATE, "update_a_unified_"+d.singular+"_by_id",
		"Update one "+words(d.singular)+", normalised",
		"Changes one "+words(d.singular)+" and returns it as changed. "+d.resource.GetDescription())
	d.grants = []string{d.resource.GetUpdate().GetOperation()}
	d.op.Effect, d.op.Idempotent = catalogv1.Effect_EFFECT_WRITE, false
	if below, ok := c.Operation(d.resource.GetUpdate().GetOperation()); ok {
		d.op.Effect, d.op.Idempotent = below.GetEffect(), below.GetIdempotent()
	}
}

func (d *derived) start(method string, kind catalogv1.Kind, name, title, description string) {
	id := "unified." + d.resource.GetModel() + "." + d.resource.GetResource() + "." + method
	d.op = &catalogv1.Operation{
		Id: id, Method: method, Kind: kind, Effect: catalogv1.Effect_EFFECT_READ, Idempotent: true, Title: title, Description: description,
		Tags: []string{TagUnified}, ToolName: name,
		Request:  &catalogv1.Request{Body: &catalogv1.Body{Fields: d.arguments()}},
		Response: &catalogv1.Response{Shape: catalog.ShapeObject, Fields: fieldsOf(d.record(), 0)},
	}
}

// record is the message of a record, from the `result` of the answer.
func (d *derived) record() protoreflect.MessageDescriptor {
	return d.method.Output().Fields().ByName("result").Message()
}

// reads grants the operations that a method reads.
func (d *derived) reads(method string) {
	add := func(id string) {
		if id != "" && !slices.Contains(d.grants, id) {
			d.grants = append(d.grants, id)
		}
	}
	for _, s := range d.resource.GetSources() {
		if s.GetMethod() == method {
			add(s.GetOperation())
		}
	}
	add(d.resource.GetCustomFields().GetOperation())
	if method == "get" {
		add(d.resource.GetCustomFields().GetGet().GetOperation())
	}
}

// arguments are the fields of the request, but for those that the server itself fills in.
func (d *derived) arguments() []*catalogv1.Field {
	var out []*catalogv1.Field
	fields := d.method.Input().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		name := string(fd.Name())
		switch name {
		case catalog.ArgumentAccount, catalog.ArgumentLimit, catalog.ArgumentCursor, "filters":
			continue
		}
		schema := schemaOf(fd, 0)
		if name == "id" || strings.HasSuffix(name, "_id") {
			schema = &catalogv1.Schema{Types: []string{"string"}, Format: "id"}
		}
		out = append(out, &catalogv1.Field{Name: name, Description: d.say(name), Schema: schema, Required: d.required(fd)})
	}
	return out
}

// say is what an argument means.
func (d *derived) say(name string) string {
	if text := d.sayOwn(name); text != "" {
		return text
	}
	switch name {
	case "id":
		return "Id of the record."
	case "user_id":
		return "Id of the user that the change is about."
	case "fields":
		return "Comma-separated fields to return; all when left out."
	case "custom_fields":
		return "Comma-separated keys of custom fields to read; all when left out, none when empty."
	case "sort":
		return "Comma-separated field:asc or field:desc."
	case "remote_data":
		return "True to return the provider's own record as well."
	}
	return ""
}

// sayOwn is what an argument of the resource means: of an update the new value of a field, else the filter.
func (d *derived) sayOwn(name string) string {
	if d.updates() {
		for _, f := range d.resource.GetUpdate().GetFields() {
			if f.GetName() == name {
				return "The new value" + oneOf(f) + "."
			}
		}
		return ""
	}
	for _, f := range d.resource.GetFilters() {
		if filterArgument(f.GetName()) == name {
			return f.GetDescription()
		}
	}
	return ""
}

func (d *derived) updates() bool { return strings.HasPrefix(string(d.method.Name()), "Update") }

// required says whether a call cannot do without an argument, as an update without the only field that it can change.
func (d *derived) required(fd protoreflect.FieldDescriptor) bool {
	changes := d.resource.GetUpdate().GetFields()
	return !fd.HasPresence() || d.updates() && len(changes) == 1 && changes[0].GetName() == string(fd.Name())
}

func oneOf(f *catalogv1.UpdateField) string {
	if len(f.GetEnum()) == 0 {
		return ""
	}
	values := make([]string, 0, len(f.GetEnum()))
	for v := range f.GetEnum() {
		values = append(values, v)
	}
	slices.Sort(values)
	return ": one of " + strings.Join(values, ", ")
}

// filterArgument is a filter's name as an argument: `created_at[gt]` is created_at_gt.
func filterArgument(name string) string {
	return strings.TrimSuffix(strings.ReplaceAll(name, "[", "_"), "]")
}

func fieldsOf(md protoreflect.MessageDescriptor, depth int) []*catalogv1.Field {
	var out []*catalogv1.Field
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		out = append(out, &catalogv1.Field{Name: string(fd.Name()), Schema: schemaOf(fd, depth)})
	}
	return out
}

// schemaOf is the JSON type of a field, as the product writes it.
func schemaOf(fd protoreflect.FieldDescriptor, depth int) *catalogv1.Schema {
	one := scalarOf(fd, depth)
	if fd.IsList() {
		return &catalogv1.Schema{Types: []string{"array"}, Items: one}
	}
	return one
}

func scalarOf(fd protoreflect.FieldDescriptor, depth int) *catalogv1.Schema {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return typed("boolean")
	case protoreflect.Int32Kind:
		return typed("integer")
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return typed("number")
	case protoreflect.MessageKind:
		return messageOf(fd.Message(), depth)
	default:
		return typed("string")
	}
}

func messageOf(md protoreflect.MessageDescriptor, depth int) *catalogv1.Schema {
	switch {
	case md.FullName() == "google.protobuf.Timestamp":
		return &catalogv1.Schema{Types: []string{"string"}, Format: "date-time"}
	case md.FullName() == (&rpcv1.RawJson{}).ProtoReflect().Descriptor().FullName():
		return &catalogv1.Schema{}
	case depth >= maxDepth:
		return typed("object")
	}
	return &catalogv1.Schema{Types: []string{"object"}, Fields: fieldsOf(md, depth+1)}
}

// snake turns AppUser into app_user.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }
