package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// FaultKind names a way to go wrong.
type FaultKind string

// Faults that answer instead of the handler. Nothing is written.
const (
	FaultStatus       FaultKind = "status"        // Status (default 500); HTML for 502, 503 and 504
	FaultRateLimited  FaultKind = "rate-limited"  // 429 with the header Retry-After when RetryAfter is set
	FaultUnauthorized FaultKind = "unauthorized"  // 401
	FaultForbidden    FaultKind = "forbidden"     // 403 missing_required_scope
	FaultRedirect     FaultKind = "redirect"      // 302 to Location
	FaultResetBefore  FaultKind = "reset-before"  // the connection is reset, nothing was done
	FaultGzipBomb     FaultKind = "gzip-bomb"     // Bytes (default 1 GiB) of JSON in about a thousandth of them
	FaultWrongContent FaultKind = "wrong-content" // 200 with an HTML page
	FaultUnavailable  FaultKind = "unavailable"   // 503 in Torii's JSON with the header Retry-After when RetryAfter is set
	FaultEdgePage     FaultKind = "edge-page"     // Status (default 502) with an edge's HTML page, such as 200, 403, 502, 503
	FaultEcho         FaultKind = "echo"          // Status (default 400) whose message quotes the request's key, see Text and Encoding
)

// Faults that spoil the handler's answer. Writes are done.
const (
	FaultSlow          FaultKind = "slow"           // Delay (default 1 s) before the status line
	FaultTrickle       FaultKind = "trickle"        // the body in eight pieces, Delay (default 100 ms) before each
	FaultCut           FaultKind = "cut"            // the connection ends after Bytes (default half) of the body
	FaultResetMidBody  FaultKind = "reset-mid-body" // likewise with a reset
	FaultResetAfter    FaultKind = "reset-after"    // the connection is reset before the status line, the work is done
	FaultBadJSON       FaultKind = "bad-json"       // the body stops after half, with a Content-Length that agrees
	FaultEmptyBody     FaultKind = "empty-body"     // the status without a body
	FaultHugeHeaders   FaultKind = "huge-headers"   // Bytes (default 1 MiB) of headers
	FaultDuplicateKeys FaultKind = "duplicate-keys" // the first member comes again at the end, as null
	FaultBigNumbers    FaultKind = "big-numbers"    // every id is raised by 2^53+1
	FaultBadUTF8       FaultKind = "bad-utf8"       // the byte 0xFF in every name
	FaultLoneSurrogate FaultKind = "lone-surrogate" // \ud800 in every name
)

// Faults of the framing. Writes are done. Bytes are put on the wire as Record, Segment and Close say; the connection is
// answered further unless Close ends it, so that a client which keeps it meets what is left over.
const (
	FaultSplit       FaultKind = "split"        // the answer as it is, in records and segments as told
	FaultDoubled     FaultKind = "doubled"      // the answer twice, the second one after Delay (default at once)
	FaultSurplus     FaultKind = "surplus"      // the answer, and after Delay (default at once) the bytes of Text
	FaultBodyUnasked FaultKind = "body-unasked" // a body where none may be: Status 204 (default) or 304, or the answer to HEAD; see Framing
	FaultShortLength FaultKind = "short-length" // a Content-Length that is Bytes (default half) too small
	FaultLongLength  FaultKind = "long-length"  // a Content-Length that is Bytes (default 10) too large
)

// Faults of cursor-paged lists.
const (
	FaultCursorLoop  FaultKind = "cursor-loop"  // nextCursor never ends and never changes
	FaultCursorValue FaultKind = "cursor-value" // nextCursor is the JSON of Text (default true)
	FaultEmptyPage   FaultKind = "empty-page"   // no rows, but a nextCursor that leads to them
)

// Faults of every list: those with a cursor, an offset or a startIndex, and those that come whole. On a paged list the
// first two change continued pages only.
const (
	FaultRowInserted   FaultKind = "row-inserted"   // a continued page repeats the Rows (default 1) before it; a whole list has new ones at its head
	FaultRowRemoved    FaultKind = "row-removed"    // a continued page skips Rows (default 1); a whole list lacks its first
	FaultRowsMoved     FaultKind = "rows-moved"     // the first Rows (default 1) of the page stand at its end
	FaultDuplicateRows FaultKind = "duplicate-rows" // the last row of the page comes twice
	FaultEqualIDs      FaultKind = "equal-ids"      // the first Rows (default 3) of the page have the id of the first
)

// What Fault.Close says of the connection after a fault of the framing. The default, empty, goes on answering.
const (
	CloseNotify = "close-notify" // TLS says goodbye in the same segment (a FIN without TLS); the peer may close in peace
	CloseEnd    = "end"          // the TCP connection ends, without a word of TLS
	CloseReset  = "reset"        // a TCP reset
)

// Fault is an order to go wrong. The zero filters match every request of the API.
type Fault struct {
	Kind FaultKind `json:"kind"`

	Operation string `json:"operation,omitempty"` // id such as users.list
	Method    string `json:"method,omitempty"`
	Path      string `json:"path,omitempty"` // below BasePath: a pattern of path.Match ("/users/*") or a route ("/users/{idUser}")

	Skip  int `json:"skip,omitempty"`  // matching requests that are served well first
	Times int `json:"times,omitempty"` // how many then go wrong: 0 is one, -1 all until ClearFaults

	Status     int           `json:"status,omitempty"`
	RetryAfter string        `json:"retry_after,omitempty"` // header value, sent as it is; "" sends none
	Location   string        `json:"location,omitempty"`
	Delay      time.Duration `json:"-"` // "delay" in the control routes, such as "250ms"
	Bytes      int64         `json:"bytes,omitempty"`
	Rows       int           `json:"rows,omitempty"`

	// Text is the bytes of surplus, the nextCursor of cursor-value, the message of echo and the title of edge-page. In
	// the last two {key} stands for the key that the request carried, written as Encoding says.
	Text     string   `json:"text,omitempty"`
	Encoding Encoding `json:"encoding,omitempty"`

	Framing string `json:"framing,omitempty"` // of body-unasked: "length" (default), "none" or "chunked"
	Record  int    `json:"record,omitempty"`  // bytes in a TLS record at most; 0 makes each answer one record, if it fits
	Segment int    `json:"segment,omitempty"` // bytes in a TCP segment at most; 0 puts everything in one
	Close   string `json:"close,omitempty"`
}

// faultKinds lists every kind, for validation and documentation.
func faultKinds() []FaultKind {
	return []FaultKind{
		FaultStatus, FaultRateLimited, FaultUnauthorized, FaultForbidden, FaultRedirect, FaultResetBefore, FaultGzipBomb, FaultWrongContent,
		FaultUnavailable, FaultEdgePage, FaultEcho,
		FaultSlow, FaultTrickle, FaultCut, FaultResetMidBody, FaultResetAfter, FaultBadJSON, FaultEmptyBody, FaultHugeHeaders, FaultDuplicateKeys, FaultBigNumbers,
		FaultBadUTF8, FaultLoneSurrogate, FaultSplit, FaultDoubled, FaultSurplus, FaultBodyUnasked, FaultShortLength, FaultLongLength,
		FaultCursorLoop, FaultCursorValue, FaultEmptyPage, FaultRowInserted, FaultRowRemoved, FaultRowsMoved, FaultDuplicateRows, FaultEqualIDs,
	}
}

// validate refuses a fault that could never happen.
func (f Fault) validate() error {
	if !slices.Contains(faultKinds(), f.Kind) {
		return fmt.Errorf("emulator: unknown fault kind %q", f.Kind)
	}
	if _, err := path.Match(f.Path, ""); err != nil {
		return fmt.Errorf("emulator: fault path %q: %w", f.Path, err)
	}
	if f.Operation != "" && !slices.Contains(Operations(), f.Operation) {
		return fmt.Errorf("emulator: unknown operation %q", f.Operation)
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("emulator: fault status %d is not between 200 and 599", f.Status)
	}
	if f.Kind == FaultBodyUnasked && f.Status != 0 && f.Status != http.StatusNoContent && f.Status != http.StatusNotModified {
		return fmt.Errorf("emulator: a body is unasked for with 204 and 304, not with %d", f.Status)
	}
	if f.Kind == FaultCursorValue && f.Text != "" && !json.Valid([]byte(f.Text)) {
		return fmt.Errorf("emulator: fault text %q is no JSON", f.Text)
	}
	if f.Kind == FaultSurplus && f.Text == "" {
		return errors.New("emulator: a surplus needs the text that comes after the answer")
	}
	if min(int64(min(f.Rows, f.Record, f.Segment)), f.Bytes) < 0 || f.Delay < 0 {
		return errors.New("emulator: rows, record, segment, bytes and delay of a fault are never negative")
	}
	if err := f.validateMembers(); err != nil {
		return err
	}
	return f.validateChoices()
}

// takes are the members that a kind has beside those that choose the request; what another kind has would be ignored.
func (k FaultKind) takes() []string {
	const framing = " record segment close"
	members := map[FaultKind]string{
		FaultStatus: "status retry_after", FaultRateLimited: "retry_after", FaultUnavailable: "retry_after", FaultRedirect: "location",
		FaultEdgePage: "status retry_after text encoding", FaultEcho: "status retry_after text encoding",
		FaultGzipBomb: "bytes", FaultCut: "bytes", FaultResetMidBody: "bytes", FaultHugeHeaders: "bytes", FaultSlow: "delay", FaultTrickle: "delay",
		FaultSplit: framing, FaultDoubled: "delay" + framing, FaultSurplus: "text delay" + framing, FaultBodyUnasked: "status framing text" + framing,
		FaultShortLength: "bytes" + framing, FaultLongLength: "bytes" + framing, FaultCursorValue: "text",
		FaultRowInserted: "rows", FaultRowRemoved: "rows", FaultRowsMoved: "rows", FaultEqualIDs: "rows",
	}
	return strings.Fields(members[k])
}

// validateMembers refuses what the kind would ignore.
func (f Fault) validateMembers() error {
	given := []struct {
		name string
		set  bool
	}{
		{"status", f.Status != 0},
		{"retry_after", f.RetryAfter != ""},
		{"location", f.Location != ""},
		{"delay", f.Delay != 0},
		{"bytes", f.Bytes != 0},
		{"rows", f.Rows != 0},
		{"text", f.Text != ""},
		{"encoding", f.Encoding != ""},
		{"framing", f.Framing != ""},
		{"record", f.Record != 0},
		{"segment", f.Segment != 0},
		{"close", f.Close != ""},
	}
	for _, member := range given {
		if member.set && !slices.Contains(f.Kind.takes(), member.name) {
			return fmt.Errorf("emulator: a fault of kind %q has no %s; it may have %s", f.Kind, member.name, strings.Join(f.Kind.takes(), ", "))
		}
	}
	return nil
}

// validateChoices checks the members that take one of a few words.
func (f Fault) validateChoices() error {
	for _, member := range []struct {
		name, value string
		choices     []string
	}{
		{"encoding", string(f.Encoding), encodingNames()},
		{"framing", f.Framing, []string{framingLength, framingNone, framingChunked}},
		{"close", f.Close, []string{CloseNotify, CloseEnd, CloseReset}},
	} {
		if member.value != "" && !slices.Contains(member.choices, member.value) {
			return fmt.Errorf("emulator: fault %s %q is not one of %s", member.name, member.value, strings.Join(member.choices, ", "))
		}
	}
	return nil
}

// matches reports whether the fault is meant for a request.
func (f Fault) matches(rt *route, r *http.Request) bool {
	if f.Method != "" && f.Method != r.Method {
		return false
	}
	if f.Operation != "" && (rt == nil || rt.id != f.Operation) {
		return false
	}
	if f.Kind == FaultRowInserted || f.Kind == FaultRowRemoved {
		if rt != nil && rt.paged() && !continued(r.URL.Query()) {
			return false
		}
	}
	if f.Path == "" || rt != nil && rt.path == f.Path {
		return true
	}
	ok, _ := path.Match(f.Path, strings.TrimPrefix(r.URL.Path, BasePath)) // the pattern was checked
	return ok
}

// faults are the orders that stand, oldest first.
type faults struct {
	mu      sync.Mutex
	ordered []*Fault
}

// Inject orders a fault. Of several that match a request the oldest happens. It fails on a fault that could never
// happen.
func (e *Emulator) Inject(f Fault) error {
	if err := f.validate(); err != nil {
		return err
	}
	if f.Times == 0 {
		f.Times = 1
	}
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.ordered = append(e.faults.ordered, &f)
	return nil
}

// Faults lists the faults that still stand, with the Skip and Times that are left.
func (e *Emulator) Faults() []Fault {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	list := []Fault{}
	for _, f := range e.faults.ordered {
		list = append(list, *f)
	}
	return list
}

// ClearFaults takes back all faults.
func (e *Emulator) ClearFaults() {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.ordered = nil
}

// take returns the fault for a request, counting it; nil when the request is to be served well.
func (fs *faults) take(rt *route, r *http.Request) *Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.ordered {
		if !f.matches(rt, r) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		due := *f
		if f.Times > 0 {
			f.Times--
		}
		if f.Times == 0 {
			fs.ordered = slices.Delete(fs.ordered, i, i+1)
		}
		return &due
	}
	return nil
}
