package gateway

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// Generated handlers keep only the text of an error from decoding a body or
// parsing a query. A packed error survives that: its text is the whole error,
// behind a mark that no caller can put at the start of a text.
const mark = "\x00rpcerr:"

type packed struct{ err *rpcerr.Error }

func (p packed) Error() string {
	b, err := json.Marshal(p.err)
	if err != nil {
		return p.err.Message
	}
	return mark + string(b)
}

// unpack reads the text of a packed error.
func unpack(text string) (*rpcerr.Error, bool) {
	body, ok := strings.CutPrefix(text, mark)
	if !ok {
		return nil, false
	}
	var e rpcerr.Error
	if json.Unmarshal([]byte(body), &e) != nil {
		return nil, false
	}
	return &e, true
}

// strict decodes bodies with errors that survive.
type strict struct{ runtime.Marshaler }

func (s strict) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		if body, ok := r.(*pendingBody); ok {
			body.into, body.decoder = v, s.Marshaler
			return nil
		}
		return packError(s.Marshaler.NewDecoder(r).Decode(v))
	})
}

// isForeign reports whether the content type names something else than JSON. A
// body without a type is taken for JSON.
func isForeign(contentType string) bool {
	if contentType == "" || contentType == "application/json" {
		return false
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err != nil || media != "application/json" && !strings.HasSuffix(media, "+json")
}

// unpacked is the error itself, for those who need not pass it on as text.
func unpacked(err error) error {
	if p, ok := errors.AsType[packed](err); ok {
		return p.err
	}
	return err
}

func packError(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	if e, ok := errors.AsType[*rpcerr.Error](err); ok {
		return packed{e}
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return packed{rpcerr.New(rpcerr.RequestTooLarge, "").WithDetail("limit_bytes", tooLarge.Limit)}
	}
	return packed{rpcerr.New(rpcerr.ValidationFailed, "The body broke off.")}
}
