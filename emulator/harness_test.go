package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sando-dev/sando/emulator"
)

// client calls an emulator without a network.
type client struct {
	t *testing.T
	h http.Handler
	k string
	x http.Header // further headers
}

func start(t *testing.T, o emulator.Options) (*emulator.Emulator, client) {
	t.Helper()
	e := emulator.New(o)
	return e, client{t: t, h: e, k: emulator.DefaultKey}
}

func (c client) as(key string) client { c.k = key; return c }

func (c client) with(name, value string) client {
	header := c.x.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set(name, value)
	c.x = header
	return c
}

// result is one answer.
type result struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

func (c client) do(method, path, contentType string, body []byte) result {
	c.t.Helper()
	r := httptest.NewRequest(method, "http://torii.test"+emulator.BasePath+path, bytes.NewReader(body))
	if c.k != "" {
		r.Header.Set("Authorization", "Bearer "+c.k)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for name, values := range c.x {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	return result{t: c.t, what: method + " " + path, status: w.Code, header: w.Header(), body: w.Body.Bytes()}
}

func (c client) get(path string) result { c.t.Helper(); return c.do("GET", path, "", nil) }

// send writes a JSON body, given as Go value or as text.
func (c client) send(method, path string, body any) result {
	c.t.Helper()
	raw, isText := body.(string)
	if !isText {
		b, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		raw = string(b)
	}
	return c.do(method, path, "application/json", []byte(raw))
}

func (r result) want(status int) result {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: status %d, want %d; body %.300s", r.what, r.status, status, r.body)
	}
	return r
}

// refused checks Torii's error body, SCIM's below /scim, and that the message names something.
func (r result) refused(status int, mention string) {
	r.t.Helper()
	r.want(status)
	if strings.Contains(r.what, " /scim/") {
		r.scimRefused(status)
		if detail := fmt.Sprint(r.at("detail")); !strings.Contains(detail, mention) {
			r.t.Errorf("%s: detail %q, want %q in it", r.what, detail, mention)
		}
		return
	}
	var body struct {
		StatusCode int
		Error      string
		Message    string
	}
	decode(r.t, r.body, &body)
	if body.StatusCode != status || body.Error != http.StatusText(status) || !strings.Contains(body.Message, mention) {
		r.t.Errorf("%s: body %s, want status %d, %q and a message with %q", r.what, r.body, status, http.StatusText(status), mention)
	}
}

// object is the body.
func (r result) object() map[string]any {
	r.t.Helper()
	var o map[string]any
	decode(r.t, r.body, &o)
	return o
}

// at follows keys and list indexes into the body.
func (r result) at(path ...any) any {
	r.t.Helper()
	var v any
	decode(r.t, r.body, &v)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			v = v.(map[string]any)[step]
		case int:
			v = v.([]any)[step]
		}
	}
	return v
}

// rows are the objects of a list.
func (r result) rows(key string) []map[string]any {
	r.t.Helper()
	r.want(http.StatusOK)
	var rows []map[string]any
	for _, row := range r.object()[key].([]any) {
		rows = append(rows, row.(map[string]any))
	}
	return rows
}

func (r result) next() string {
	r.t.Helper()
	next, _ := r.object()["nextCursor"].(string)
	return next
}

func decode(t *testing.T, raw []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("decode %.200q: %v", raw, err)
	}
}

// column collects one member of every row as text.
func column(rows []map[string]any, key string) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = fmt.Sprint(row[key])
	}
	return out
}

// walk follows nextCursor to the end and returns all rows.
func (c client) walk(path, key string) []map[string]any {
	c.t.Helper()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	var rows []map[string]any
	cursor := ""
	for range 2000 {
		page := path
		if cursor != "" {
			page += separator + "cursor=" + url.QueryEscape(cursor)
		}
		r := c.get(page)
		rows = append(rows, r.rows(key)...)
		if cursor = r.next(); cursor == "" {
			return rows
		}
	}
	c.t.Fatalf("%s never ends", path)
	return nil
}

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// form builds the body of POST /files/upload.
func form(t *testing.T, kind, name string, content []byte) (contentType string, body []byte) {
	t.Helper()
	var buffer bytes.Buffer
	w := multipart.NewWriter(&buffer)
	if kind != "" {
		if err := w.WriteField("type", kind); err != nil {
			t.Fatal(err)
		}
	}
	if name != "" {
		part, err := w.CreateFormFile("file", name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), buffer.Bytes()
}

// filters is the query of a filters parameter.
func filters(entries string) string { return "filters=" + url.QueryEscape(entries) }
