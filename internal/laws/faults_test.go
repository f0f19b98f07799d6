package laws

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// faultsPage lists the kinds of fault that tests are named after.
const faultsPage = "docs/reference/faults.md"

// A test that is named after a fault is of use to those who can look the fault
// up, and a fault on the page is one that a test guards against.
func TestFaultsAndTheirTestsAgree(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, faultsPage))
	if err != nil {
		t.Fatal(err)
	}
	listed, tested := map[string]bool{}, map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([A-Z]\d+) \|`).FindAllSubmatch(page, -1) {
		listed[string(row[1])] = true
	}
	name := regexp.MustCompile(`(?m)^func Test([A-Z]\d+)[A-Z]`)
	for _, s := range sources(t) {
		if !s.isTest() {
			continue
		}
		for _, m := range name.FindAllStringSubmatch(s.text, -1) {
			tested[m[1]] = true
			if !listed[m[1]] {
				t.Errorf("%s names a test after %s, which %s does not have", s.path, m[1], faultsPage)
			}
		}
	}
	for id := range listed {
		if !tested[id] {
			t.Errorf("%s lists %s, and no test is named after it", faultsPage, id)
		}
	}
}
