// Package tool turns the rows of the catalog into tools for agents: names, schemas and annotations are derived, never written by hand.
package tool

import (
	"encoding/json"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/services/mcp/internal/argument"
)

// A Backend is what carries out a tool's calls.
type Backend int

const (
	// Proxy tools are catalog operations.
	Proxy Backend = iota
	// Unified tools read and write normalised records.
	Unified
	// Discovery tools find and call the other tools.
	Discovery
	// Builder tools customise mappings.
	Builder
)

// A Tool is one tool as it is shown and called. It is shared and never changed.
type Tool struct {
	// Name is the full name, e.g. `list_all_torii_users`; Short is its form for clients that put a prefix before names.
	Name, Short string
	// Operation describes the arguments and the answer: a row of the catalog, or one of the same form for tools that are not.
	Operation *catalogv1.Operation
	// Resource is the catalog resource, e.g. `users`; for unified tools `user-directory/users`.
	Resource string
	// Backend carries out the calls.
	Backend Backend
	// Procedure is the procedure of a unified tool; nil for the others.
	Procedure protoreflect.MethodDescriptor
	// Grants are the operation ids that a grant must name for the tool to work.
	Grants []string
	// Input and Output are JSON Schema 2020-12.
	Input, Output json.RawMessage

	// confirmInput is Input with confirm_token, for servers that ask for a confirmation.
	confirmInput json.RawMessage
	// reader and confirmReader read the arguments of either.
	reader, confirmReader *argument.Reader
}

// Read reads the arguments of a call; confirm_token is one of them where a confirmation is asked for.
func (t *Tool) Read(raw []byte, confirm bool) (*argument.Values, error) {
	if confirm {
		return t.confirmReader.Read(raw)
	}
	return t.reader.Read(raw)
}

// ArgumentConfirm is the argument that repeats a call with the user's consent.
const ArgumentConfirm = "confirm_token"

// ConfirmField describes ArgumentConfirm.
func ConfirmField() *catalogv1.Field {
	return &catalogv1.Field{
		Name:        ArgumentConfirm,
		Description: "The confirm_token of the answer that asked for a confirmation. Only with the user's consent.",
		Schema:      typed("string"),
	}
}

// ReadOnly says whether the tool changes nothing.
func (t *Tool) ReadOnly() bool { return t.Operation.GetEffect() == catalogv1.Effect_EFFECT_READ }

// Destructive says whether the tool removes something or starts what cannot be undone.
func (t *Tool) Destructive() bool {
	return t.Operation.GetEffect() == catalogv1.Effect_EFFECT_DESTRUCTIVE
}

// Extended says whether the tool is shown only when it is asked for.
func (t *Tool) Extended() bool {
	return t.Backend != Proxy || slices.Contains(t.Operation.GetTags(), catalog.TagExtended)
}

// NameIn is the tool's name in a style.
func (t *Tool) NameIn(s Style) string {
	if s == Short {
		return t.Short
	}
	return t.Name
}

// Annotations are the four hints of MCP, all of them set.
type Annotations struct {
	ReadOnlyHint    bool `json:"readOnlyHint"`
	DestructiveHint bool `json:"destructiveHint"`
	IdempotentHint  bool `json:"idempotentHint"`
	OpenWorldHint   bool `json:"openWorldHint"`
}

// Annotations says what a call may do. Every catalog tool reaches a service outside of sando, so its world is open.
func (t *Tool) Annotations() Annotations {
	return Annotations{
		ReadOnlyHint:    t.ReadOnly(),
		DestructiveHint: t.Destructive(),
		IdempotentHint:  t.ReadOnly() || t.Operation.GetIdempotent(),
		OpenWorldHint:   t.Backend != Discovery,
	}
}

// All makes every tool there is of one integration.
func All(c *catalog.Catalog, integration string) ([]*Tool, error) {
	tools, err := FromCatalog(c, integration)
	if err != nil {
		return nil, err
	}
	unified, err := FromUnified(c, integration)
	if err != nil {
		return nil, err
	}
	tools = append(tools, unified...)
	return tools, checkNames(tools)
}

// FromCatalog makes the tools of one integration, in the order of its files.
func FromCatalog(c *catalog.Catalog, integration string) ([]*Tool, error) {
	var tools []*Tool
	for _, op := range c.Operations(integration) {
		t, err := fromOperation(op, integration)
		if err != nil {
			return nil, err
		}
		tools = append(tools, t)
	}
	return tools, checkNames(tools)
}

func fromOperation(op *catalogv1.Operation, integration string) (*Tool, error) {
	_, resource, _ := catalog.SplitID(op.GetId())
	t := &Tool{
		Name:      op.GetToolName(),
		Short:     shortName(op.GetToolName(), integration),
		Operation: op,
		Resource:  resource,
		Backend:   Proxy,
		Grants:    []string{op.GetId()},
	}
	return t, t.describe()
}

// describe makes the schemas.
func (t *Tool) describe() error {
	input, err := catalog.InputSchema(t.Operation)
	if err != nil {
		return fmt.Errorf("tool %s: %w", t.Name, err)
	}
	output, err := catalog.OutputSchema(t.Operation)
	if err != nil {
		return fmt.Errorf("tool %s: %w", t.Name, err)
	}
	confirm, err := catalog.InputSchema(t.Operation, ConfirmField())
	if err != nil {
		return fmt.Errorf("tool %s: %w", t.Name, err)
	}
	t.Input, t.Output, t.confirmInput = input, output, confirm
	t.reader, t.confirmReader = argument.NewReader(t.Operation), argument.NewReader(t.Operation, ConfirmField())
	return nil
}

// checkNames refuses two tools of one name, in either style.
func checkNames(tools []*Tool) error {
	full, short := make(map[string]bool, len(tools)), make(map[string]bool, len(tools))
	for _, t := range tools {
		if full[t.Name] || short[t.Short] {
			return fmt.Errorf("tool %s (%s): another tool has this name", t.Name, t.Short)
		}
		full[t.Name], short[t.Short] = true, true
	}
	return nil
}
