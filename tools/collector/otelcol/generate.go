// Command otelcol is the OpenTelemetry Collector that the tests send traces, metrics and logs to.
package main

//go:generate sh -c "cd .. && go tool builder --config builder.yaml --skip-compilation --skip-get-modules && rm otelcol/main_windows.go && ../../bin/tools/gofumpt -w otelcol"
