package log_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/kit/log"
)

// TestLineIsSlogs holds the lines against those of slog.JSONHandler.
func TestLineIsSlogs(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 60_000, time.UTC)
	records := map[string][]slog.Attr{
		"nothing": nil,
		"plain": {
			slog.String("a", "b"), slog.String("empty", ""), slog.Int("i", -7), slog.Uint64("u", math.MaxUint64), slog.Bool("t", true),
			slog.Duration("d", time.Second), slog.String("six", "<&>"), slog.String("seven", "/x?y=z"),
		},
		"floats":       {slog.Float64("a", 0), slog.Float64("b", 1.25), slog.Float64("c", -0.001), slog.Float64("d", 1e20)},
		"small float":  {slog.Float64("a", 1e-7)},
		"large float":  {slog.Float64("a", 1e21)},
		"no number":    {slog.Float64("a", math.NaN())},
		"escapes":      {slog.String("a", "\"\\\n\x7f é \xff \u2028")},
		"name escapes": {slog.String("a\"b", "c")},
		"no name":      {slog.String("", "c"), {}},
		"others":       {slog.Time("a", at), slog.Any("b", []int{1}), slog.Any("c", errors.New("bad")), slog.Group("d", "e", 1), slog.Any("f", nil)},
		"mess\"age":    {slog.Int("a", 1)},
	}
	bound := map[string]func(slog.Handler) slog.Handler{
		"none":  func(h slog.Handler) slog.Handler { return h },
		"plain": func(h slog.Handler) slog.Handler { return h.WithAttrs([]slog.Attr{slog.String("service", "x")}) },
		"twice": func(h slog.Handler) slog.Handler {
			return h.WithAttrs([]slog.Attr{slog.Int("n", 1)}).WithAttrs([]slog.Attr{slog.Int("m", 2)})
		},
		"escapes": func(h slog.Handler) slog.Handler {
			return h.WithAttrs([]slog.Attr{slog.String("x", "\n")}).WithAttrs([]slog.Attr{slog.Int("m", 2)})
		},
		"group": func(h slog.Handler) slog.Handler {
			return h.WithGroup("g").WithAttrs([]slog.Attr{slog.Int("m", 2)})
		},
	}
	for message, attrs := range records {
		for how, bind := range bound {
			for _, when := range []time.Time{at, {}} {
				t.Run(message+"/"+how, func(t *testing.T) {
					r := slog.NewRecord(when, slog.LevelWarn+1, message, 0)
					r.AddAttrs(attrs...)
					var got, want bytes.Buffer
					l, flush := log.New(&got, slog.LevelInfo, log.JSON)
					if err := bind(l.Handler()).Handle(context.Background(), r); err != nil {
						t.Fatal(err)
					}
					flush()
					if err := bind(slog.NewJSONHandler(&want, nil)).Handle(context.Background(), r); err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want.String(), got.String()); diff != "" {
						t.Error(diff)
					}
				})
			}
		}
	}
}

// TestNoFormatIsJSON: it writes the same line, and as cheaply.
func TestNoFormatIsJSON(t *testing.T) {
	allocs := func(format log.Format) float64 {
		l, flush := log.New(io.Discard, slog.LevelInfo, format)
		defer flush()
		return testing.AllocsPerRun(100, func() { l.LogAttrs(context.Background(), slog.LevelInfo, "call", slog.Float64("ms", 1.234)) })
	}
	if named, none := allocs(log.JSON), allocs(""); none > named {
		t.Errorf("a line takes %v allocations, with the format named %v", none, named)
	}
}

// BenchmarkCallLine writes what a call of the proxy writes.
func BenchmarkCallLine(b *testing.B) {
	l, flush := log.New(io.Discard, slog.LevelInfo, log.JSON)
	defer flush()
	l = l.With("service", "proxyd")
	b.ReportAllocs()
	for b.Loop() {
		l.LogAttrs(b.Context(), slog.LevelInfo, "call",
			slog.String("procedure", "/sando.proxy.v1.UserService/ListUsers"), slog.String("code", "OK"), slog.Float64("ms", 1.234),
			slog.String("request_id", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), slog.String("protocol", "rest"),
			slog.String("account", "acct_0123456789"), slog.String("operation", "users.list"))
	}
}
