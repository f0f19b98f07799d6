package emulator

import (
	"slices"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

const maxBlockedSites = 5000

func seedExtension() map[string]any {
	return map[string]any{
		"dlp":          map[string]any{"enabled": false},
		"blockedSites": map[string]any{"sites": []any{"gambling.example"}},
		"usersFilter":  map[string]any{"all": true},
	}
}

// getExtensionSettings is GET /extension/settings: its sections side by side.
func getExtensionSettings(c *call) (reply, error) { return answer(c.extensionSections()...) }

func (c *call) extensionSections() []any {
	var pairs []any
	for _, section := range []string{"dlp", "blockedSites", "usersFilter"} {
		pairs = append(pairs, section, rawValue(c.org.extension[section]))
	}
	return pairs
}

// updateExtensionSettings is PUT /extension/settings: a section sent is replaced whole, the others stay.
func updateExtensionSettings(c *call) (reply, error) {
	p, err := c.json()
	if err != nil {
		return reply{}, err
	}
	for _, section := range p.keys() {
		if !slices.Contains([]string{"dlp", "blockedSites", "usersFilter"}, section) {
			return reply{}, invalidf("%q is not allowed", section)
		}
		object, ok := p[section].(map[string]any)
		if !ok {
			return reply{}, invalidf("%q must be of type object", section)
		}
		if sites, _ := object["sites"].([]any); section == "blockedSites" && len(sites) > maxBlockedSites {
			return reply{}, invalidf("\"blockedSites.sites\" must contain less than or equal to %d items", maxBlockedSites)
		}
	}
	for _, section := range p.keys() {
		c.org.extension[section] = p[section]
	}
	c.record("orgs", "update_extension_settings", wire.Obj("sections", p.keys()))
	return answer(c.extensionSections()...)
}
