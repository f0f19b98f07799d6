package argument

import (
	"bytes"
	"cmp"
	"fmt"
	"math/big"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

// check says what is wrong with a value, in words that tell how to put it right.
func check(s *catalogv1.Schema, raw jsontext.Value) []string {
	if s.GetFormat() == formatID {
		return checkID(s, raw)
	}
	if !hasType(s, raw) {
		return []string{"must be " + wanted(s) + ", not " + kindName(raw)}
	}
	switch raw.Kind() {
	case '"':
		return checkString(s, text(raw))
	case '0':
		return checkNumber(s, raw)
	case '[':
		return checkItems(s, raw)
	case '{':
		return checkFields(s, raw)
	}
	return nil
}

// formatID marks ids: integers that may also be given as a string of digits.
const formatID = "id"

func checkID(s *catalogv1.Schema, raw jsontext.Value) []string {
	digits := string(raw)
	if raw.Kind() == '"' {
		digits = text(raw)
	}
	if raw.Kind() == '"' || raw.Kind() == '0' {
		if isDigits(digits) {
			return nil
		}
	} else if hasType(s, raw) && slices.Contains(s.GetTypes(), kindName(raw)) {
		return nil
	}
	return []string{"must be an id: an integer or a string of digits"}
}

func checkString(s *catalogv1.Schema, v string) []string {
	if len(s.GetEnum()) > 0 && !slices.Contains(s.GetEnum(), v) {
		return []string{"must be one of " + strings.Join(s.GetEnum(), ", ")}
	}
	if s.MaxLength != nil && utf8.RuneCountInString(v) > int(s.GetMaxLength()) {
		return []string{fmt.Sprintf("must have at most %d characters", s.GetMaxLength())}
	}
	if text := checkFormat(s.GetFormat(), v); text != "" {
		return []string{text}
	}
	return nil
}

func checkFormat(format, v string) string {
	switch format {
	case "date-time":
		if _, err := time.Parse(time.RFC3339, v); err != nil {
			return "must be a time as in 2026-01-31T09:30:00Z"
		}
	case "date":
		if _, err := time.Parse(time.DateOnly, v); err != nil {
			return "must be a date as in 2026-01-31"
		}
	case "email":
		if a, err := mail.ParseAddress(v); err != nil || a.Address != v {
			return "must be an e-mail address"
		}
	case "uri":
		if u, err := url.Parse(v); err != nil || u.Scheme == "" {
			return "must be a URL with its scheme"
		}
	case formatJSON:
		if !jsontext.Value(v).IsValid() {
			return "must be a string that holds JSON"
		}
	}
	return ""
}

func checkNumber(s *catalogv1.Schema, raw jsontext.Value) []string {
	if whole, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return checkBounds(s, func(bound int64) int { return cmp.Compare(whole, bound) })
	}
	n, ok := new(big.Rat).SetString(string(raw))
	if !ok {
		return []string{"is not a number of a sensible size"}
	}
	return checkBounds(s, func(bound int64) int { return n.Cmp(big.NewRat(bound, 1)) })
}

// checkBounds holds a number to its bounds, by how it compares with one.
func checkBounds(s *catalogv1.Schema, compare func(bound int64) int) []string {
	if s.Minimum != nil && compare(s.GetMinimum()) < 0 {
		return []string{fmt.Sprintf("must be at least %d", s.GetMinimum())}
	}
	if s.Maximum != nil && compare(s.GetMaximum()) > 0 {
		return []string{fmt.Sprintf("must be at most %d", s.GetMaximum())}
	}
	return nil
}

func checkItems(s *catalogv1.Schema, raw jsontext.Value) []string {
	if s.GetItems() == nil {
		return nil
	}
	var out []string
	for n, item := range items(raw) {
		for _, text := range check(s.GetItems(), item) {
			out = append(out, fmt.Sprintf("item %d %s", n, text))
		}
	}
	return out
}

func checkFields(s *catalogv1.Schema, raw jsontext.Value) []string {
	if len(s.GetFields()) == 0 {
		return nil
	}
	members, err := object(raw)
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, f := range s.GetFields() {
		v, ok := members.take(f.GetName())
		switch {
		case !ok && f.GetRequired():
			out = append(out, fmt.Sprintf("needs %q", f.GetName()))
		case !ok || v.Kind() == 'n' && f.GetNullable():
		default:
			for _, text := range check(f.GetSchema(), v) {
				out = append(out, f.GetName()+" "+text)
			}
		}
	}
	return out
}

// hasType says whether a value is of one of the types; no types take anything.
func hasType(s *catalogv1.Schema, raw jsontext.Value) bool {
	if len(s.GetTypes()) == 0 {
		return true
	}
	for _, t := range s.GetTypes() {
		switch t {
		case "integer":
			if raw.Kind() == '0' && isInteger(string(raw)) {
				return true
			}
		case "number":
			if raw.Kind() == '0' {
				return true
			}
		case kindName(raw):
			return true
		}
	}
	// What a format writes as text may also be given as the JSON that it stands for.
	switch s.GetFormat() {
	case formatBinary:
		return raw.Kind() == '{'
	case formatCSV:
		return raw.Kind() == '['
	case formatJSON:
		return raw.Kind() == '[' || raw.Kind() == '{'
	}
	return false
}

const (
	formatCSV  = "csv"
	formatJSON = "json"
)

// formatBinary marks the bytes of a file: base64, a data URL, or an embedded resource.
const formatBinary = "binary"

func wanted(s *catalogv1.Schema) string {
	if s.GetFormat() == formatBinary {
		return "the file's bytes in base64"
	}
	names := make([]string, len(s.GetTypes()))
	for n, t := range s.GetTypes() {
		switch t {
		case "integer", "array", "object":
			names[n] = "an " + t
		case "null":
			names[n] = t
		default:
			names[n] = "a " + t
		}
	}
	return strings.Join(names, " or ")
}

func kindName(raw jsontext.Value) string {
	switch raw.Kind() {
	case '"':
		return "string"
	case '0':
		return "number"
	case 't', 'f':
		return "boolean"
	case '[':
		return "array"
	case '{':
		return "object"
	default:
		return "null"
	}
}

func isDigits(s string) bool {
	return s != "" && len(s) <= 40 && strings.Trim(s, "0123456789") == ""
}

// whole writes an integer as one where it came as a decimal without a fraction, such as 5.0: JSON Schema takes it for an integer, and clients whose
// numbers are all floats send it.
func whole(s *catalogv1.Schema, raw jsontext.Value) jsontext.Value {
	digits, zeros, ok := strings.Cut(string(raw), ".")
	if !ok || raw.Kind() != '0' || !slices.Contains(s.GetTypes(), "integer") || strings.Trim(zeros, "0") != "" || !isInteger(digits) {
		return raw
	}
	return jsontext.Value(digits)
}

// isInteger takes integers as they are usually written; 1e3 is left to "number".
func isInteger(s string) bool { return isDigits(strings.TrimPrefix(s, "-")) }

// text is the value of a JSON string.
func text(raw jsontext.Value) string {
	b, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return ""
	}
	return string(b)
}

// items splits a JSON array.
func items(raw jsontext.Value) []jsontext.Value {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.ReadToken(); err != nil {
		return nil
	}
	var out []jsontext.Value
	for dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if err != nil {
			return out
		}
		out = append(out, v.Clone())
	}
	return out
}

// dataURL takes a base64 data URL (RFC 2397) apart.
func dataURL(s string) (mediaType, payload string, ok bool) {
	rest, ok := strings.CutPrefix(s, "data:")
	if !ok {
		return "", "", false
	}
	head, payload, ok := strings.Cut(rest, ",")
	head, encoded := strings.CutSuffix(head, ";base64")
	mediaType, _, _ = strings.Cut(head, ";")
	return mediaType, payload, ok && encoded
}
