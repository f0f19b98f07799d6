package laws

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A module may import these modules of ours, and its tests those of testsMay besides.
var (
	may = map[string][]string{
		"gen":              {},
		"kit":              {},
		"access":           {"gen", "kit"},
		"catalog":          {"gen"},
		"emulator":         {},
		"services/auth":    {"gen", "kit", "access", "catalog"},
		"services/proxy":   {"gen", "kit", "access", "catalog"},
		"services/unified": {"gen", "kit", "access", "catalog"},
		"services/mcp":     {"gen", "kit", "access", "catalog"},
		"tools":            {},
	}
	testsMay = map[string][]string{
		"services/auth":    {"emulator"},
		"services/proxy":   {"emulator"},
		"services/unified": {"emulator"},
		"services/mcp":     {"emulator"},
	}
	why = map[string]string{
		"kit":      "kit is plumbing that could be its own repository: it knows neither the product nor its protos",
		"emulator": "the emulator is written from the provider's facts: with the catalog's help one mistake would hide the other",
		"catalog":  "the catalog is data with a loader: it needs its proto and nothing else",
	}
)

func TestImportsFollowTheTable(t *testing.T) {
	for _, s := range sources(t) {
		from := moduleOf(s.dir())
		allowed, listed := may[from]
		if !listed {
			continue // the root composes everything; bench and examples use it
		}
		if s.isTest() || strings.HasSuffix(s.dir(), "test") {
			allowed = append(slices.Clone(allowed), testsMay[from]...)
		}
		for _, to := range ours(s) {
			if to != from && !slices.Contains(allowed, to) {
				reason := why[from]
				if reason == "" {
					reason = "services meet only through generated clients"
				}
				t.Errorf("%s imports module %s: %s", s.path, to, reason)
			}
		}
	}
}

func TestTheShippedBinaryHasNoEmulator(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir() != "cmd/sando" && s.dir() != "internal/allinone" || s.isTest() {
			continue
		}
		if slices.Contains(ours(s), "emulator") {
			t.Errorf("%s imports the emulator: only sando-dev, which is never shipped, may", s.path)
		}
	}
}

func TestKitDoesNotSpeakOfTheProvider(t *testing.T) {
	for _, s := range sources(t) {
		if moduleOf(s.dir()) == "kit" && strings.Contains(strings.ToLower(s.text), "torii") {
			t.Errorf("%s names the provider: %s", s.path, why["kit"])
		}
	}
}

// ours lists the modules of ours that a file imports.
func ours(s source) []string {
	var modules []string
	for _, spec := range s.file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil || name != prefix && !strings.HasPrefix(name, prefix+"/") {
			continue
		}
		modules = append(modules, moduleOf(strings.TrimPrefix(strings.TrimPrefix(name, prefix), "/")))
	}
	return modules
}
