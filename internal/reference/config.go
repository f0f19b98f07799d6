package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
)

const modulePrefix = "github.com/sando-dev/sando"

// A program is one binary with its configuration.
type program struct {
	name, text string
	defaults   any
}

func writeConfig(w *bytes.Buffer) error {
	w.WriteString("# Configuration\n\nEvery setting is a key of the YAML file (`--config FILE`), an environment variable and, unless it is a secret or a list of objects, a flag; flags win over variables, variables over the file. " +
		"An unknown key, variable or flag is an error. A secret is given by the file, by its variable, or by a file named in the variable with the suffix `_FILE`.\n")
	comments := make(map[string]map[string]string)
	for _, p := range programs() {
		fmt.Fprintf(w, "\n## %s\n\n%s\n\n| key | variable | default | meaning |\n|---|---|---|---|\n", p.name, p.text)
		if err := writeSettings(w, reflect.ValueOf(p.defaults), nil, comments); err != nil {
			return err
		}
	}
	return nil
}

func writeSettings(w *bytes.Buffer, v reflect.Value, path []string, comments map[string]map[string]string) error {
	docs, err := fieldComments(v.Type(), comments)
	if err != nil {
		return err
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported():
			continue
		case options == "inline":
			if err := writeSettings(w, v.Field(i), path, comments); err != nil {
				return err
			}
			continue
		case f.Type.Kind() == reflect.Struct && strings.HasPrefix(f.Type.PkgPath(), modulePrefix):
			if err := writeSettings(w, v.Field(i), append(path[:len(path):len(path)], name), comments); err != nil {
				return err
			}
			continue
		}
		key := strings.Join(append(path[:len(path):len(path)], name), ".")
		variable := "SANDO_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
		fmt.Fprintf(w, "| `%s` | `%s` | %s | %s |\n", key, variable, cell(defaultOf(v.Field(i))), cell(docs[f.Name]))
	}
	return nil
}

func defaultOf(v reflect.Value) string {
	if v.IsZero() {
		return ""
	}
	text := fmt.Sprint(v.Interface())
	if text == "" || text == "[]" || text == "map[]" {
		return ""
	}
	return "`" + text + "`"
}

// fieldComments reads the comments of a struct's fields from its source.
func fieldComments(t reflect.Type, known map[string]map[string]string) (map[string]string, error) {
	id := t.PkgPath() + "." + t.Name()
	if docs, ok := known[id]; ok {
		return docs, nil
	}
	dir := filepath.FromSlash("." + strings.TrimPrefix(t.PkgPath(), modulePrefix))
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	docs := make(map[string]string)
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != t.Name() {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					for _, n := range f.Names {
						docs[n.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
					}
				}
			}
			return false
		})
	}
	known[id] = docs
	return docs, nil
}
