package chart

import (
	"bufio"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"

	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/telemetry"
)

// emitted makes a call through the interceptors of the services, with metrics as the chart turns them on, and reads what Prometheus would: the labels
// of each metric.
func emitted(t *testing.T) map[string][]string {
	t.Helper()
	host, port, _ := strings.Cut(kittest.FreeAddr(t), ":")
	t.Setenv("OTEL_METRICS_EXPORTER", "prometheus")
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_HOST", host)
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", port)
	tel, err := telemetry.Start(t.Context(), "sando-test", "", kittest.Logger(t).Logger)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tel.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	call(t, tel)

	answer, err := http.Get("http://" + host + ":" + port + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	sample := regexp.MustCompile(`^([a-z_]+)\{(.*)\} `)
	label := regexp.MustCompile(`([a-z_]+)="`)
	given := make(map[string][]string)
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		m := sample.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			given[m[1]] = append(given[m[1]], l[1])
		}
	}
	return given
}

// call makes one call from a client to a server, both measured.
func call(t *testing.T, tel telemetry.Telemetry) {
	t.Helper()
	server := connect.NewServer(interceptor.Telemetry(tel).Server)
	internalauthv1connect.RegisterAuditServiceHandler(server, internalauthv1connect.UnimplementedAuditServiceHandler{})
	forward, err := interceptor.Forward(tel)
	if err != nil {
		t.Fatal(err)
	}
	client := internalauthv1connect.NewAuditServiceClient(connect.NewClient(connectinprocess.New(server), forward))
	if _, err := client.AppendAudit(t.Context(), &internalauthv1.AppendAuditRequest{}); connect.CodeOf(err) != connect.CodeUnimplemented {
		t.Fatalf("the call ends with %v", err)
	}
}

// instruments finds the metrics that the services make themselves, by reading the code: a name that starts with sando. and the attributes that are set
// in the same file.
func instruments(t *testing.T) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	for _, module := range []string{"access", "kit", "services"} {
		err := filepath.WalkDir(filepath.Join("../..", module), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			source, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err == nil {
				addInstruments(found, source)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// addInstruments adds the metrics of one file under the names that Prometheus gives them.
func addInstruments(found map[string][]string, source *ast.File) {
	var labels, histograms, counters []string
	ast.Inspect(source, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		if !ok || len(c.Args) == 0 {
			return true
		}
		selector, ok := c.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		literal, ok := c.Args[0].(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			return true
		}
		switch of, ok := selector.X.(*ast.Ident); {
		case ok && of.Name == "attribute":
			labels = append(labels, text)
		case strings.HasPrefix(text, "sando.") && strings.Contains(selector.Sel.Name, "Histogram"):
			histograms = append(histograms, underscores(text))
		case strings.HasPrefix(text, "sando."):
			counters = append(counters, underscores(text))
		}
		return true
	})
	for _, name := range histograms {
		for _, suffix := range []string{"_seconds_bucket", "_seconds_sum", "_seconds_count", "_bytes_bucket", "_bytes_sum", "_bytes_count"} {
			found[name+suffix] = labels
		}
	}
	for _, name := range counters {
		for _, suffix := range []string{"", "_total", "_seconds", "_seconds_total", "_bytes_total", "_ratio"} {
			found[name+suffix] = labels
		}
	}
}

func underscores(name string) string { return strings.ReplaceAll(name, ".", "_") }
