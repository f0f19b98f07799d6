package telemetry

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/sando-dev/sando/kit/log"
)

func (t *Telemetry) startLogs(ctx context.Context, res *resource.Resource) error {
	exporter, err := autoexport.NewLogExporter(ctx)
	if err != nil {
		return fmt.Errorf("telemetry: logs: %w", err)
	}
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)), sdklog.WithResource(res))
	t.logs = provider
	t.alsoShutdown(provider.Shutdown)
	return nil
}

// Logger gives a logger that also sends what l writes, with the trace that a
// line belongs to, where the environment asks for logs; otherwise it is l
// itself. The same lines are sent as are written, and no token is in either.
func (t Telemetry) Logger(l *slog.Logger, name string) *slog.Logger {
	if t.logs == nil {
		return l
	}
	return slog.New(&sending{
		Handler: l.Handler(),
		sent:    &scrubbing{otelslog.NewHandler(name, otelslog.WithLoggerProvider(t.logs))},
	})
}

// sending passes lines on to two handlers; the first says which are wanted.
type sending struct {
	slog.Handler
	sent slog.Handler
}

func (s *sending) Handle(ctx context.Context, r slog.Record) error {
	// The exporter's troubles are reported by the SDK; a line is not lost for them.
	_ = s.sent.Handle(ctx, r.Clone())
	return s.Handler.Handle(ctx, r)
}

func (s *sending) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &sending{Handler: s.Handler.WithAttrs(attrs), sent: s.sent.WithAttrs(attrs)}
}

func (s *sending) WithGroup(name string) slog.Handler {
	return &sending{Handler: s.Handler.WithGroup(name), sent: s.sent.WithGroup(name)}
}

// scrubbing takes tokens out of all text of a line.
type scrubbing struct{ slog.Handler }

func (s *scrubbing) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, log.Scrub(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(scrubAttr(a))
		return true
	})
	return s.Handler.Handle(ctx, clean)
}

func (s *scrubbing) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = scrubAttr(a)
	}
	return &scrubbing{s.Handler.WithAttrs(clean)}
}

func (s *scrubbing) WithGroup(name string) slog.Handler { return &scrubbing{s.Handler.WithGroup(name)} }

// scrubAttr turns what is not plain into text, so that nothing is hidden in it.
func scrubAttr(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindFloat64, slog.KindInt64, slog.KindTime, slog.KindUint64:
		return slog.Attr{Key: a.Key, Value: v}
	case slog.KindGroup:
		members := v.Group()
		clean := make([]slog.Attr, len(members))
		for i, m := range members {
			clean[i] = scrubAttr(m)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(clean...)}
	default:
		return slog.String(a.Key, log.Scrub(v.String()))
	}
}
