package upstream

import (
	"net/http"
	"net/textproto"
	"strings"
)

// hopByHop are the fields that concern one connection (RFC 9110, section
// 7.6.1, and the older names still in use), in canonical form.
var hopByHop = [...]string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// stripHops removes the fields of the last hop, those that Connection names
// included.
func stripHops(h http.Header) {
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			if name = textproto.TrimString(name); name != "" {
				delete(h, textproto.CanonicalMIMEHeaderKey(name))
			}
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
}

// outgoing is what is sent of r's header.
func outgoing(r *Request) http.Header {
	h := make(http.Header, len(r.Header)+2)
	for name, values := range r.Header {
		h[textproto.CanonicalMIMEHeaderKey(name)] = values
	}
	stripHops(h)
	delete(h, "Host")
	delete(h, "Content-Length")
	delete(h, "Expect")
	if r.Write && !r.Idempotent {
		// Go's transport takes either field for leave to send a second time.
		delete(h, "Idempotency-Key")
		delete(h, "X-Idempotency-Key")
	}
	h["Accept-Encoding"] = acceptEncoding
	if _, given := h["User-Agent"]; !given {
		h["User-Agent"] = userAgent
	}
	return h
}

// What every request says. Nobody changes the values of a header.
var (
	acceptEncoding = []string{"gzip"}  //nolint:gochecknoglobals // a constant that Go has no word for
	userAgent      = []string{"sando"} //nolint:gochecknoglobals // the same
)
