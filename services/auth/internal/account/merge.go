package account

import (
	"encoding/json"
	"maps"
)

// merge applies a JSON Merge Patch (RFC 7396) to the members of an object: null removes a member, an object is merged into the member, and any
// other value takes its place. Values that the patch does not name stay byte for byte what they were.
func merge(target, patch map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	merged := maps.Clone(target)
	if merged == nil {
		merged = make(map[string]json.RawMessage)
	}
	for name, change := range patch {
		var inner map[string]json.RawMessage
		switch {
		case string(change) == "null":
			delete(merged, name)
			continue
		case json.Unmarshal(change, &inner) != nil: // not an object
			merged[name] = change
			continue
		}
		var before map[string]json.RawMessage
		if json.Unmarshal(merged[name], &before) != nil {
			before = nil // what is no object gives way to one
		}
		after, err := merge(before, inner)
		if err != nil {
			return nil, err
		}
		if merged[name], err = encodeOpen(after); err != nil {
			return nil, err
		}
	}
	return merged, nil
}
