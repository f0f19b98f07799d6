package emulator

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Limits of request bodies in bytes. MaxUpload is Torii's 3 MB for POST /files/upload; the form around the file may
// add a little.
const (
	MaxUpload   = 3 << 20
	maxForm     = MaxUpload + 64<<10
	maxJSONBody = 1 << 20
	maxDrain    = 64 << 20
)

// gzipFrom is the body length from which answers are compressed, as in hapi.
const gzipFrom = 1024

// inbound is a request's body, read before anything is decided about it.
type inbound struct {
	body     []byte
	tooLarge bool
}

// readBody reads up to the route's limit and swallows what lies beyond, so that the client can read the refusal.
func readBody(rt *route, r *http.Request) inbound {
	limit := int64(maxJSONBody)
	if rt != nil && rt.id == "files.upload" {
		limit = maxForm
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	in := inbound{body: body}
	if err == nil && int64(len(body)) > limit {
		in.tooLarge = true
		io.Copy(io.Discard, io.LimitReader(r.Body, maxDrain)) //nolint:errcheck // the refusal is sent either way
	}
	return in
}

// serve answers one request of the API; rt is nil when no route fits.
func (e *Emulator) serve(rt *route, w http.ResponseWriter, r *http.Request) {
	in := readBody(rt, r)
	f := e.faults.take(rt, r)
	entry := e.newEntry(rt, r, in, f)
	rep, done := f.instead(rt, r)
	if !done {
		var key keyed
		rep, key = e.respond(rt, r, in, f.bend())
		entry.OrgID = orgOf(key)
		entry.Committed = rt != nil && rt.writes() && rep.status < 300
	}
	entry.Status = rep.status
	e.log(entry)
	if !wait(r.Context(), e.opts.Delay) {
		return
	}
	f.deliver(rt, w, r, rep)
}

func orgOf(key keyed) int64 {
	if key.org == nil {
		return 0
	}
	return key.org.ID
}

// wait holds an answer back; it is false when the client went away meanwhile.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// write sends a reply, compressed when the client accepts that and it is worth it.
func write(w http.ResponseWriter, r *http.Request, rep reply) {
	body := rep.encode(w.Header(), r)
	if rep.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(rep.status)
	w.Write(body) //nolint:errcheck // the client is gone; there is nobody to tell
}

// encode sets the reply's headers and returns its body as it goes over the wire.
func (rep reply) encode(h http.Header, r *http.Request) []byte {
	for name, values := range rep.header {
		h[name] = values
	}
	if len(rep.body) < gzipFrom || h.Get("Content-Encoding") != "" {
		return rep.body
	}
	h.Set("Vary", "Accept-Encoding")
	if !acceptsGzip(r) {
		return rep.body
	}
	h.Set("Content-Encoding", "gzip")
	if rep.packed != nil {
		return rep.packed()
	}
	return compress(rep.body)
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" || name == "*" {
			return strings.TrimSpace(weight) != "q=0"
		}
	}
	return false
}

func compress(body []byte) []byte {
	var buffer bytes.Buffer
	z, _ := gzip.NewWriterLevel(&buffer, gzip.BestSpeed) // the level is valid
	z.Write(body)                                        //nolint:errcheck // a bytes.Buffer takes everything
	z.Close()                                            //nolint:errcheck // likewise
	return buffer.Bytes()
}
