// Package resource turns a mapping of the catalog, with what environments and accounts change in it, into something that can be asked:
// how to read records, how to map them, which filters there are and where each runs.
package resource

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/services/unified/internal/expression"
	"github.com/sando-dev/sando/services/unified/internal/plan"
)

// The layers of a mapping, the lowest first.
const (
	LayerCatalog     = "catalog"
	LayerEnvironment = "environment"
	LayerAccount     = "account"
)

// Name identifies a unified resource.
type Name struct {
	Model, Resource string
}

func (n Name) String() string { return n.Model + "/" + n.Resource }

// Operations finds an operation of the catalog by id.
type Operations interface {
	Operation(id string) (*catalogv1.Operation, bool)
}

// Definition is a mapping before it is compiled: the catalog's, with the rows of each layer.
type Definition struct {
	// Spec is the catalog's mapping; its sources, sort, update and custom fields hold in every layer.
	Spec *catalogv1.UnifiedResource
	// Fields and Filters are the rows in force and the layers they come from.
	Fields  []plan.Field
	Filters []LayeredFilter
	// Removed are the rows that layers took away.
	Removed []Removal
}

// LayeredFilter is a filter and the layer that it comes from.
type LayeredFilter struct {
	Spec  *catalogv1.Filter
	Layer string
}

// FromCatalog is the definition without overrides.
func FromCatalog(u *catalogv1.UnifiedResource) Definition {
	d := Definition{Spec: u}
	for _, f := range u.GetFields() {
		d.Fields = append(d.Fields, plan.Field{Mapping: f, Layer: LayerCatalog})
	}
	for _, f := range u.GetFilters() {
		d.Filters = append(d.Filters, LayeredFilter{Spec: f, Layer: LayerCatalog})
	}
	return d
}

// Name is the name of the resource.
func (d *Definition) Name() Name {
	return Name{Model: d.Spec.GetModel(), Resource: d.Spec.GetResource()}
}

// Resource is a compiled definition. It is safe for concurrent use.
type Resource struct {
	Definition
	// Message is the type of output records.
	Message protoreflect.MessageType
	// Plan maps records.
	Plan *plan.Plan

	operations Operations
	mapping    *expression.Env
	filtering  *expression.Env
	filters    map[string][]*Filter // by parameter name: created_at[gt] is created_at_gt
	// keys are the top-level source keys that overrides read beyond what the catalog asks the provider for.
	keys []string
	// listed and addresses are what the schemas of the sources say about the top-level fields of their records.
	listed    map[string][]string
	addresses map[string]bool
	version   string
}

// Compile checks a definition and compiles it. What is wrong with rows is reported as [plan.Faults].
func Compile(d Definition, ops Operations) (*Resource, error) {
	message, ok := messageNamed(protoreflect.FullName(d.Spec.GetMessage()))
	if !ok {
		return nil, fmt.Errorf("resource: %s: %s is not a message of a unified model", d.Name(), d.Spec.GetMessage())
	}
	r := &Resource{Message: message, operations: ops}
	var sources []*catalogv1.Operation
	for _, s := range d.Spec.GetSources() {
		op, ok := ops.Operation(s.GetOperation())
		if !ok {
			return nil, fmt.Errorf("resource: %s: the catalog has no operation %s", d.Name(), s.GetOperation())
		}
		sources = append(sources, op)
	}
	r.listed, r.addresses = listing(sources)
	var err error
	if r.mapping, err = expression.NewMapping(sources...); err != nil {
		return nil, err
	}
	if r.filtering, err = expression.NewFilter(r.New()); err != nil {
		return nil, err
	}
	return r.With(d)
}

// With compiles another definition of the same resource.
func (r *Resource) With(d Definition) (*Resource, error) {
	other := &Resource{
		Definition: d, Message: r.Message, operations: r.operations, mapping: r.mapping, filtering: r.filtering,
		filters: make(map[string][]*Filter), listed: r.listed, addresses: r.addresses,
	}
	var faults plan.Faults
	var err error
	other.Plan, err = plan.Compile(plan.Table{
		Message: r.Message.Descriptor(), Fields: d.Fields, CustomFields: d.Spec.GetCustomFields().GetName(), Expressions: r.mapping,
	})
	if err != nil && !errors.As(err, &faults) {
		return nil, err
	}
	if faults = append(faults, other.compileFilters()...); len(faults) > 0 {
		return nil, faults
	}
	other.version = versionOf(d)
	for _, layer := range []string{LayerEnvironment, LayerAccount} {
		other.keys = append(other.keys, other.Plan.Keys(layer)...)
	}
	return other, nil
}

// Version tells mappings apart by what overrides make of the catalog's; empty where they change nothing.
func (r *Resource) Version() string { return r.version }

func versionOf(d Definition) string {
	hash, any := sha256.New(), len(d.Removed) > 0
	add := func(layer string, m proto.Message) {
		any = any || layer != LayerCatalog
		// Rows never hold more than their bytes; a faulty one would not have compiled.
		b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		hash.Write(binary.AppendUvarint(nil, uint64(len(b))))
		hash.Write(b)
	}
	for _, f := range d.Fields {
		add(f.Layer, f.Mapping)
	}
	for _, f := range d.Filters {
		add(f.Layer, f.Spec)
	}
	if !any && len(d.Filters) == len(d.Spec.GetFilters()) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:12])
}

// New makes an empty output record.
func (r *Resource) New() proto.Message { return r.Message.New().Interface() }

// Operation finds an operation that the definition names; they were checked when it was compiled.
func (r *Resource) Operation(id string) *catalogv1.Operation {
	op, _ := r.operations.Operation(id)
	return op
}

// Source chooses the source of a method: the first whose filters are all given.
func (r *Resource) Source(method string, given func(filter string) bool) (*catalogv1.Source, bool) {
	for _, s := range r.Spec.GetSources() {
		if s.GetMethod() == method && !slices.ContainsFunc(s.GetWhenFilters(), func(name string) bool { return !given(name) }) {
			return s, true
		}
	}
	return nil, false
}

// Methods lists what is served: list, get and update.
func (r *Resource) Methods() []string {
	var methods []string
	for _, s := range r.Spec.GetSources() {
		if !slices.Contains(methods, s.GetMethod()) {
			methods = append(methods, s.GetMethod())
		}
	}
	if r.Spec.GetUpdate() != nil {
		methods = append(methods, "update")
	}
	return methods
}

// FieldNames lists the top-level fields of an output record.
func (r *Resource) FieldNames() []string {
	fields := r.Message.Descriptor().Fields()
	names := make([]string, fields.Len())
	for i := range names {
		names[i] = string(fields.Get(i).Name())
	}
	return names
}

// selection is the query parameter by which sources choose the fields of their answers.
const selection = "fields"

// Missing lists the source keys that overrides read and a source must be asked for, because it answers only the fields it is asked for.
func (r *Resource) Missing(s *catalogv1.Source) []string {
	asked, ok := s.GetQuery()[selection]
	if !ok {
		return nil
	}
	have := strings.Split(asked, ",")
	have = append(have, "id")
	var missing []string
	for _, key := range r.keys {
		if !slices.Contains(have, key) && !slices.Contains(missing, key) && !r.elsewhere(s, key) {
			missing = append(missing, key)
		}
	}
	return missing
}

// elsewhere says whether the catalog asks other sources alone for a key: this one does not have it, and a provider refuses what it does not know.
func (r *Resource) elsewhere(s *catalogv1.Source, key string) bool {
	if slices.ContainsFunc(r.Operation(s.GetOperation()).GetResponse().GetFields(), func(f *catalogv1.Field) bool { return f.GetName() == key }) {
		return false
	}
	return slices.ContainsFunc(r.Spec.GetSources(), func(other *catalogv1.Source) bool {
		return slices.Contains(strings.Split(other.GetQuery()[selection], ","), key)
	})
}
