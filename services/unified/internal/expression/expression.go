// Package expression compiles and runs the CEL expressions of mappings and filters.
//
// An expression sees the record it works on and a few facts about the call, and nothing else: there is no I/O, no clock and no environment.
// It is typed before it runs: `record` has the fields that the catalog or the protobuf schema declares, and the result must fit the output
// field. It is bounded twice, by an estimate when it is compiled and by a counter while it runs.
//
// One rule holds for the source of a mapping: a field that is null, missing or of another type than declared is absent. An expression that
// touches an absent field yields nothing, unless it asks first with has(record.field); a wrong type is also counted as a warning.
package expression

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/sando-dev/sando/kit/nearest"
)

const (
	// MaxLength is the longest expression, in bytes.
	MaxLength = 4 << 10
	// MaxCost bounds one evaluation, in CEL cost units of some ten nanoseconds each.
	MaxCost = 20_000
	// MaxOutput is the largest result, in bytes.
	MaxOutput = 64 << 10

	maxDepth        = 32
	maxNodes        = 2_000
	maxNestedLoops  = 2
	maxRegexProgram = 1_000
	checkEvery      = 64
)

// Want is the type that the result must have.
type Want int

// The wanted types.
const (
	Text Want = iota
	Int
	Bool
	Time
	Texts
	JSON
)

func (w Want) String() string {
	return [...]string{"string", "int", "bool", "timestamp", "list(string)", "a JSON value"}[w]
}

// Env is a set of declarations to compile against. It is safe for concurrent use.
type Env struct {
	cel *cel.Env
	// fields are the names of the record's fields, for hints.
	fields []string
}

func newEnv(options ...cel.EnvOption) (*Env, error) {
	env, err := cel.NewEnv(append(options,
		cel.ParserRecursionLimit(maxDepth),
		cel.ParserExpressionSizeLimit(MaxLength),
		cel.ExpressionNodeLimit(maxNodes),
		cel.RegexProgramSizeLimit(maxRegexProgram),
		cel.ASTValidators(
			cel.ValidateTimestampLiterals(), cel.ValidateDurationLiterals(), cel.ValidateRegexLiterals(),
			cel.ValidateComprehensionNestingLimit(maxNestedLoops),
		),
	)...)
	if err != nil {
		return nil, fmt.Errorf("expression: %w", err)
	}
	return &Env{cel: env}, nil
}

// Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	text    string
	want    Want
	program cel.Program
	fields  []string
}

// String is the expression as written.
func (p *Program) String() string { return p.text }

// Fields lists the top-level keys of the source record that the expression reads.
func (p *Program) Fields() []string { return p.fields }

// Error is why an expression is refused, and what to do about it.
type Error struct {
	Text, Fix string
}

func (e *Error) Error() string { return e.Text }

func refuse(fix, format string, args ...any) error {
	return &Error{Text: fmt.Sprintf(format, args...), Fix: fix}
}

// Compile checks an expression and prepares it to run. What is wrong with the expression is reported as [*Error].
func (e *Env) Compile(text string, want Want) (*Program, error) {
	switch {
	case !utf8.ValidString(text):
		return nil, refuse("Send it as UTF-8.", "the expression is not valid UTF-8")
	case len(text) > MaxLength:
		return nil, refuse("Shorten it.", "the expression has %d bytes; at most %d are taken", len(text), MaxLength)
	}
	ast, issues := e.cel.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, refuse(fixOf(issues), "%s", e.hinted(firstIssue(issues)))
	}
	if !want.accepts(ast.OutputType()) {
		return nil, refuse("Convert the result, e.g. with string(...), int(...) or timestamp(...).",
			"the expression yields %s, but the field takes %s", ast.OutputType(), want)
	}
	estimate, err := e.cel.EstimateCost(ast, sizes{})
	if err != nil {
		return nil, err
	}
	if estimate.Max > MaxCost {
		return nil, refuse("Loop over one list only, not over a list for each element of another, and match texts without many repetitions.",
			"the expression may cost up to %d units on one record; at most %d are taken", estimate.Max, MaxCost)
	}
	program, err := e.cel.Program(ast, cel.CostLimit(MaxCost), cel.InterruptCheckFrequency(checkEvery), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, err
	}
	return &Program{text: text, want: want, program: program, fields: fieldsOf(ast)}, nil
}

// firstIssue is the first complaint on one line, with its place where it has one.
func firstIssue(issues *cel.Issues) string {
	first := issues.Errors()[0]
	text, _, _ := strings.Cut(first.Message, "\n")
	if first.Location.Line() < 1 {
		return text
	}
	return fmt.Sprintf("line %d, column %d: %s", first.Location.Line(), first.Location.Column()+1, text)
}

// fixOf says what to do about the first complaint.
func fixOf(issues *cel.Issues) string {
	switch text := issues.Errors()[0].Message; {
	case strings.Contains(text, "no matching overload"):
		return "Give the operator or function values of types that it takes; string(...), int(...) and double(...) convert."
	case strings.Contains(text, "undeclared reference"):
		return "An expression sees record and context, that of a filter record and value, and the functions of CEL; nothing else."
	case strings.Contains(text, "matches argument"):
		return "Use a regular expression (RE2) that is shorter and repeats less."
	case strings.Contains(text, "recursion limit"):
		return "Nest less deeply."
	default:
		return "Correct the expression at this place; it is written in CEL."
	}
}

// hinted adds what an unknown field may have been meant to be.
func (e *Env) hinted(issue string) string {
	_, name, ok := strings.Cut(issue, "undefined field '")
	if !ok || e.fields == nil {
		return issue
	}
	name, _, _ = strings.Cut(name, "'")
	if near := nearest.Of(name, e.fields); near != "" {
		issue += fmt.Sprintf("; did you mean %q?", near)
	}
	return issue + fmt.Sprintf(`; field(record, "/%s") reads a field that the catalog does not list`, name)
}

func (w Want) accepts(t *cel.Type) bool {
	if t.Kind() == types.DynKind || t.Kind() == types.NullTypeKind {
		return true
	}
	switch w {
	case Text:
		return t.Kind() == types.StringKind
	case Int:
		return t.Kind() == types.IntKind
	case Bool:
		return t.Kind() == types.BoolKind
	case Time:
		return t.Kind() == types.TimestampKind
	case Texts:
		return t.Kind() == types.ListKind && Text.accepts(t.Parameters()[0])
	default:
		return jsonable(t)
	}
}

func jsonable(t *cel.Type) bool {
	switch t.Kind() {
	case types.DynKind, types.NullTypeKind, types.StringKind, types.IntKind, types.UintKind, types.DoubleKind, types.BoolKind,
		types.TimestampKind:
		return true
	case types.StructKind:
		return strings.HasPrefix(t.TypeName(), sourcePrefix)
	case types.ListKind:
		return jsonable(t.Parameters()[0])
	case types.MapKind:
		return t.Parameters()[0].Kind() == types.StringKind && jsonable(t.Parameters()[1])
	default:
		return false
	}
}

// sizes are the assumptions of the cost estimate about values whose size is known only at run time, which the counter bounds anyway.
type sizes struct{}

func (sizes) EstimateSize(element cost.AstNode) *cost.SizeEstimate {
	switch element.Type().Kind() {
	case types.StringKind, types.BytesKind:
		return &cost.SizeEstimate{Max: 256}
	case types.ListKind, types.MapKind, types.DynKind:
		return &cost.SizeEstimate{Max: 64}
	default:
		return nil
	}
}

func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// errAbsent says that an expression touched a field that the record does not have.
var errAbsent = errors.New("absent")

// run evaluates; a nil value without an error is an absent result.
func (p *Program) run(ctx context.Context, vars map[string]any) (ref.Val, error) {
	out, _, err := p.program.ContextEval(ctx, vars)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, errAbsent):
		return nil, nil
	default:
		return nil, err
	}
	if out == types.NullValue {
		return nil, nil
	}
	return out, nil
}
