package query

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// position is where a page ended: the last record's sort values and its id. On the wire it is the base64 of a JSON
// array with the id last, as text: ["101519"] or [1463538857,"654323"]. It remembers neither filters nor sort.
type position struct {
	values []any
	id     int64
}

func (p position) encode() string {
	all := append(append([]any{}, p.values...), strconv.FormatInt(p.id, 10))
	return base64.StdEncoding.EncodeToString(wire.Append(nil, all))
}

// decodeCursor reads a cursor that continues an order of the given number of fields; nil is the start of the list,
// which is what no cursor and the empty array mean.
func decodeCursor(text string, fields int) (*position, error) {
	if text == "" {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, refuse("\"cursor\" must be a valid base64 string")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var parts []any
	if err := decoder.Decode(&parts); err != nil || slices.ContainsFunc(parts, structured) {
		return nil, refuse("\"cursor\" does not fit this request")
	}
	if len(parts) == 0 {
		return nil, nil
	}
	if len(parts) != fields+1 {
		return nil, refuse("\"cursor\" does not fit this request")
	}
	last, ok := parts[fields].(string)
	id, err := strconv.ParseInt(last, 10, 64)
	if !ok || err != nil {
		return nil, refuse("\"cursor\" does not fit this request")
	}
	p := &position{id: id}
	for _, v := range parts[:fields] {
		p.values = append(p.values, scalar(v))
	}
	return p, nil
}

// Restate returns another text for the position of a cursor, also for the start of a list ("").
func Restate(cursor string) string {
	raw, err := base64.StdEncoding.DecodeString(cursor)
	if err != nil || len(raw) == 0 {
		raw = []byte("[]")
	}
	return base64.StdEncoding.EncodeToString(append(raw, ' '))
}
