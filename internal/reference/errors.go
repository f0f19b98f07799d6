package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sando-dev/sando/access"
)

func writeErrors(w *bytes.Buffer) error {
	table, err := access.ErrorTable()
	if err != nil {
		return err
	}
	w.WriteString("# Errors\n\nEvery failure has one of these codes: `code` in REST and MCP errors, `reason` of google.rpc.ErrorInfo (domain `sando`) on gRPC and Connect. " +
		"Where Torii itself refuses a request, its 4xx status is kept.\n\n")
	w.WriteString("| code | HTTP | gRPC | retryable | text | what to do |\n|---|---|---|---|---|---|\n")
	for _, e := range table.All() {
		fmt.Fprintf(w, "| `%s` | %d | %s | %s | %s | %s |\n", e.Code, e.HTTP, e.RPC, yesNo(e.Retryable), cell(e.Text), cell(e.Fix))
	}
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// cell makes text fit a cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(strings.TrimSpace(s))
}
