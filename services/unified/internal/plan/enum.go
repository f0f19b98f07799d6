package plan

import (
	"maps"
	"slices"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// enumTable translates texts.
type enumTable struct {
	rows []translation
	// index is for tables that are too long to be looked through.
	index map[string]int
}

// translation is a row: what is read, and what is written, also as JSON.
type translation struct {
	from         string
	text, quoted []byte
}

// maxLooked is how many rows are looked through.
const maxLooked = 16

func newEnumTable(enum map[string]string) *enumTable {
	t := &enumTable{}
	for _, from := range slices.Sorted(maps.Keys(enum)) {
		to := []byte(enum[from])
		t.rows = append(t.rows, translation{from: from, text: to, quoted: records.AppendQuoted(nil, to)})
	}
	if len(t.rows) > maxLooked {
		t.index = make(map[string]int, len(t.rows))
		for i, row := range t.rows {
			t.index[row.from] = i
		}
	}
	return t
}

// find gives the row for a text; nil when there is none.
func (t *enumTable) find(text []byte) *translation {
	if t.index != nil {
		if i, ok := t.index[string(text)]; ok {
			return &t.rows[i]
		}
		return nil
	}
	for i := range t.rows {
		if t.rows[i].from == string(text) {
			return &t.rows[i]
		}
	}
	return nil
}
