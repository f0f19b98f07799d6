package access

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// Every code of the enum is a constant here or in kit/rpcerr, and every constant here is a code of the enum.
func TestCodesMatchTheEnum(t *testing.T) {
	table, err := ErrorTable()
	if err != nil {
		t.Fatal(err)
	}
	constants := declaredCodes(t, "errors.go")
	for code := range constants {
		if _, ok := table.Entry(code); !ok {
			t.Errorf("%s is declared here but is no value of sando.rpc.v1.ErrorCode", code)
		}
	}
	for _, e := range table.All() {
		if e.HTTP < 400 || e.HTTP > 599 || e.RPC == 0 || e.Text == "" || e.Fix == "" {
			t.Errorf("%s lacks a status, a text or a fix: %+v", e.Code, e)
		}
		if !constants[e.Code] && !plumbing[e.Code] {
			t.Errorf("%s has no constant: add it to errors.go", e.Code)
		}
	}
}

var plumbing = map[rpcerr.Code]bool{
	rpcerr.Internal: true, rpcerr.Unauthenticated: true, rpcerr.PermissionDenied: true, rpcerr.NotFound: true,
	rpcerr.MethodNotAllowed: true, rpcerr.UnsupportedMediaType: true, rpcerr.ValidationFailed: true, rpcerr.RequestTooLarge: true,
	rpcerr.DeadlineExceeded: true, rpcerr.Cancelled: true, rpcerr.Unavailable: true, rpcerr.Unimplemented: true,
	rpcerr.Conflict: true, rpcerr.ResultTooLarge: true, rpcerr.RateLimited: true,
}

func declaredCodes(t *testing.T, file string) map[rpcerr.Code]bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := make(map[rpcerr.Code]bool)
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || len(spec.Names[0].Name) < 5 || spec.Names[0].Name[:4] != "Code" {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			codes[rpcerr.Code(s)] = true
		}
		return true
	})
	return codes
}
