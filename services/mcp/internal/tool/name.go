package tool

import "strings"

// A Style is how tools are named.
type Style string

const (
	// Full names are unique among all integrations, e.g. `update_a_torii_user_by_id`.
	Full Style = "full"
	// Short names leave room for a prefix, e.g. `update_user`.
	Short Style = "short"
)

// maxShort keeps a short name behind a UUID and a separator within the 64 characters that many clients allow.
const maxShort = 64 - 37

// shortName derives the short form of a full name. A name that is still too long loses the first words of its resource, e.g.
// `list_all_torii_workflow_action_executions` becomes `list_action_executions`.
func shortName(full, integration string) string {
	infix := "_" + integration + "_"
	verb, rest, ok := strings.Cut(full, infix)
	if !ok {
		return strings.TrimPrefix(full, integration+"_")
	}
	verb = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(verb, "_all"), "_single"), "_a")
	rest = strings.TrimSuffix(rest, "_by_id")
	for len(verb)+1+len(rest) > maxShort {
		_, shorter, ok := strings.Cut(rest, "_")
		if !ok {
			break
		}
		rest = shorter
	}
	return verb + "_" + rest
}
