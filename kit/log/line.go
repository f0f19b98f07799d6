package log

import (
	"encoding/hex"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// lines are buffers for one line each.
var lines = sync.Pool{New: func() any { return new([]byte) }} //nolint:gochecknoglobals // a pool of buffers has no state of its own

// lineLimit bounds a buffer that is kept.
const lineLimit = 4 << 10

// appendLine writes a record as slog.JSONHandler does, behind the attributes
// already bound, and reports false when that takes more than appending: text to
// be escaped, groups, values that format themselves.
func appendLine(dst []byte, r *slog.Record, bound []byte, sc trace.SpanContext) ([]byte, bool) {
	dst = append(dst, '{')
	if t := r.Time.Round(0); !t.IsZero() {
		dst = append(dst, `"time":"`...)
		dst = t.AppendFormat(dst, time.RFC3339Nano)
		dst = append(dst, `",`...)
	}
	dst = append(dst, `"level":"`...)
	dst = append(dst, r.Level.String()...)
	dst = append(dst, `","msg":`...)
	dst, ok := appendText(dst, r.Message)
	dst = append(dst, bound...)
	if !ok {
		return dst, false
	}
	r.Attrs(func(a slog.Attr) bool {
		dst, ok = appendAttr(dst, a)
		return ok
	})
	if sc.IsValid() {
		traceID, spanID := sc.TraceID(), sc.SpanID()
		dst = append(dst, `,"trace_id":"`...)
		dst = hex.AppendEncode(dst, traceID[:])
		dst = append(dst, `","span_id":"`...)
		dst = hex.AppendEncode(dst, spanID[:])
		dst = append(dst, '"')
	}
	return append(dst, '}', '\n'), ok
}

func appendAttr(dst []byte, a slog.Attr) ([]byte, bool) {
	dst, ok := appendText(append(dst, ','), a.Key)
	if !ok || a.Key == "" {
		return dst, false
	}
	dst = append(dst, ':')
	switch v := a.Value; v.Kind() {
	case slog.KindString:
		return appendText(dst, v.String())
	case slog.KindInt64:
		return strconv.AppendInt(dst, v.Int64(), 10), true
	case slog.KindUint64:
		return strconv.AppendUint(dst, v.Uint64(), 10), true
	case slog.KindBool:
		return strconv.AppendBool(dst, v.Bool()), true
	case slog.KindDuration:
		return strconv.AppendInt(dst, int64(v.Duration()), 10), true
	case slog.KindFloat64:
		// Outside of these bounds JSON has an exponent.
		f := v.Float64()
		size := math.Abs(f)
		return strconv.AppendFloat(dst, f, 'f', -1, 64), f == 0 || size >= 1e-6 && size < 1e21
	default:
		return dst, false
	}
}

// appendText quotes text that needs no escapes.
func appendText(dst []byte, text string) ([]byte, bool) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return dst, false
		}
	}
	dst = append(dst, '"')
	dst = append(dst, text...)
	return append(dst, '"'), true
}
