package emulator

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// maxLogged bounds the request log; older entries are dropped.
const maxLogged = 20_000

// Request is one request to the API as the emulator saw it. It holds neither the key nor the body, only their digests.
type Request struct {
	Seq        int64             `json:"seq"` // counted from 1 over everything received
	Time       time.Time         `json:"time"`
	Method     string            `json:"method"`
	Path       string            `json:"path"`
	Query      string            `json:"query"`
	Operation  string            `json:"operation"` // empty when no route fits
	OrgID      int64             `json:"org_id"`    // 0 when the key opened nothing
	KeyDigest  string            `json:"key_digest"`
	Header     map[string]string `json:"header"` // see loggedHeaders
	BodyBytes  int               `json:"body_bytes"`
	BodyDigest string            `json:"body_digest"` // empty without a body
	Fault      FaultKind         `json:"fault,omitempty"`
	Status     int               `json:"status"`    // as decided, also when a fault kept it from being sent
	Committed  bool              `json:"committed"` // a write that was done
	Count      int               `json:"count"`     // how often this method, path, query and body have come
}

// requestLog is the history of requests.
type requestLog struct {
	mu      sync.Mutex
	seq     int64
	entries []Request
	counts  map[string]int
}

// loggedHeaders are the headers that tests want to see. Authorization is none of them.
func loggedHeaders() []string {
	return []string{
		"Accept", "Accept-Encoding", "Connection", "Content-Length", "Content-Type", "Expect", "Forwarded", "Idempotency-Key", "Te", "Trailer",
		"Traceparent", "Transfer-Encoding", "Upgrade", "User-Agent", "Via", "X-Api-Version", "X-Forwarded-For", "X-Request-Id",
	}
}

// newEntry describes a request.
func (e *Emulator) newEntry(rt *route, r *http.Request, in inbound, f *Fault) Request {
	entry := Request{Time: e.opts.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, BodyBytes: len(in.body)}
	if !e.logs() {
		return entry
	}
	if rt != nil {
		entry.Operation = rt.id
	}
	if f != nil {
		entry.Fault = f.Kind
	}
	if len(in.body) > 0 {
		entry.BodyDigest = digest(in.body)
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		entry.KeyDigest = digest([]byte(token))
	}
	entry.Header = map[string]string{}
	for _, name := range loggedHeaders() {
		if v := r.Header.Get(name); v != "" {
			entry.Header[name] = v
		}
	}
	return entry
}

// logs is false in bench mode without control routes.
func (e *Emulator) logs() bool { return !e.opts.Bench || e.opts.Control }

// log adds a finished request.
func (e *Emulator) log(entry Request) {
	if entry.Status >= http.StatusBadRequest || entry.Fault != "" {
		e.opts.Logger.Info("request refused", "method", entry.Method, "path", entry.Path, "status", entry.Status, "fault", entry.Fault)
	}
	if !e.logs() {
		return
	}
	l := &e.requests
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil || len(l.counts) > maxLogged {
		l.counts = map[string]int{}
	}
	l.seq++
	same := strings.Join([]string{entry.Method, entry.Path, entry.Query, entry.BodyDigest}, "\n")
	l.counts[same]++
	entry.Seq, entry.Count = l.seq, l.counts[same]
	if len(l.entries) >= maxLogged {
		l.entries = append(l.entries[:0], l.entries[maxLogged/2:]...)
	}
	l.entries = append(l.entries, entry)
}

// Requests returns the requests received since the start or the last ClearRequests, oldest first; at most the last
// 20,000.
func (e *Emulator) Requests() []Request {
	e.requests.mu.Lock()
	defer e.requests.mu.Unlock()
	return append([]Request{}, e.requests.entries...)
}

// ClearRequests empties the request log.
func (e *Emulator) ClearRequests() {
	e.requests.mu.Lock()
	defer e.requests.mu.Unlock()
	e.requests.seq, e.requests.entries, e.requests.counts = 0, nil, nil
}
