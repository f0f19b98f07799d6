package expression

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// fieldsOf lists the top-level keys of the record that an expression reads: `record.key`, and field(record, "/key/...") with a literal.
func fieldsOf(checked *cel.Ast) []string {
	var keys []string
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.SelectKind:
			if isRecord(e.AsSelect().Operand()) {
				keys = append(keys, e.AsSelect().FieldName())
			}
		case ast.CallKind:
			call := e.AsCall()
			if call.FunctionName() != "field" || len(call.Args()) != 2 || call.Args()[1].Kind() != ast.LiteralKind {
				return
			}
			text, _ := call.Args()[1].AsLiteral().Value().(string)
			if p, err := records.ParsePointer(text); err == nil && len(p) > 0 && strings.HasPrefix(text, "/") {
				keys = append(keys, p[0])
			}
		}
	}))
	return keys
}

func isRecord(e ast.Expr) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == "record" }
