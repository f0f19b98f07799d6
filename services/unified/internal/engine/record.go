package engine

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/access"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/nearest"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/expression"
	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/records"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// mapping is what a request says about how records are mapped.
func (r *request) mapping() plan.Call {
	return plan.Call{
		Parameters: r.values,
		Facts:      expression.NewFacts(r.environment, r.account),
		RemoteData: r.remoteData,
	}
}

// one maps a record into a message.
func (e *Engine) one(runner *plan.Runner, res *resource.Resource, record []byte) (proto.Message, error) {
	wire, err := runner.Append(nil, record)
	if err != nil {
		return nil, failure(err, rowID(record))
	}
	m := res.New()
	if err := proto.Unmarshal(wire, m); err != nil {
		return nil, rpcerr.New(rpcerr.Internal, "").WithCause(err)
	}
	return m, nil
}

// rowID is the id of a source record, for messages.
func rowID(record []byte) string { return string(records.Find(record, records.Pointer{"id"})) }

// rowsOf walks the rows of a page; an operation that answers one object is a list of one.
func rowsOf(page []byte) records.Elements {
	if records.KindOf(page) == records.Object {
		page = slices.Concat([]byte{'['}, page, []byte{']'})
	}
	return records.ElementsOf(page)
}

// split cuts the rows of a page.
func split(page []byte) ([][]byte, error) {
	var rows [][]byte
	walk := rowsOf(page)
	for {
		row, ok := walk.Next()
		if !ok {
			return rows, failure(walk.Err(), "")
		}
		if records.KindOf(row) != records.Object {
			return nil, failure(&records.SyntaxError{Want: "an object in every row"}, "")
		}
		rows = append(rows, row)
	}
}

// idOf is the id of an output record.
func idOf(m proto.Message) string {
	msg := m.ProtoReflect()
	return msg.Get(msg.Descriptor().Fields().ByName("id")).String()
}

// prune removes top-level fields that were mapped only for the filters.
func prune(m proto.Message, keep map[string]bool) {
	if keep == nil {
		return
	}
	msg := m.ProtoReflect()
	msg.Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if name := string(fd.Name()); name != "id" && name != plan.RemoteData && !keep[name] {
			msg.Clear(fd)
		}
		return true
	})
}

// customFields finds the organisation's own fields that the answer shall hold. Where nobody asked for them by name and the account's key
// may not see them, the answer goes without, with a warning.
func (e *Engine) customFields(ctx context.Context, res *resource.Resource, r *request, keep map[string]bool) ([]plan.CustomField, int, error) {
	spec := res.Spec.GetCustomFields()
	if spec == nil || keep != nil && !keep[spec.GetName()] || r.custom != nil && *r.custom == "" {
		return nil, 0, nil
	}
	fields, err := e.definitions.Fields(ctx, res.Operation(spec.GetOperation()), spec, r.account)
	if err != nil {
		if code := e.errors.From(err).Code; r.custom == nil && (code == access.CodeUpstreamForbidden || code == access.CodeOperationNotGranted) {
			return nil, 1, nil
		}
		return nil, 0, err
	}
	if r.custom == nil {
		return fields, 0, nil
	}
	chosen, err := choice(fields, *r.custom)
	return chosen, 0, err
}

// choice picks fields by key.
func choice(fields []plan.CustomField, keys string) ([]plan.CustomField, error) {
	byKey := make(map[string]plan.CustomField, len(fields))
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		byKey[f.Key] = f
		names = append(names, f.Key)
	}
	var chosen []plan.CustomField
	for key := range strings.SplitSeq(keys, ",") {
		key = strings.TrimSpace(key)
		f, ok := byKey[key]
		if !ok {
			e := rpcerr.Invalid("custom_fields", "the organisation has no field "+key)
			if near := nearest.Of(key, names); near != "" {
				e = e.WithFix("Did you mean " + near + "?")
			}
			return nil, e
		}
		chosen = append(chosen, f)
		delete(byKey, key)
	}
	return chosen, nil
}

// ask adds to the fields that a source is asked for what the organisation's own fields and the overrides of the mappings read.
func ask(s *catalogv1.Source, custom []plan.CustomField, query map[string][]string, mappings ...*resource.Resource) {
	base, ok := s.GetQuery()["fields"]
	if !ok {
		return
	}
	keys := strings.Split(base, ",")
	add := func(key string) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, res := range mappings {
		for _, key := range res.Missing(s) {
			add(key)
		}
	}
	for _, f := range custom {
		add(f.Key)
	}
	query["fields"] = []string{strings.Join(keys, ",")}
}
