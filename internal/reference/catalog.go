package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

func writeCatalog(w *bytes.Buffer) error {
	c, err := catalog.Default()
	if err != nil {
		return err
	}
	w.WriteString("# Catalog\n\nThe operations of each integration, as the catalog describes them. Limits are the provider's, in calls per minute.\n")
	for _, name := range c.Integrations() {
		ops := c.Operations(name)
		fmt.Fprintf(w, "\n## %s\n\n%d operations. `/proxy` routes take the account by `integrated_account_id`.\n\n", name, len(ops))
		w.WriteString("| operation | route | upstream | effect | paging | limit | confidence | tool |\n|---|---|---|---|---|---|---|---|\n")
		for _, op := range ops {
			fmt.Fprintf(w, "| `%s` | `%s` | `%s %s` | %s | %s | %s | %s | `%s` |\n", op.Id, routeOf(op), op.Request.HttpMethod, op.Request.Path,
				effect(op.Effect), paging(op.Paging), limit(op.RateLimitPerMinute), op.Confidence, op.ToolName)
		}
	}
	return nil
}

// routeOf is the REST route of an operation.
func routeOf(op *catalogv1.Operation) string {
	verb, path := catalog.PublicRoute(op)
	return verb + " " + path
}

func effect(e catalogv1.Effect) string {
	return strings.ToLower(strings.TrimPrefix(e.String(), "EFFECT_"))
}

func paging(p *catalogv1.Paging) string {
	if p == nil || p.Style == catalogv1.PagingStyle_PAGING_STYLE_UNSPECIFIED {
		return "-"
	}
	style := strings.ToLower(strings.TrimPrefix(p.Style.String(), "PAGING_STYLE_"))
	return fmt.Sprintf("%s, %d / %d", strings.ReplaceAll(style, "_", " "), p.DefaultSize, p.MaxSize)
}

func limit(n int32) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func writeTools(w *bytes.Buffer) error {
	c, err := catalog.Default()
	if err != nil {
		return err
	}
	w.WriteString("# MCP tools\n\nA server shows the tools without the tag `extended` unless its configuration selects others. Lists take `limit` and `next_cursor` besides the arguments named.\n\n" +
		"A result takes at most `max_result_bytes` of the server's configuration, 200,000 when it says nothing: text with its escapes and structured content together, as they are sent. " +
		"A page that would take more has fewer records, and `next_cursor` continues after them; what cannot be cut is RESULT_TOO_LARGE.\n")
	for _, name := range c.Integrations() {
		for _, op := range c.Operations(name) {
			fmt.Fprintf(w, "\n## %s\n\n%s. %s  \nEffect: %s. Tags: %s.\n", op.ToolName, op.Title, op.Description, effect(op.Effect), strings.Join(op.Tags, ", "))
			writeArguments(w, op)
		}
	}
	return nil
}

func writeArguments(w *bytes.Buffer, op *catalogv1.Operation) {
	type argument struct {
		name, where, text string
		required          bool
	}
	var all []argument
	for _, p := range op.Request.Parameters {
		all = append(all, argument{p.Name, p.In, p.Description, p.Required})
	}
	for _, f := range op.Request.GetBody().GetFields() {
		all = append(all, argument{f.Name, "body", f.Description, f.Required})
	}
	if len(all) == 0 {
		return
	}
	w.WriteString("\n| argument | in | required | meaning |\n|---|---|---|---|\n")
	for _, a := range all {
		fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", a.name, a.where, yesNo(a.required), cell(a.text))
	}
}
