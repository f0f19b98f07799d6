package laws

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// goMods reads the go.mod of every module of the workspace.
func goMods(t *testing.T) map[string]*modfile.File {
	t.Helper()
	mods := make(map[string]*modfile.File)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if d.IsDir() && (skipped(filepath.ToSlash(rel)) || rel == "tools") {
			return filepath.SkipDir // the tools' modules stand alone on purpose
		}
		if d.Name() != "go.mod" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := modfile.Parse(name, text, nil)
		if err != nil {
			return err
		}
		mods[filepath.ToSlash(filepath.Dir(rel))] = f
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return mods
}

func TestOneVersionPerDependency(t *testing.T) {
	seen := make(map[string]map[string][]string)
	for dir, f := range goMods(t) {
		for _, r := range f.Require {
			if r.Indirect || strings.HasPrefix(r.Mod.Path, prefix) {
				continue
			}
			if seen[r.Mod.Path] == nil {
				seen[r.Mod.Path] = make(map[string][]string)
			}
			seen[r.Mod.Path][r.Mod.Version] = append(seen[r.Mod.Path][r.Mod.Version], dir)
		}
	}
	for name, versions := range seen {
		if len(versions) > 1 {
			t.Errorf("%s is required in several versions: %v: the workspace builds with the highest, so each module must say it", name, versions)
		}
	}
}

func TestSiblingsAreReplaced(t *testing.T) {
	for dir, f := range goMods(t) {
		replaced := make(map[string]bool)
		for _, r := range f.Replace {
			replaced[r.Old.Path] = true
		}
		for _, r := range f.Require {
			if strings.HasPrefix(r.Mod.Path, prefix) && !replaced[r.Mod.Path] {
				t.Errorf("%s/go.mod requires %s without a replace: the module cannot be built outside the workspace", dir, r.Mod.Path)
			}
		}
	}
}

func TestEveryDependencyHasAReason(t *testing.T) {
	adr, err := os.ReadFile(filepath.Join(root, "docs/adr/0005-dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	for dir, f := range goMods(t) {
		for _, r := range f.Require {
			if !r.Indirect && !strings.HasPrefix(r.Mod.Path, prefix) && !strings.Contains(string(adr), "`"+r.Mod.Path+"`") {
				t.Errorf("%s/go.mod requires %s, which docs/adr/0005-dependencies.md does not give a reason for", dir, r.Mod.Path)
			}
		}
	}
}
