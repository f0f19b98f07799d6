package rpcerr

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

// statusClientClosed answers a caller that has gone; there is no registered
// status for it.
const statusClientClosed = 499

// object is the error as REST and tool calls show it.
type object struct {
	StatusCode   int             `json:"statusCode"`
	Error        string          `json:"error"`
	Message      string          `json:"message"`
	Code         Code            `json:"code"`
	Origin       string          `json:"origin"`
	Retryable    bool            `json:"retryable"`
	RetryAfter   int             `json:"retry_after,omitempty"`
	SuggestedFix string          `json:"suggested_fix,omitempty"`
	RequestID    string          `json:"request_id"`
	Details      map[string]any  `json:"details,omitempty"`
	RawResponse  json.RawMessage `json:"raw_response,omitempty"`
}

// Object gives the JSON object of an error. It never fails: details that do
// not encode are left out.
func (t *Table) Object(err error, requestID string) []byte {
	_, b := t.object(err, requestID)
	return b
}

func (t *Table) object(err error, requestID string) (object, []byte) {
	e := t.public(err)
	entry := t.entry(e)
	o := object{
		StatusCode:   e.status(entry),
		Message:      e.text(entry),
		Code:         entry.Code,
		Origin:       t.origin(e),
		Retryable:    e.retryable(entry),
		SuggestedFix: e.fix(entry),
		RequestID:    requestID,
		Details:      e.facts(),
		RawResponse:  e.raw(),
	}
	o.Error = statusText(o.StatusCode)
	if e.RetryAfter > 0 {
		o.RetryAfter = seconds(e.RetryAfter)
	}
	b, bad := encode(o)
	if bad != nil {
		o.Details, o.RawResponse = nil, nil
		b, _ = encode(o)
	}
	return o, b
}

// encode is json.Marshal without the escaping of <, > and &, which are common
// in texts and harmless outside of HTML.
func encode(o object) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(o)
	return bytes.TrimRight(buf.Bytes(), "\n"), err
}

// facts joins details and violations, which share a place in the object.
func (e *Error) facts() map[string]any {
	if len(e.Violations) == 0 {
		return e.Details
	}
	facts := make(map[string]any, len(e.Details)+1)
	maps.Copy(facts, e.Details)
	facts["violations"] = e.Violations
	return facts
}

func statusText(code int) string {
	if code == statusClientClosed {
		return "Client Closed Request"
	}
	return http.StatusText(code)
}

// WriteHTTP answers a REST request with an error. Headers set before it stay.
func (t *Table) WriteHTTP(w http.ResponseWriter, requestID string, err error) {
	o, body := t.object(err, requestID)
	h := w.Header()
	h.Del("Content-Encoding")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	if o.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(o.RetryAfter))
	}
	if o.StatusCode == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", `Bearer realm="`+t.domain+`"`)
	}
	w.WriteHeader(o.StatusCode)
	// The caller may be gone; there is nobody left to tell.
	_, _ = w.Write(body)
}
