package call

import (
	"bytes"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// frame is kept free for what stands around an answer: the other members of the result, and the message it is sent in.
const frame = 320

// sent is how many bytes an answer takes as it is sent: max_result_bytes counts the whole result, so the text and the structured content that
// repeat each other, and what stands around them.
func sent(answer []byte) int { return frame + twice(answer) }

// twice is how many bytes a piece of an answer takes as structured content and as text. In the text every quotation mark and backslash has an escape,
// and nothing else in JSON needs one.
func twice(piece []byte) int {
	return 2*len(piece) + bytes.Count(piece, []byte{'"'}) + bytes.Count(piece, []byte{'\\'})
}

// exceeds is the error for an answer that takes more than its bound.
func exceeds(in Input, takes int) *rpcerr.Error {
	return tooLarge(in, "the answer takes %d bytes, as structured content and as text; this server allows %d", takes, in.MaxBytes)
}

// tooLarge is the error for an answer that cannot be cut. A write has happened by then, which it says.
func tooLarge(in Input, format string, arguments ...any) *rpcerr.Error {
	if in.Tool.ReadOnly() {
		return rpcerr.Newf(rpcerr.ResultTooLarge, format, arguments...).
			WithFix("Ask for fewer fields, or raise max_result_bytes of the MCP server.")
	}
	return rpcerr.Newf(rpcerr.ResultTooLarge, "the call was carried out, but "+format, arguments...).
		WithFix("Do not repeat the call. Read the record with fewer fields, or raise max_result_bytes of the MCP server.")
}
