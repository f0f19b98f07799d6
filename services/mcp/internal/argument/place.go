package argument

import (
	"encoding/base64"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// argumentID names the record that a call is about.
const argumentID = "id"

func (v *Values) find(name string) (value, bool) {
	for _, g := range v.given {
		if g.name == name {
			return g, true
		}
	}
	return value{}, false
}

// Text is an argument as text: strings unquoted, anything else as its JSON; empty when it was not given.
func (v *Values) Text(name string) string {
	g, ok := v.find(name)
	if !ok || g.raw.Kind() == 'n' {
		return ""
	}
	return plain(g.raw)
}

// Raw is an argument as JSON; nil when it was not given.
func (v *Values) Raw(name string) []byte {
	g, _ := v.find(name)
	return g.raw
}

// Int is an integer argument; false when it was not given.
func (v *Values) Int(name string) (int, bool) {
	g, ok := v.find(name)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(plain(g.raw))
	return n, err == nil
}

// ID is the id of the record that the call is about.
func (v *Values) ID() string { return v.Text(argumentID) }

// Named are the arguments of the given names as one JSON object; nil when none of them was given.
func (v *Values) Named(names ...string) []byte {
	b := []byte{'{'}
	for _, g := range v.given {
		if !slices.Contains(names, g.name) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, g.name)
		b = append(append(b, ':'), g.raw...)
	}
	if len(b) == 1 {
		return nil
	}
	return append(b, '}')
}

// Limit is the page size that was asked for; 0 when none was.
func (v *Values) Limit() int {
	n, _ := v.Int(catalog.ArgumentLimit)
	return n
}

// Cursor is the cursor that was given, or empty.
func (v *Values) Cursor() string { return v.Text(catalog.ArgumentCursor) }

// Query is the query string for the provider, URL-encoded in the order of the catalog: parent ids and query parameters under the names that
// callers use.
func (v *Values) Query() string {
	var b strings.Builder
	for _, g := range v.given {
		if g.place == catalog.InPath && g.name == argumentID || g.place != catalog.InPath && g.place != catalog.InQuery || g.raw.Kind() == 'n' {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(g.name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(listed(g)))
	}
	return b.String()
}

// Body is the body of the call as one JSON object, values exactly as they were given but for ids given as digits where the provider wants a
// number. It is nil when the operation has no body.
func (v *Values) Body() []byte {
	if v.operation.GetRequest().GetBody() == nil {
		return nil
	}
	b := []byte{'{'}
	for _, g := range v.given {
		if g.place != catalog.InBody {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		// Names of JSON members are valid strings; quoting them cannot fail.
		b, _ = jsontext.AppendQuote(b, g.name)
		b = append(b, ':')
		b = append(b, asSent(g)...)
	}
	return append(b, '}')
}

func asSent(g value) []byte {
	if g.schema.GetFormat() == formatID && g.raw.Kind() == '0' && !takes(g, "integer") {
		return []byte(`"` + string(g.raw) + `"`)
	}
	if g.schema.GetFormat() == formatID && g.raw.Kind() == '"' && takes(g, "integer") {
		if digits := strings.TrimLeft(text(g.raw), "0"); digits != "" {
			return []byte(digits)
		}
		return []byte("0")
	}
	return g.raw
}

func takes(g value, kind string) bool {
	for _, t := range g.schema.GetTypes() {
		if t == kind {
			return true
		}
	}
	return false
}

// A File is what an upload brings.
type File struct {
	Name        string
	ContentType string
	Bytes       []byte
}

// File reads the file of an upload: base64, a data URL, or an embedded resource ({"uri", "mimeType", "blob" or "text"}). The error is
// VALIDATION_FAILED and names the argument.
func (v *Values) File() (File, error) {
	upload := v.operation.GetRequest().GetBody().GetUpload()
	field := upload.GetFileField()
	g, ok := v.find(field)
	if !ok {
		return File{}, rpcerr.Invalid(field, "is required")
	}
	f := File{Name: v.Text(upload.GetNameArgument())}
	payload := plain(g.raw)
	if g.raw.Kind() == '{' {
		r, err := object(g.raw)
		if err != nil {
			return File{}, rpcerr.Invalid(field, err.Error())
		}
		payload = r.text("blob")
		f.ContentType = r.text("mimeType")
		if f.Name == "" {
			f.Name = path.Base(r.text("uri"))
		}
		if t := r.text("text"); payload == "" && t != "" {
			f.Bytes = []byte(t)
			return f.named(upload.GetNameArgument())
		}
	} else if kind, rest, ok := dataURL(payload); ok {
		f.ContentType, payload = kind, rest
	}
	b, err := decode(payload)
	if err != nil || len(b) == 0 {
		return File{}, rpcerr.Invalid(field, "must be the file's bytes in base64")
	}
	f.Bytes = b
	return f.named(upload.GetNameArgument())
}

func (f File) named(argument string) (File, error) {
	if f.Name == "" || f.Name == "." || f.Name == "/" {
		return File{}, rpcerr.Invalid(argument, "is required: the name of the file with its extension")
	}
	return f, nil
}

func (m members) text(name string) string {
	raw, ok := m.take(name)
	if !ok || raw.Kind() != '"' {
		return ""
	}
	return text(raw)
}

// decode reads base64 in either alphabet, padded or not, with line breaks.
func decode(s string) ([]byte, error) {
	s = strings.NewReplacer("\r", "", "\n", "", "-", "+", "_", "/").Replace(s)
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
}

// plain is a value as text.
func plain(raw jsontext.Value) string {
	if raw.Kind() == '"' {
		return text(raw)
	}
	return string(raw)
}

// listed is a value as a query parameter: a list gets commas, JSON for the provider stays JSON.
func listed(g value) string {
	switch {
	case g.raw.Kind() == '[' && g.schema.GetFormat() != formatJSON:
		parts := items(g.raw)
		out := make([]string, len(parts))
		for n, p := range parts {
			out[n] = plain(p)
		}
		return strings.Join(out, ",")
	case g.raw.Kind() == '[' || g.raw.Kind() == '{':
		compact := g.raw.Clone()
		if err := compact.Compact(); err != nil {
			return string(g.raw)
		}
		return string(compact)
	}
	return plain(g.raw)
}
