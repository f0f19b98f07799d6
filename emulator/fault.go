package emulator

import (
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
)

// Faults of cursor-paged lists.
const (
	FaultCursorLoop    FaultKind = "cursor-loop"    // nextCursor never ends and never changes
	FaultRowInserted   FaultKind = "row-inserted"   // a continued page repeats the row before it
	FaultRowRemoved    FaultKind = "row-removed"    // a continued page skips a row
	FaultDuplicateRows FaultKind = "duplicate-rows" // the last row of the page comes twice
	FaultEmptyPage     FaultKind = "empty-page"     // no rows, but a nextCursor that leads to them
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
}

// faultKinds lists every kind, for validation and documentation.
func faultKinds() []FaultKind {
	return []FaultKind{
		FaultStatus, FaultRateLimited, FaultUnauthorized, FaultForbidden, FaultRedirect, FaultResetBefore, FaultGzipBomb, FaultWrongContent,
		FaultSlow, FaultTrickle, FaultCut, FaultResetMidBody, FaultResetAfter, FaultBadJSON, FaultEmptyBody, FaultHugeHeaders, FaultDuplicateKeys, FaultBigNumbers,
		FaultCursorLoop, FaultRowInserted, FaultRowRemoved, FaultDuplicateRows, FaultEmptyPage,
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
	if f.Kind == FaultStatus && f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("emulator: fault status %d is not between 200 and 599", f.Status)
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
		if !r.URL.Query().Has("cursor") {
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
