package config

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// A Setting is one line of the reference.
type Setting struct {
	// Key is the name in YAML; Flag and Env are empty for what only YAML can
	// say, and end in -file and _FILE for secrets.
	Key, Flag, Env string
	// Default is the value of the struct as text; secrets have none.
	Default string
	// Comment is the field's, as one paragraph.
	Comment string
}

// Reference lists the settings of cfg, a pointer to a struct that holds the
// defaults, with the comments that the fields have in the Go source. The
// packages of all the struct types must be among the source directories. A
// field without a comment is an error: the reference is the comments.
func Reference(cfg any, prefix string, source ...string) ([]Setting, error) {
	root, comments, err := documented(cfg, source)
	if err != nil {
		return nil, err
	}
	leaves, err := schema(root)
	if err != nil {
		return nil, err
	}
	settings := make([]Setting, 0, len(leaves))
	for _, l := range leaves {
		comment := comments[l.owner]
		if comment == "" {
			return nil, fmt.Errorf("config: %s has no comment in the source of %s", l.key(), l.owner)
		}
		settings = append(settings, l.setting(prefix, comment))
	}
	return settings, nil
}

// documented gives the struct behind cfg and the comments on its fields.
func documented(cfg any, source []string) (reflect.Value, map[string]string, error) {
	root := reflect.ValueOf(cfg)
	if root.Kind() != reflect.Pointer || root.Elem().Kind() != reflect.Struct {
		return root, nil, fmt.Errorf("config: %T is not a pointer to a struct", cfg)
	}
	comments, err := readComments(source)
	return root.Elem(), comments, err
}

func (l leaf) setting(prefix, comment string) Setting {
	s := Setting{Key: l.key(), Comment: comment}
	switch {
	case l.secret():
		s.Flag, s.Env = "--"+l.flag()+"-file", prefix+l.env()+"_FILE"
	case l.settable():
		s.Flag, s.Env = "--"+l.flag(), prefix+l.env()
		if l.value.Kind() != reflect.Struct || !l.value.IsZero() {
			s.Default = strings.Trim(fmt.Sprint(l.value.Interface()), "[]")
		}
	}
	return s
}

// WriteMarkdown writes settings as a table.
func WriteMarkdown(w io.Writer, settings []Setting) error {
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	code := func(s string) string {
		if s == "" {
			return ""
		}
		return "`" + s + "`"
	}
	var b strings.Builder
	b.WriteString("| key | flag | variable | default | meaning |\n|---|---|---|---|---|\n")
	for _, s := range settings {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n",
			code(s.Key), code(s.Flag), code(s.Env), code(cell.Replace(s.Default)), cell.Replace(s.Comment))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// readComments maps package.Type.Field to the comment of the field.
func readComments(dirs []string) (map[string]string, error) {
	comments := map[string]string{}
	files := token.NewFileSet()
	for _, dir := range dirs {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
		for _, name := range names {
			source, err := os.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("config: %w", err)
			}
			file, err := parser.ParseFile(files, name, source, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return nil, fmt.Errorf("config: %w", err)
			}
			readFile(comments, file)
		}
	}
	return comments, nil
}

func readFile(comments map[string]string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			readStruct(comments, file.Name.Name+"."+spec.Name.Name, s)
		}
		return false
	})
}

// readStruct also goes into structs that have no name of their own: their
// fields belong to owner.Field.
func readStruct(comments map[string]string, owner string, s *ast.StructType) {
	for _, f := range s.Fields.List {
		text := strings.Join(strings.Fields(f.Doc.Text()), " ")
		if text == "" {
			text = strings.Join(strings.Fields(f.Comment.Text()), " ")
		}
		for _, name := range f.Names {
			comments[owner+"."+name.Name] = text
			if inner, ok := f.Type.(*ast.StructType); ok {
				readStruct(comments, owner+"."+name.Name, inner)
			}
		}
	}
}
