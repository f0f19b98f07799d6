package emulator

import (
	"cmp"
	"net/http"
)

// What Fault.Framing says of a body that nobody asked for.
const (
	framingLength  = "length"  // Content-Length counts it
	framingNone    = "none"    // nothing announces it
	framingChunked = "chunked" // in chunks
)

// frame sends a reply whose framing is wrong, then does with the connection what Close says.
func (f *Fault) frame(w http.ResponseWriter, r *http.Request, rep reply) {
	rep = rep.fresh()
	parts := f.parts(r, rep)
	t := take(w, r)
	notify := f.Close == CloseNotify
	if f.Delay > 0 && len(parts) > 1 {
		t.send(parts[:1], f.Record, f.Segment, false)
		if !wait(r.Context(), f.Delay) {
			t.end(CloseEnd)
			return
		}
		parts = parts[1:]
	}
	t.send(parts, f.Record, f.Segment, notify)
	t.end(f.Close)
}

// parts are the pieces that leave as TLS records of their own: the answer, and what comes after it.
func (f *Fault) parts(r *http.Request, rep reply) [][]byte {
	whole := rep.raw(r, wholeLength)
	switch f.Kind {
	case FaultDoubled:
		return [][]byte{whole, whole}
	case FaultSurplus:
		return [][]byte{whole, []byte(f.Text)}
	case FaultBodyUnasked:
		return [][]byte{f.unasked(r, rep)}
	case FaultShortLength, FaultLongLength:
		length := len(rep.encode(http.Header{}, r))
		if f.Kind == FaultLongLength {
			return [][]byte{rep.raw(r, length+int(cmp.Or(f.Bytes, 10)))}
		}
		return [][]byte{rep.raw(r, max(length-int(cmp.Or(f.Bytes, int64(length/2))), 0))}
	}
	return [][]byte{whole}
}

// unasked is an answer that must have no body, with one.
func (f *Fault) unasked(r *http.Request, rep reply) []byte {
	if r.Method != http.MethodHead {
		rep.status = cmp.Or(f.Status, http.StatusNoContent)
	}
	if f.Text != "" {
		rep.body, rep.packed = []byte(f.Text), nil
	}
	if len(rep.body) == 0 {
		rep.body = []byte(`{"surplus":true}`)
	}
	switch f.Framing {
	case framingNone:
		return rep.raw(r, noLength)
	case framingChunked:
		rep.header.Set("Transfer-Encoding", "chunked")
		return rep.raw(r, noLength)
	}
	return rep.raw(r, wholeLength)
}
