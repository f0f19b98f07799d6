package edge

import (
	"strings"
	"testing"
)

// TestS11LengthTwice: a request whose length is said twice is seen among others
// on its connection, however its bytes arrive, and no other is taken for one.
func TestS11LengthTwice(t *testing.T) {
	const chunks = "5\r\nhello\r\n3;x=y\r\n\r\n\r\r\n0\r\n\r\n"
	good := []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"\r\nPOST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
		"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n" + chunks,
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nab\r\n0\r\nContent-Length: 1\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 0\r\nX: " + strings.Repeat("y", 200) + "\r\n\r\n",
		"PUT / HTTP/1.1\r\ncontent-length:   64  \r\n\r\n" + strings.Repeat("Content-Length: 1\r\nTransfer-Encoding: x\r\n", 2)[:64],
	}
	bad := []string{
		"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunks,
		"POST / HTTP/1.1\r\nContent-Length: 5\r\nX: y\r\nContent-Length: 5\r\n\r\nhello",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTRANSFER-ENCODING: chunked\r\n\r\n" + chunks,
		"POST / HTTP/1.1\r\nContent-Length:" + strings.Repeat(" ", 70) + "5\r\n\r\nhello",
	}
	for i, last := range append(good, bad...) {
		for piece := 1; piece < 40; piece++ {
			var r requests
			for rest := strings.Join(good, "") + last; rest != ""; {
				n := min(piece, len(rest))
				r.follow([]byte(rest[:n]))
				rest = rest[n:]
			}
			if want := i >= len(good); r.twice != want || r.state == astray {
				t.Fatalf("in pieces of %d: twice %t, state %d, want %t of %q", piece, r.twice, r.state, want, last)
			}
			if i < len(good) && r != (requests{line: r.line}) {
				t.Fatalf("in pieces of %d: the end of %q is not seen: %+v", piece, last, r)
			}
		}
	}
}

// HTTP/2 is not followed.
func TestFramingLeavesHTTP2Alone(t *testing.T) {
	var r requests
	r.follow([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"))
	if r.state != astray || r.twice {
		t.Errorf("%+v", r)
	}
}
