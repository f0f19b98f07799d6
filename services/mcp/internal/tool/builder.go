package tool

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
)

// Names of the builder tools whose call is not simply the procedure behind them.
const (
	GetSample       = "get_sample"
	ValidateMapping = "validate_mapping"
)

// Arguments of the builder tools.
const (
	ArgumentModel    = "model"
	ArgumentResource = "resource"
	ArgumentSamples  = "samples"
)

// builderTool is a row of the builder's tools.
type builderTool struct {
	name, procedure, title, description string
	effect                              catalogv1.Effect
	// leave are fields of the procedure that the tool does not take.
	leave []string
}

func builderTools() []builderTool {
	const read, write = catalogv1.Effect_EFFECT_READ, catalogv1.Effect_EFFECT_WRITE
	return []builderTool{
		{
			"get_schema", "GetMeta", "Read a unified schema",
			"Returns the JSON Schema of a normalised record, with its filters, sort fields and methods. Start here.", read,
			[]string{"format"},
		},
		{
			GetSample, "", "Read sample records",
			"Returns a few live records of an account, each normalised and, under remote_data, as the provider sent it: the material for a mapping.", read, nil,
		},
		{
			"get_mapping", "GetMapping", "Read a mapping",
			"Returns how each field of a normalised record is made and by which layer: catalog, environment or account. It also gives the versions " +
				"to send back as expected_version.", read, nil,
		},
		{
			ValidateMapping, "DryRun", "Validate an override",
			"Checks that an override compiles and keeps the required fields, against one live record. Nothing is stored.", read,
			[]string{ArgumentSamples},
		},
		{
			"dry_run_mapping", "DryRun", "Try an override",
			"Maps live records with and without an override and returns every field that would change. Nothing is stored. Do this before applying.", read, nil,
		},
		{
			"explain_record", "Explain", "Explain a record",
			"Says for each field of one record which layer, expression and source value made it.", read, nil,
		},
		{
			"apply_override", "PutOverride", "Apply an override",
			"Stores an override of one layer as a new version, in force at once. Give the version that get_mapping returned as expected_version.", write, nil,
		},
		{
			"rollback_override", "Rollback", "Roll an override back",
			"Puts an earlier version of an override back in force, as a new version; number 0 removes the override.", write, nil,
		},
	}
}

// ForBuilder makes the tools that customise mappings.
func ForBuilder() ([]*Tool, error) {
	methods := mappingv1.File_sando_unified_mapping_v1_mapping_proto.Services().ByName("MappingService").Methods()
	var tools []*Tool
	for _, b := range builderTools() {
		t := synthetic(b.name, b.title, b.description, b.effect, sampleFields(), &catalogv1.Response{Shape: catalog.ShapeArray})
		t.Backend, t.Resource, t.Operation.Id = Builder, "mappings", "unified.mappings."+b.name
		if b.procedure != "" {
			m := methods.ByName(protoreflect.Name(b.procedure))
			if m == nil {
				return nil, fmt.Errorf("tool %s: there is no procedure %s", b.name, b.procedure)
			}
			t.Procedure = m
			t.Operation.Request.Body.Fields = builderFields(m, b.leave)
			t.Operation.Response = &catalogv1.Response{Shape: catalog.ShapeObject, Fields: fieldsOf(m.Output(), 0)}
		}
		if err := t.describe(); err != nil {
			return nil, err
		}
		tools = append(tools, t)
	}
	return tools, checkNames(tools)
}

// sampleFields are the arguments of get_sample, which reads by whichever service has the resource.
func sampleFields() []*catalogv1.Field {
	return []*catalogv1.Field{
		{Name: ArgumentModel, Required: true, Description: meaning(ArgumentModel), Schema: typed("string")},
		{Name: ArgumentResource, Required: true, Description: meaning(ArgumentResource), Schema: typed("string")},
		{Name: catalog.ArgumentAccount, Required: true, Description: meaning(catalog.ArgumentAccount), Schema: typed("string")},
		{Name: ArgumentSamples, Description: meaning(ArgumentSamples), Schema: &catalogv1.Schema{
			Types: []string{"integer"}, Minimum: new(int64(1)), Maximum: new(int64(50)),
		}},
		{Name: "app_id", Description: "Application whose users are read; needed for sso app_users.", Schema: typed("string")},
		{Name: "user_id", Description: "Reads the applications of this user; for sso apps.", Schema: typed("string")},
	}
}

func builderFields(m protoreflect.MethodDescriptor, leave []string) []*catalogv1.Field {
	var out []*catalogv1.Field
	for i := range m.Input().Fields().Len() {
		fd := m.Input().Fields().Get(i)
		name := string(fd.Name())
		if slices.Contains(leave, name) {
			continue
		}
		// An override is any JSON, null included.
		isRaw := fd.Kind() == protoreflect.MessageKind
		out = append(out, &catalogv1.Field{
			Name: name, Description: meaning(name), Schema: schemaOf(fd, 0), Nullable: isRaw, Required: isRaw || !fd.HasPresence(),
		})
	}
	return out
}

// meaning is what an argument of the builder's tools means.
func meaning(name string) string {
	return map[string]string{
		ArgumentModel:           "Unified model: user-directory or sso.",
		ArgumentResource:        "Resource of the model: organizations, roles or users; apps or app_users.",
		catalog.ArgumentAccount: "Integrated account whose layer, or whose records, are meant.",
		ArgumentSamples:         "How many records to read; 5 when left out.",
		"layer":                 "Layer of the override: environment for all accounts, account for one.",
		"override":              `{"fields": {name: mapping or null}, "filters": {...}}, laid over the layer below; null removes the override.`,
		"reason":                "Why, for those who read the history.",
		"expected_version":      "Version that the change was made on; if another is in force by now, nothing is changed.",
		"number":                "Version to put back; 0 removes the override.",
		"id":                    "Id of the record.",
		"query":                 "Filters that the resource needs, e.g. app_id=1: URL-encoded pairs.",
		"format":                "json or markdown.",
	}[name]
}
