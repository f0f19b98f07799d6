// Package log makes the process's logger: slog with a 64 kB buffer in front of
// the writer, trace ids on every line, and no token on any.
package log

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// A Format is how lines are written.
type Format string

// The formats: one JSON object a line for machines, key=value for people.
const (
	JSON Format = "json"
	Text Format = "text"
)

// UnmarshalText refuses formats that do not exist.
func (f *Format) UnmarshalText(b []byte) error {
	switch Format(b) {
	case JSON, Text:
		*f = Format(b)
		return nil
	}
	return fmt.Errorf("%q is neither json nor text", b)
}

// New makes a logger that writes lines to w, from the given level up; no format is JSON. Lines
// stay in memory for a second at most; an error, and the returned flush, write
// them out. Call flush at the end of the process.
func New(w io.Writer, level slog.Leveler, format Format) (*slog.Logger, func()) {
	out := &buffer{w: w}
	opts := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(out, opts)
	if format == Text {
		h = slog.NewTextHandler(out, opts)
	}
	return slog.New(&handler{Handler: h, out: out, appends: format != Text}), out.flush
}

// handler adds the trace to a line, and sees to it that errors are not lost in
// the buffer. Lines that it can write by appending do not reach slog's handler.
type handler struct {
	slog.Handler
	out *buffer
	// appends says that lines may be appended, with bound behind the message.
	appends bool
	bound   []byte
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	sc := trace.SpanContextFromContext(ctx)
	err := h.line(ctx, r, sc)
	if r.Level >= slog.LevelError {
		h.out.flush()
	}
	return err
}

func (h *handler) line(ctx context.Context, r slog.Record, sc trace.SpanContext) error {
	if h.appends {
		b, _ := lines.Get().(*[]byte)
		line, ok := appendLine((*b)[:0], &r, h.bound, sc)
		if ok {
			_, _ = h.out.Write(line)
		}
		if cap(line) <= lineLimit {
			*b = line
			lines.Put(b)
		}
		if ok {
			return nil
		}
	}
	if sc.IsValid() {
		r.AddAttrs(slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := &handler{Handler: h.Handler.WithAttrs(attrs), out: h.out, appends: h.appends}
	next.bound = append(next.bound, h.bound...)
	for _, a := range attrs {
		var ok bool
		next.bound, ok = appendAttr(next.bound, a)
		next.appends = next.appends && ok
	}
	return next
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{Handler: h.Handler.WithGroup(name), out: h.out}
}
