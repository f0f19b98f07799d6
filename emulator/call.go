package emulator

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The two behaviours that X-API-Version selects.
const (
	version10 = "1.0"
	version11 = "1.1"
)

// maxID is the largest application id that Torii accepts in a path or query.
const maxID = 1<<31 - 1

// call is one authenticated request on its way through a handler. The organisation is locked for it: shared for GET,
// exclusive for everything else.
type call struct {
	e     *Emulator
	org   *org
	route *route
	r     *http.Request
	query url.Values
	body  []byte
	now   time.Time
	paging
}

// paging is how a fault bends the next list answer.
type paging struct {
	shift     int  // see query.List.Shift
	duplicate bool // the last row comes twice
	loop      bool // nextCursor never ends
	empty     bool // no rows, but a nextCursor
}

// text returns a query parameter, empty when absent.
func (c *call) text(name string) string { return c.query.Get(name) }

// checkQuery refuses parameters that the route does not have, as the schema validation of hapi does.
func (c *call) checkQuery() error {
	if c.route.openQuery || c.e.opts.LenientQuery {
		return nil
	}
	names := make([]string, 0, len(c.query))
	for name := range c.query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(c.route.query, name) {
			return invalidf("%q is not allowed", name)
		}
	}
	return nil
}

// pathID reads a numeric path parameter.
func (c *call) pathID(name string) (int64, error) {
	id, err := strconv.ParseInt(c.r.PathValue(name), 10, 64)
	if err != nil {
		return 0, invalidf("%q must be a number", name)
	}
	if name == "idApp" && id > maxID {
		return 0, invalidf("%q must be less than or equal to %d", name, maxID)
	}
	return id, nil
}

// integer reads a query parameter between bounds.
func (c *call) integer(name string, standard, least, most int) (int, error) {
	text := c.text(name)
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, invalidf("%q must be a number", name)
	case n < least:
		return 0, invalidf("%q must be greater than or equal to %d", name, least)
	case n > most:
		return 0, invalidf("%q must be less than or equal to %d", name, most)
	}
	return n, nil
}

// boolean reads a query parameter; given is false when it is absent.
func (c *call) boolean(name string) (value, given bool, err error) {
	switch c.text(name) {
	case "":
		return false, false, nil
	case "true":
		return true, true, nil
	case "false":
		return false, true, nil
	}
	return false, false, invalidf("%q must be a boolean", name)
}

// oneOf reads a query parameter that must be one of the choices, empty when absent.
func (c *call) oneOf(name string, choices ...string) (string, error) {
	text := c.text(name)
	if text != "" && !slices.Contains(choices, text) {
		return "", invalidf("%q must be one of [%s]", name, strings.Join(choices, ", "))
	}
	return text, nil
}

// moment reads a date or time parameter; given is false when it is absent.
func (c *call) moment(name string) (t time.Time, given bool, err error) {
	text := c.text(name)
	if text == "" {
		return time.Time{}, false, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true, nil
		}
	}
	return time.Time{}, false, invalidf("%q must be in ISO 8601 date format", name)
}

// apiVersion is the behaviour version asked for, or the standard when the header is absent.
func (c *call) apiVersion(standard string) (string, error) {
	switch v := c.r.Header.Get("X-API-Version"); v {
	case "":
		return standard, nil
	case version10, version11:
		return v, nil
	}
	return "", invalidf("\"X-API-Version\" must be one of [1.0, 1.1]")
}

// payload is a decoded JSON object whose numbers keep all digits.
type payload map[string]any

// json reads the request body as an object.
func (c *call) json() (payload, error) {
	media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || (media != "application/json" && !strings.HasSuffix(media, "+json")) {
		return nil, problemf(http.StatusUnsupportedMediaType, "Unsupported Media Type")
	}
	decoder := json.NewDecoder(bytes.NewReader(c.body))
	decoder.UseNumber()
	var p payload
	if err := decoder.Decode(&p); err != nil || decoder.More() {
		return nil, problemf(http.StatusBadRequest, "Invalid request payload JSON format")
	}
	if p == nil {
		return nil, invalidf("\"payload\" must be of type object")
	}
	return p, nil
}

// closed reads a body that may hold the listed members only; those that end in * are required.
func (c *call) closed(members ...string) (payload, error) {
	p, err := c.json()
	if err != nil {
		return nil, err
	}
	known := make([]string, len(members))
	for i, m := range members {
		known[i] = strings.TrimSuffix(m, "*")
	}
	for _, key := range p.keys() {
		if !slices.Contains(known, key) {
			return nil, invalidf("%q is not allowed", key)
		}
	}
	return p, p.require(members...)
}

// keys are the members' names in order, so that refusals are the same every time.
func (p payload) keys() []string {
	keys := make([]string, 0, len(p))
	for key := range p {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// require refuses a body without one of the members that end in *.
func (p payload) require(members ...string) error {
	for _, m := range members {
		name, required := strings.CutSuffix(m, "*")
		if _, ok := p[name]; required && !ok {
			return invalidf("%q is required", name)
		}
	}
	return nil
}

// str reads a text member, empty when absent.
func (p payload) str(name string) (string, error) {
	v, ok := p[name]
	if !ok {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", invalidf("%q must be a string", name)
	}
	return s, nil
}

// id reads a whole number; given is false when it is absent or null.
func (p payload) id(name string) (n int64, given bool, err error) {
	v, ok := p[name]
	if !ok || v == nil {
		return 0, false, nil
	}
	number, ok := v.(json.Number)
	if !ok {
		return 0, false, invalidf("%q must be a number", name)
	}
	n, err = strconv.ParseInt(number.String(), 10, 64)
	if err != nil {
		return 0, false, invalidf("%q must be an integer", name)
	}
	return n, true, nil
}

// boolean reads a true or false member; given is false when it is absent.
func (p payload) boolean(name string) (value, given bool, err error) {
	v, ok := p[name]
	if !ok {
		return false, false, nil
	}
	value, ok = v.(bool)
	if !ok {
		return false, false, invalidf("%q must be a boolean", name)
	}
	return value, true, nil
}
