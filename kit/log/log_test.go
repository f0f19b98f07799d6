package log_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sando-dev/sando/kit/log"
)

// sink is a writer that counts.
type sink struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	writes int
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	return s.buf.Write(b)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func TestLinesWaitAndErrorsDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w sink
		l, flush := log.New(&w, slog.LevelInfo, log.JSON)
		l.Debug("unseen")
		l.Info("one")
		l.Info("two")
		if w.String() != "" {
			t.Errorf("a line did not wait: %s", w.String())
		}
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if got := w.String(); strings.Count(got, "\n") != 2 || strings.Contains(got, "unseen") || w.writes != 1 {
			t.Errorf("after a second: %d writes, %s", w.writes, got)
		}
		l.Info("three")
		l.Error("four")
		if got := w.String(); !strings.Contains(got, "three") || !strings.Contains(got, "four") {
			t.Errorf("an error waited: %s", got)
		}
		l.With("k", "v").WithGroup("g").Info("five", "a", 1)
		flush()
		if got := w.String(); !strings.Contains(got, `"k":"v","g":{"a":1}`) {
			t.Errorf("flush left something: %s", got)
		}
	})
}

func TestFullBufferIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w sink
		l, flush := log.New(&w, slog.LevelInfo, log.Text)
		long := strings.Repeat("x", 1000)
		for range 100 {
			l.Info(long)
		}
		if w.writes != 1 {
			t.Errorf("%d writes of 100 kB", w.writes)
		}
		l.Info(strings.Repeat("y", 200_000))
		flush()
		if got := strings.Count(w.String(), "\n"); got != 101 {
			t.Errorf("%d lines", got)
		}
	})
}

func TestTraceIsOnTheLine(t *testing.T) {
	var w sink
	l, flush := log.New(&w, slog.LevelInfo, log.JSON)
	ctx := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2},
	}))
	l.InfoContext(ctx, "x")
	flush()
	var line map[string]any
	if err := json.Unmarshal([]byte(w.String()), &line); err != nil {
		t.Fatal(err)
	}
	if line["trace_id"] != "01000000000000000000000000000000" || line["span_id"] != "0200000000000000" {
		t.Errorf("line %v", line)
	}
}

const (
	secret = "AbC-_9xYzAbC-_9xYz01"
	jwt    = "eyJhbGciOiJFZERTQSJ9.eyJ0aWQiOiJ4eHh4eHh4eHh4In0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
)

func TestScrub(t *testing.T) {
	tests := map[string]string{
		"":                               "",
		"plain":                          "plain",
		"sando_api_" + secret:            "sando_api_[redacted]",
		"a sando_acct_" + secret + ", b": "a sando_acct_[redacted], b",
		"/mcp/sando_mcp_" + secret + "?x=sando_link_" + secret: "/mcp/sando_mcp_[redacted]?x=sando_link_[redacted]",
		"Bearer " + jwt + "\"":                                 "Bearer [redacted]\"",
		"sando_api_calls and sando_":                           "sando_api_calls and sando_",
		"/sando%5Fapi%5FAbC%2D%5f9xYzAbC-_9xYz01/x":            "/sando%5Fapi%5F[redacted]/x",
		"/sando%25255Fapi%255fAbC%252D%5f9xYzAbC?":             "/sando%25255Fapi%255f[redacted]?",
		`"sando\u005Fapi\\u005f` + secret + `"`:                `"sando\u005Fapi\\u005f[redacted]"`,
		"q=" + strings.ReplaceAll(jwt, ".", "%2E") + "&":       "q=[redacted]&",
		"sando%5Fapi%5Fcalls sando%5 sando_api% sando\\":       "sando%5Fapi%5Fcalls sando%5 sando_api% sando\\",
		"eyJhbGciOiJFZERTQSJ9 alone":                           "eyJhbGciOiJFZERTQSJ9 alone",
		"sando_sando_api_" + secret:                            "sando_sando_[redacted]",
	}
	for in, want := range tests {
		if got := log.Scrub(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestNoTokenReachesTheWriter(t *testing.T) {
	for _, format := range []log.Format{log.JSON, log.Text} {
		var w sink
		l, flush := log.New(&w, slog.LevelInfo, format)
		token := "sando_api_" + secret
		l.With("bound", token).Info("message "+token, "a", token, "err", errors.New("GET /mcp/"+token+": "+jwt),
			slog.Group("g", "k", token), "any", struct{ S string }{token}, "\""+token+"\"", 1)
		flush()
		if got := w.String(); strings.Contains(got, secret) || strings.Contains(got, "c2lnbmF0dXJl") || !strings.Contains(got, "sando_api_[redacted]") {
			t.Errorf("%s: %s", format, got)
		}
	}
}

func TestFormat(t *testing.T) {
	var f log.Format
	if err := f.UnmarshalText([]byte("text")); err != nil || f != log.Text {
		t.Errorf("text: %v %v", f, err)
	}
	if err := f.UnmarshalText([]byte("xml")); err == nil {
		t.Error("xml was taken")
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("x")
	f.Add("sando_a_eyJ.a.")
	f.Fuzz(func(t *testing.T, around string) {
		if strings.Contains(around, secret) || strings.Contains(around, jwt) {
			return
		}
		got := log.Scrub(around + " sando_mcp_" + secret + " " + around + " " + jwt + " " + around)
		if strings.Contains(got, secret) || strings.Contains(got, jwt) {
			t.Errorf("got %q", got)
		}
	})
}

func BenchmarkLine(b *testing.B) {
	l, flush := log.New(&sink{}, slog.LevelInfo, log.JSON)
	defer flush()
	for b.Loop() {
		l.LogAttrs(b.Context(), slog.LevelInfo, "call", slog.String("procedure", "/a.b.C/D"), slog.String("code", "OK"), slog.String("request_id", "x"))
	}
}
