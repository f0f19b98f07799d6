package main

import (
	"bytes"
	"fmt"
	"slices"
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
	resource := strings.Split(op.Id, ".")[1]
	one := slices.ContainsFunc(op.Request.Parameters, func(p *catalogv1.Parameter) bool { return p.Name == "id" && p.In == "path" })
	switch op.Kind {
	case catalogv1.Kind_KIND_LIST:
		return "GET /proxy/" + resource
	case catalogv1.Kind_KIND_GET:
		return "GET /proxy/" + resource + "/{id}"
	case catalogv1.Kind_KIND_CREATE:
		return "POST /proxy/" + resource
	case catalogv1.Kind_KIND_UPDATE:
		return "PATCH /proxy/" + resource + "/{id}"
	case catalogv1.Kind_KIND_DELETE:
		return "DELETE /proxy/" + resource + "/{id}"
	}
	verb := "POST"
	if op.Effect == catalogv1.Effect_EFFECT_READ && op.Request.Body == nil {
		verb = "GET"
	}
	if one {
		return verb + " /proxy/" + resource + "/{id}/" + op.Method
	}
	return verb + " /proxy/" + resource + "/" + op.Method
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
	w.WriteString("# MCP tools\n\nA server shows the tools without the tag `extended` unless its configuration selects others. Lists take `limit` and `next_cursor` besides the arguments named.\n")
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
