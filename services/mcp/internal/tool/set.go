package tool

import "encoding/json"

// A Set is what an MCP server shows: tools under the names of one style. It is shared and never changed.
type Set struct {
	style   Style
	confirm bool
	tools   []*Tool
	listed  []*Tool
	byName  map[string]*Tool
}

// Options say how a set shows its tools.
type Options struct {
	Style Style
	// Discover lists the discovery tools instead of the selected ones.
	Discover bool
	// Confirm demands a confirmation of destructive calls.
	Confirm bool
}

// NewSet makes a set of selected tools, in their order.
func NewSet(selected []*Tool, o Options) (*Set, error) {
	s := &Set{style: o.Style, confirm: o.Confirm, tools: selected, listed: selected, byName: make(map[string]*Tool)}
	if o.Discover {
		found, err := discovery()
		if err != nil {
			return nil, err
		}
		s.listed = found
	}
	for _, t := range s.tools {
		s.byName[t.NameIn(o.Style)] = t
	}
	return s, nil
}

// Selected finds a selected tool by the name it has here.
func (s *Set) Selected(name string) (*Tool, bool) {
	t, ok := s.byName[name]
	return t, ok
}

// Listed finds a tool that tools/list shows.
func (s *Set) Listed(name string) (*Tool, bool) {
	for _, t := range s.listed {
		if t.NameIn(s.style) == name {
			return t, true
		}
	}
	return nil, false
}

// Confirms says whether a call of t must be confirmed first.
func (s *Set) Confirms(t *Tool) bool { return s.confirm && t.Destructive() }

// MayAsk says whether a call of t may put a question to the user, t itself or what it calls in its place.
func (s *Set) MayAsk(t *Tool) bool {
	return s.confirm && (t.Destructive() || t.Backend == Discovery)
}

// A Listing is a tool as agents see it.
type Listing struct {
	Name        string          `json:"name"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Resource    string          `json:"resource"`
	Method      string          `json:"method"`
	Tags        []string        `json:"tags"`
	Input       json.RawMessage `json:"input_schema"`
	Output      json.RawMessage `json:"output_schema"`
	Annotations Annotations     `json:"annotations"`
}

// List is what tools/list shows.
func (s *Set) List() []Listing { return s.listings(s.listed) }

// Selection is every selected tool, shown or to be discovered.
func (s *Set) Selection() []Listing { return s.listings(s.tools) }

func (s *Set) listings(tools []*Tool) []Listing {
	out := make([]Listing, len(tools))
	for n, t := range tools {
		out[n] = Listing{
			Name:        t.NameIn(s.style),
			Title:       t.Operation.GetTitle(),
			Description: t.Operation.GetDescription(),
			Resource:    t.Resource,
			Method:      t.Operation.GetMethod(),
			Tags:        t.Operation.GetTags(),
			Input:       t.Input,
			Output:      t.Output,
			Annotations: t.Annotations(),
		}
		if s.Confirms(t) {
			out[n].Description += confirmAdvice
			out[n].Input = t.confirmInput
		}
	}
	return out
}

const confirmAdvice = " This server asks for a confirmation before it does this: where the client cannot ask the user, the first call answers " +
	"CONFIRMATION_REQUIRED with a confirm_token; repeat the call with it if the user agrees."
