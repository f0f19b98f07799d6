package edge

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
)

// compressFrom is the size in bytes from which an answer is packed.
const compressFrom = 1 << 10

// compress packs answers for clients that take gzip. RPCs are left alone: their
// protocols have compression of their own, see MuxOptions.
func compress(h http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(compressFrom), gzhttp.CompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	packed := wrap(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if contentType := r.Header.Get("Content-Type"); strings.HasPrefix(contentType, "application/grpc") ||
			strings.HasPrefix(contentType, "application/connect") || r.Header.Get("Connect-Protocol-Version") != "" {
			h.ServeHTTP(w, r)
			return
		}
		packed.ServeHTTP(w, r)
	}), nil
}
