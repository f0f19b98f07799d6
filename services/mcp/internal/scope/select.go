package scope

import (
	"fmt"
	"slices"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/nearest"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

// Groups of methods.
const (
	groupRead   = "read"
	groupWrite  = "write"
	groupCustom = "custom"
)

// Select picks the tools of a configuration, in the order of tools. Tags make the base (without them, the default tools); methods narrow it,
// and an exact name adds its tool where tags do not speak against it. The error is MCP_CONFIG_INVALID: an unknown name, or nothing selected.
func Select(c Config, tools []*tool.Tool) ([]*tool.Tool, error) {
	if faults := unknown(c, tools); len(faults) > 0 {
		return nil, invalid(faults...)
	}
	s := selector{config: c, base: make(map[*tool.Tool]bool), baseMethods: make(map[string]bool)}
	for _, t := range tools {
		if s.inBase(t) {
			s.base[t] = true
			s.baseMethods[t.Operation.GetMethod()] = true
		}
	}
	var out []*tool.Tool
	for _, t := range tools {
		if s.selects(t) {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return nil, invalid(rpcerr.Violation{Field: "config", Description: "methods and tags together select no tool"})
	}
	return out, nil
}

type selector struct {
	config      Config
	base        map[*tool.Tool]bool
	baseMethods map[string]bool
}

func (s selector) inBase(t *tool.Tool) bool {
	if s.config.Tags == nil {
		return !t.Extended()
	}
	return slices.ContainsFunc(t.Operation.GetTags(), func(tag string) bool { return slices.Contains(s.config.Tags, tag) })
}

func (s selector) selects(t *tool.Tool) bool {
	if s.config.Methods == nil {
		return s.base[t]
	}
	return slices.ContainsFunc(s.config.Methods, func(m string) bool { return s.matches(m, t) })
}

func (s selector) matches(method string, t *tool.Tool) bool {
	untagged := s.config.Tags == nil
	switch method {
	case t.Name, t.Short:
		return untagged || s.base[t]
	case groupRead, groupWrite, groupCustom:
		return s.base[t] && inGroup(method, t.Operation)
	case t.Operation.GetMethod():
		// A method that none of the default tools has can only mean the others.
		return s.base[t] || untagged && !s.baseMethods[method]
	}
	return false
}

// inGroup says whether an operation belongs to a group of methods. Search and upload are custom methods that count as read and write too.
func inGroup(group string, op *catalogv1.Operation) bool {
	custom := op.GetKind() == catalogv1.Kind_KIND_CUSTOM
	switch group {
	case groupCustom:
		return custom
	case groupRead:
		return op.GetKind() == catalogv1.Kind_KIND_LIST || op.GetKind() == catalogv1.Kind_KIND_GET || custom && op.GetMethod() == "search"
	default:
		return !custom && op.GetKind() != catalogv1.Kind_KIND_LIST && op.GetKind() != catalogv1.Kind_KIND_GET || custom && op.GetMethod() == "upload"
	}
}

// unknown names the members of methods and tags that mean nothing.
func unknown(c Config, tools []*tool.Tool) []rpcerr.Violation {
	methods, tags := []string{groupRead, groupWrite, groupCustom}, []string{}
	for _, t := range tools {
		methods = append(methods, t.Name, t.Short, t.Operation.GetMethod())
		tags = append(tags, t.Operation.GetTags()...)
	}
	return append(strangers("methods", c.Methods, methods), strangers("tags", c.Tags, tags)...)
}

func strangers(field string, given, known []string) []rpcerr.Violation {
	var out []rpcerr.Violation
	for n, name := range given {
		if slices.Contains(known, name) {
			continue
		}
		text := fmt.Sprintf("%q does not exist", name)
		if near := nearest.Of(name, known); near != "" {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
		out = append(out, rpcerr.Violation{Field: fmt.Sprintf("config.%s[%d]", field, n), Description: text})
	}
	return out
}

// A Reach is what the grant of a server must allow.
type Reach struct {
	// Operations are the ids that the selected tools need, in their order, each once.
	Operations []string
	// Read and Write say which kinds of operation are among them.
	Read, Write bool
}

// ReachOf collects what tools need.
func ReachOf(tools []*tool.Tool) Reach {
	var r Reach
	seen := make(map[string]bool)
	for _, t := range tools {
		if t.ReadOnly() {
			r.Read = true
		} else {
			r.Write = true
		}
		for _, id := range t.Grants {
			if !seen[id] {
				seen[id] = true
				r.Operations = append(r.Operations, id)
			}
		}
	}
	return r
}
