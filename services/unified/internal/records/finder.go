package records

import (
	"bytes"
	"slices"
	"strconv"
)

// Places is a set of places in a record, each with a slot. It is built once; finders of any number share it.
type Places struct {
	root         *node
	slots, nodes int
}

// node is one place, or one on the way to it.
type node struct {
	number   int
	key      string
	index    int // as an element of an array; -1 when the key is not an index
	slot     int // -1 when nobody asks for the place itself
	children []*node
}

// NewPlaces makes an empty set.
func NewPlaces() *Places {
	p := &Places{}
	p.root = p.node("")
	return p
}

func (p *Places) node(key string) *node {
	n := &node{number: p.nodes, key: key, index: -1, slot: -1}
	if i, err := strconv.Atoi(key); err == nil && i >= 0 && strconv.Itoa(i) == key {
		n.index = i
	}
	p.nodes++
	return n
}

// Slot gives the slot of a place, which is added when it is new.
func (p *Places) Slot(place Pointer) int {
	at := p.root
	for _, key := range place {
		child := at.child(key)
		if child == nil {
			child = p.node(key)
			at.children = append(at.children, child)
		}
		at = child
	}
	if at.slot < 0 {
		at.slot = p.slots
		p.slots++
	}
	return at.slot
}

func (n *node) child(key string) *node {
	for _, c := range n.children {
		if c.key == key {
			return c
		}
	}
	return nil
}

// Finder finds the values of places, in one walk over a record that also checks all of it. It is not safe for concurrent use.
type Finder struct {
	// Found holds, by slot, the values in the record read last, and behind them those of the finder's own members; nil where there is none.
	Found [][]byte

	places  *Places
	members []string
	shapes  []shape // by number of the node
}

// Finder makes a finder. Members are further top-level members of the record to find, each once.
func (p *Places) Finder(members ...string) *Finder {
	return &Finder{Found: make([][]byte, p.slots+len(members)), places: p, members: members, shapes: make([]shape, p.nodes)}
}

// Members are the values of the finder's own members, in their order.
func (f *Finder) Members() [][]byte { return f.Found[f.places.slots:] }

// shape remembers the members of the objects at one node, in the order in which they came: the records of a page mostly agree in it, and
// comparing with the member that is due costs less than looking a key up.
type shape struct {
	members []member
	index   map[string]int
}

// member is a member of the source, and who asks for it.
type member struct {
	opening string // the key in quotes and the colon, as the source writes them
	child   *node
	slot    int // for values that are taken whole; -1 for none
	own     int // slot of the finder's own member; -1 for none
}

const (
	noSlot = -1
	// maxShape bounds the members remembered.
	maxShape = 256
)

// Read reads the value at the start of text and tells how long it is. Found then points into text.
func (f *Finder) Read(text []byte) (int, error) {
	clear(f.Found)
	end, ok := f.visit(f.places.root, text, space(text, 0), 0)
	if !ok {
		return 0, &SyntaxError{Offset: end}
	}
	return end, nil
}

// visit reads the value at i, which belongs to a node, and finds its end.
func (f *Finder) visit(n *node, b []byte, i, depth int) (end int, ok bool) {
	switch {
	case i >= len(b) || len(n.children) == 0 && (n != f.places.root || len(f.members) == 0):
		end, ok = skip(b, i, depth)
	case b[i] == '{':
		end, ok = f.object(n, b, i, depth)
	case b[i] == '[':
		end, ok = f.array(n, b, i, depth)
	default:
		end, ok = skip(b, i, depth)
	}
	if ok && n.slot >= 0 {
		f.Found[n.slot] = b[i:end]
	}
	return end, ok
}

func (f *Finder) object(n *node, b []byte, i, depth int) (int, bool) {
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, true
	}
	s := &f.shapes[n.number]
	for due := 0; ; due++ {
		var m *member
		var more, ok bool
		if due < len(s.members) && hasPrefix(b, i, s.members[due].opening) {
			m = &s.members[due]
			i = space(b, i+len(m.opening))
		} else if m, due, i, ok = f.member(n, s, b, i); !ok {
			return i, false
		}
		start := i
		switch {
		case m.child != nil:
			f.forget(m.child)
			i, ok = f.visit(m.child, b, i, depth+1)
		case i < len(b) && b[i] == '"':
			i, ok = skipString(b, i)
		default:
			i, ok = skip(b, i, depth+1)
		}
		if !ok {
			return i, false
		}
		if m.slot != noSlot {
			f.Found[m.slot] = b[start:i]
		}
		if m.own != noSlot {
			f.Found[m.own] = b[start:i]
		}
		if i+1 < len(b) && b[i] == ',' && b[i+1] == '"' {
			i++
		} else if i, more, ok = separator(b, i, '}'); !more {
			return i, ok
		}
	}
}

func hasPrefix(b []byte, i int, prefix string) bool {
	return len(b)-i >= len(prefix) && string(b[i:i+len(prefix)]) == prefix
}

// member reads the key at i that was not due, up to its value, and finds its place in the shape.
func (f *Finder) member(n *node, s *shape, b []byte, i int) (m *member, at, end int, ok bool) {
	end, ok = skipKey(b, i)
	if !ok {
		return nil, 0, end, false
	}
	opening := b[i : bytes.LastIndexByte(b[i:end], ':')+i+1]
	if at, ok := s.index[string(opening)]; ok {
		return &s.members[at], at, end, true
	}
	key := string(AppendText(nil, opening[:bytes.LastIndexByte(opening, '"')+1]))
	one := member{opening: string(opening), slot: noSlot, own: noSlot}
	if child := n.child(key); child != nil && len(child.children) == 0 {
		one.slot = child.slot
	} else {
		one.child = child
	}
	if n == f.places.root {
		if at := slices.Index(f.members, key); at >= 0 {
			one.own = f.places.slots + at
		}
	}
	if len(s.members) == maxShape {
		return &one, maxShape, end, true
	}
	if s.index == nil {
		s.index = make(map[string]int)
	}
	at = len(s.members)
	s.index[one.opening] = at
	s.members = append(s.members, one)
	return &s.members[at], at, end, true
}

func (f *Finder) array(n *node, b []byte, i, depth int) (int, bool) {
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, true
	}
	for at := 0; ; at++ {
		var more, ok bool
		if child := n.element(at); child != nil {
			i, ok = f.visit(child, b, i, depth+1)
		} else {
			i, ok = skip(b, i, depth+1)
		}
		if !ok {
			return i, false
		}
		if i, more, ok = separator(b, i, ']'); !more {
			return i, ok
		}
	}
}

func (n *node) element(index int) *node {
	for _, c := range n.children {
		if c.index == index {
			return c
		}
	}
	return nil
}

// forget clears what an earlier duplicate of a place left there and below it.
func (f *Finder) forget(n *node) {
	if n.slot >= 0 {
		f.Found[n.slot] = nil
	}
	for _, child := range n.children {
		f.forget(child)
	}
}
