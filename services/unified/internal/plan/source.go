package plan

import (
	"bytes"
	"strconv"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// source is the tree of the places in a record that rules read. Each place has a slot, which holds its value while a record is mapped.
type source struct {
	root  *node
	slots int
	nodes int
}

// node is one place. The slots below it are those from `first` up to `last`, so that a later duplicate of the place clears them all.
type node struct {
	number   int
	index    int // as an element of an array; -1 when the key is not an index
	slot     int // -1 when no rule reads the place itself
	children map[string]*node
}

func newSource() *source {
	s := &source{}
	s.root = s.node("")
	return s
}

func (s *source) node(key string) *node {
	n := &node{number: s.nodes, index: -1, slot: -1}
	if i, err := strconv.Atoi(key); err == nil && i >= 0 && strconv.Itoa(i) == key {
		n.index = i
	}
	s.nodes++
	return n
}

// slot gives the slot of a place, made when it is new.
func (s *source) slot(p records.Pointer) int {
	at := s.root
	for _, key := range p {
		child, ok := at.children[key]
		if !ok {
			if at.children == nil {
				at.children = make(map[string]*node)
			}
			child = s.node(key)
			at.children[key] = child
		}
		at = child
	}
	if at.slot < 0 {
		at.slot = s.slots
		s.slots++
	}
	return at.slot
}

// frame is what one walk over a source found. It belongs to one runner.
type frame struct {
	source *source
	slots  [][]byte
	// customs are the places of the organisation's own fields, by key, and customSlots their values.
	customs     map[string]int
	customSlots [][]byte
	// orders remember, per node, the keys of the record before: records of a page mostly agree, and comparing is cheaper than looking up.
	orders [][]member
}

// member is a key and what it means at a node.
type member struct {
	key    []byte
	guess  []byte // the key again, when it stands in the source without escapes
	child  *node
	custom int
}

const (
	notCustom = -1
	maxOrder  = 128
)

func newFrame(s *source) *frame {
	return &frame{source: s, slots: make([][]byte, s.slots), orders: make([][]member, s.nodes)}
}

// read walks a record.
func (f *frame) read(record []byte) error {
	clear(f.slots)
	clear(f.customSlots)
	return f.visit(f.source.root, record)
}

func (f *frame) visit(n *node, value []byte) error {
	if n.slot >= 0 {
		f.slots[n.slot] = value
	}
	if n.children == nil && (n.number != 0 || f.customs == nil) {
		return nil
	}
	switch records.KindOf(value) {
	case records.Object:
		return f.object(n, value)
	case records.Array:
		return f.array(n, value)
	default:
		return nil
	}
}

func (f *frame) object(n *node, value []byte) error {
	order := f.orders[n.number]
	walk := records.MembersOf(value)
	for i := 0; ; i++ {
		var guess []byte
		if i < len(order) {
			guess = order[i].guess
		}
		key, v, ok := walk.NextLike(guess)
		if !ok {
			f.orders[n.number] = order
			return walk.Err()
		}
		var m member
		switch {
		case i < len(order) && string(order[i].key) == string(key):
			m = order[i]
		case i < len(order):
			m = f.find(n, key)
			order[i] = m
		default:
			m = f.find(n, key)
			if i < maxOrder {
				order = append(order, m)
			}
		}
		if m.custom != notCustom {
			f.customSlots[m.custom] = v
		}
		if m.child == nil {
			continue
		}
		if m.child.children != nil {
			f.forget(m.child)
		}
		if err := f.visit(m.child, v); err != nil {
			return err
		}
	}
}

func (f *frame) find(n *node, key []byte) member {
	m := member{key: key, child: n.children[string(key)], custom: notCustom}
	if !bytes.ContainsAny(key, `\"`) {
		m.guess = key
	}
	if n.number == 0 {
		if i, ok := f.customs[string(key)]; ok {
			m.custom = i
		}
	}
	return m
}

func (f *frame) array(n *node, value []byte) error {
	walk := records.ElementsOf(value)
	for i := 0; ; i++ {
		v, ok := walk.Next()
		if !ok {
			return walk.Err()
		}
		for _, child := range n.children {
			if child.index == i {
				if err := f.visit(child, v); err != nil {
					return err
				}
			}
		}
	}
}

// forget clears what an earlier duplicate of a place left below it.
func (f *frame) forget(n *node) {
	if n.slot >= 0 {
		f.slots[n.slot] = nil
	}
	for _, child := range n.children {
		f.forget(child)
	}
}
