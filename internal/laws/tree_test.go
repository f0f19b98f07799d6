package laws

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

const prefix = "github.com/sando-dev/sando"

// A source is one Go file of ours that people edit.
type source struct {
	// path is relative to the repository, with slashes.
	path string
	text string
	file *ast.File
}

// dir is the folder of the file, "." for the root.
func (s source) dir() string { return path.Dir(s.path) }

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// sources reads every hand-written Go file.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if skipped(rel) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(set, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		if !ast.IsGenerated(file) {
			all = append(all, source{path: rel, text: string(text), file: file})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found %d files: the walk is broken", len(all))
	}
	return all
}

func skipped(rel string) bool {
	base := path.Base(rel)
	return base == "node_modules" || base == "testdata" || (strings.HasPrefix(base, ".") && rel != ".") || rel == "bin" || rel == "gen/sando"
}

// moduleOf names the module of a folder, as in the import table.
func moduleOf(dir string) string {
	for _, m := range []string{
		"services/auth", "services/proxy", "services/unified", "services/mcp",
		"gen", "kit", "access", "catalog", "emulator", "bench", "examples", "tools",
	} {
		if dir == m || strings.HasPrefix(dir, m+"/") {
			return m
		}
	}
	return "root"
}
