package sqlstore

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// list is a list of strings as it is stored: JSON, where null is not the same as empty.
func list(l []string) string {
	// Strings always encode.
	b, _ := json.Marshal(l)
	return string(b)
}

// scanList reads a stored list.
type scanList struct{ to *[]string }

// Scan implements sql.Scanner.
func (s scanList) Scan(v any) error {
	text, err := textOf(v)
	if err != nil {
		return err
	}
	*s.to = nil
	return json.Unmarshal(text, s.to)
}

func textOf(v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	default:
		return nil, fmt.Errorf("store: a text is stored as %T", v)
	}
}

// where collects conditions and their arguments.
type where struct {
	conditions []string
	args       []any
}

// and adds a condition in which ? stands for the argument.
func (w *where) and(condition string, arg any) {
	w.args = append(w.args, arg)
	w.conditions = append(w.conditions, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(w.args))))
}

// in adds the condition that a column holds one of the values; no value selects nothing.
func (w *where) in(column string, values []string) {
	if len(values) == 0 {
		w.conditions = append(w.conditions, "1 = 0")
		return
	}
	places := make([]string, len(values))
	for i, v := range values {
		w.args = append(w.args, v)
		places[i] = fmt.Sprintf("$%d", len(w.args))
	}
	w.conditions = append(w.conditions, column+" IN ("+strings.Join(places, ", ")+")")
}

// page adds the order and the bounds of a page.
func (w *where) page(p store.Page) string {
	if p.After != "" {
		w.and("id < ?", p.After)
	}
	return w.String() + fmt.Sprintf(" ORDER BY id DESC LIMIT %d", p.Limit)
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}
