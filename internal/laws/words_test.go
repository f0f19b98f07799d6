package laws

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxLines is how long a file may be before it holds two nouns.
const maxLines = 450

func TestFilesFitARoom(t *testing.T) {
	for _, s := range sources(t) {
		if n := strings.Count(s.text, "\n"); n > maxLines && !s.isTest() {
			t.Errorf("%s has %d lines: split it by noun, %d at most", s.path, n, maxLines)
		}
	}
}

func TestPackageNamesSayWhatTheyGive(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "base", "misc", "types", "models", "manager"}
	for _, s := range sources(t) {
		if slices.Contains(empty, s.file.Name.Name) {
			t.Errorf("%s: package %s says nothing: name it by what it gives", s.path, s.file.Name.Name)
		}
	}
}

func TestEachPackageHasOneDocComment(t *testing.T) {
	docs, names := map[string][]string{}, map[string]bool{}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		names[s.dir()] = true
		if s.file.Doc != nil {
			docs[s.dir()] = append(docs[s.dir()], s.path)
		}
	}
	for dir := range names {
		switch n := len(docs[dir]); {
		case n == 0:
			t.Errorf("%s has no package comment: say what the package gives", dir)
		case n > 1:
			t.Errorf("%s has %d package comments (%s): keep one", dir, n, strings.Join(docs[dir], ", "))
		}
	}
}

func TestNothingIsLeftForLater(t *testing.T) {
	later := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX)\b`)
	for _, s := range sources(t) {
		if m := later.FindString(s.text); m != "" {
			t.Errorf("%s contains %s: do it, or file an issue", s.path, m)
		}
	}
}

func TestNoTestIsSkipped(t *testing.T) {
	skip := regexp.MustCompile(`\b[tb]\.Skip(f|Now)?\(|testing\.Short\(`)
	for _, s := range sources(t) {
		if s.isTest() && skip.MatchString(s.text) {
			t.Errorf("%s skips: what a test needs is installed by `make testenv`, and what is missing is a failure", s.path)
		}
	}
}

func TestNoMutablePackageState(t *testing.T) {
	initFunc := regexp.MustCompile(`(?m)^func init\(\)`)
	for _, s := range sources(t) {
		if initFunc.MatchString(s.text) {
			t.Errorf("%s has an init function: construct in New, where the reader sees it", s.path)
		}
	}
}
