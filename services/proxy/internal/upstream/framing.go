package upstream

import (
	"bytes"
	"net/http"
)

// A head follows the header of an answer as its bytes come, interim answers before it included, to
// tell whether it says once and clearly where the answer ends. What net/http makes of it does not
// tell: it takes one of two statements and removes the other.
type head struct {
	line    [24]byte // how the current line begins
	n       int
	started bool // past the line with the status
	interim bool
	lengths int
	codings int
	unclear bool
	over    bool
}

func (h *head) follow(p []byte) {
	for len(p) > 0 && !h.over {
		part, rest, ended := bytes.Cut(p, []byte{'\n'})
		h.n += copy(h.line[h.n:], part)
		if ended {
			h.endLine(bytes.TrimSuffix(h.line[:h.n], []byte{'\r'}))
			h.n = 0
		}
		p = rest
	}
}

func (h *head) endLine(line []byte) {
	switch {
	case !h.started:
		_, status, _ := bytes.Cut(line, []byte{' '})
		h.started, h.interim = true, bytes.HasPrefix(bytes.TrimLeft(status, " "), []byte{'1'})
	case len(line) == 0:
		h.end()
	default:
		name, _, _ := bytes.Cut(line, []byte{':'})
		if bytes.EqualFold(name, []byte("Content-Length")) {
			h.lengths++
		}
		if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			h.codings++
		}
	}
}

// end judges a header. An interim answer has no body, and is followed by another header.
func (h *head) end() {
	stated := h.lengths + h.codings
	h.unclear = h.unclear || stated > 1 || h.interim && stated > 0
	if !h.interim {
		h.over = true
		return
	}
	*h = head{unclear: h.unclear}
}

// clear tells whether it is beyond doubt where resp, the answer to a request of the method, ends.
// Where a header announces a body that must not follow, some servers send it all the same.
func (h *head) clear(method string, resp *http.Response) bool {
	if resp.Close || resp.StatusCode < 200 || h.unclear || !h.over {
		return false
	}
	if method != http.MethodHead && resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusNotModified {
		return true
	}
	length := resp.Header["Content-Length"]
	return h.codings == 0 && (len(length) == 0 || length[0] == "0")
}
