package emulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
)

// freshID is the first id of the rows that a fault puts into a list that comes whole.
const freshID = 900_000_001

// paged reports whether the route gives its list in pages.
func (rt *route) paged() bool { return slices.ContainsFunc(rt.query, positional) }

// cursored reports whether the pages are continued by a cursor.
func (rt *route) cursored() bool { return slices.Contains(rt.query, "cursor") }

func positional(name string) bool {
	return name == "cursor" || name == "offset" || name == "startIndex"
}

// continued reports whether a query asks for a page after the first.
func continued(q url.Values) bool {
	offset, _ := strconv.Atoi(q.Get("offset"))
	start, _ := strconv.Atoi(q.Get("startIndex"))
	return q.Get("cursor") != "" || offset > 0 || start > 1
}

// rearrange changes the rows of a finished list. What the paging has done already, it leaves.
func (f *Fault) rearrange(rt *route, body []byte) []byte {
	start, end, rows := listIn(body)
	if len(rows) == 0 {
		return body
	}
	whole := rt == nil || !rt.paged()
	n := min(cmp.Or(f.Rows, 1), len(rows))
	switch {
	case f.Kind == FaultRowInserted && whole:
		for i := range cmp.Or(f.Rows, 1) {
			rows = slices.Insert(rows, 0, withID(rows[i], strconv.Itoa(freshID+i)))
		}
	case f.Kind == FaultRowRemoved && whole:
		rows = rows[n:]
	case f.Kind == FaultRowsMoved:
		rows = append(slices.Clone(rows[n:]), rows[:n]...)
	case f.Kind == FaultDuplicateRows && !(rt != nil && rt.cursored()):
		rows = append(rows, rows[len(rows)-1])
	case f.Kind == FaultEqualIDs:
		id := idMember().FindSubmatch(rows[0])
		for i := 1; id != nil && i < min(cmp.Or(f.Rows, 3), len(rows)); i++ {
			rows[i] = withID(rows[i], string(id[1]))
		}
	}
	joined := bytes.Join(rows, []byte{','})
	return slices.Concat(body[:start], []byte{'['}, joined, []byte{']'}, body[end:])
}

func idMember() *regexp.Regexp { return regexp.MustCompile(`"id":"?(\d+)"?`) }

// withID is a row with another id, of the same type.
func withID(row []byte, id string) []byte {
	at := idMember().FindSubmatchIndex(row)
	if at == nil {
		return row
	}
	return slices.Concat(row[:at[2]], []byte(id), row[at[3]:])
}

// listIn finds the first list of objects in an answer: the answer itself, or a member of it.
func listIn(body []byte) (start, end int, rows [][]byte) {
	if rows := objects(body); rows != nil {
		return 0, len(body), rows
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return 0, 0, nil
	}
	for decoder.More() {
		var value json.RawMessage
		if _, err := decoder.Token(); err != nil {
			return 0, 0, nil
		}
		if err := decoder.Decode(&value); err != nil {
			return 0, 0, nil
		}
		if rows := objects(value); rows != nil {
			end := int(decoder.InputOffset())
			return end - len(value), end, rows
		}
	}
	return 0, 0, nil
}

// objects are the elements of a JSON array of objects, nil for anything else.
func objects(raw []byte) [][]byte {
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil || len(elements) == 0 || elements[0][0] != '{' {
		return nil
	}
	rows := make([][]byte, len(elements))
	for i, e := range elements {
		rows[i] = e
	}
	return rows
}

// spoilNames puts bytes in front of every name in an answer, between its quotes.
func spoilNames(body, bad []byte) []byte {
	names := regexp.MustCompile(`"(name|firstName|lastName|companyName|fileName|description|userName|givenName|familyName|email)":"`)
	return names.ReplaceAllFunc(body, func(opening []byte) []byte { return slices.Concat(opening, bad) })
}

// replaceCursor puts another value in place of nextCursor's.
func replaceCursor(body []byte, value string) []byte {
	return regexp.MustCompile(`"nextCursor":(null|"[^"]*")`).ReplaceAllLiteral(body, []byte(`"nextCursor":`+value))
}
