package tool

import (
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

// Names of the discovery tools, the same in every style.
const (
	SearchTools   = "search_tools"
	GetToolSchema = "get_tool_schema"
	CallTool      = "call_tool"
)

// Arguments of the discovery tools.
const (
	ArgumentQuery     = "query"
	ArgumentName      = "name"
	ArgumentArguments = "arguments"
)

// discovery makes the tools that stand for all selected ones.
func discovery() ([]*Tool, error) {
	name := &catalogv1.Field{
		Name: ArgumentName, Required: true, Description: "Name of the tool, as " + SearchTools + " returned it.", Schema: typed("string"),
	}
	tools := []*Tool{
		synthetic(SearchTools, "Find tools",
			"Finds the tools of this server that match some words, with what each does. Without a query it lists all of them.",
			catalogv1.Effect_EFFECT_READ,
			[]*catalogv1.Field{{
				Name: ArgumentQuery, Description: "Words that describe the task, e.g. `update contract`.", Schema: typed("string"),
			}},
			&catalogv1.Response{Shape: "object", Fields: []*catalogv1.Field{{
				Name: "tools", Description: "The tools, best match first.", Schema: &catalogv1.Schema{Types: []string{"array"}, Items: typed("object")},
			}}}),
		synthetic(GetToolSchema, "Read a tool's schema",
			"Returns the input and output schema of one tool. Read it before the first call of a tool.",
			catalogv1.Effect_EFFECT_READ, []*catalogv1.Field{name},
			&catalogv1.Response{Shape: "object", Fields: []*catalogv1.Field{
				{Name: "name", Schema: typed("string")}, {Name: "input_schema", Schema: typed("object")}, {Name: "output_schema", Schema: typed("object")},
			}}),
		synthetic(CallTool, "Call a tool",
			"Calls one tool with arguments that fit its input schema, and returns what that tool returns.",
			catalogv1.Effect_EFFECT_DESTRUCTIVE,
			[]*catalogv1.Field{name, {
				Name: ArgumentArguments, Description: "Arguments of the tool, one object.", Schema: typed("object"),
			}},
			&catalogv1.Response{Shape: "any"}),
	}
	for _, t := range tools {
		if err := t.describe(); err != nil {
			return nil, err
		}
	}
	return tools, nil
}

// synthetic makes a tool that no catalog operation stands behind, described in the same form: all arguments are fields of a body.
func synthetic(name, title, description string, effect catalogv1.Effect, fields []*catalogv1.Field, response *catalogv1.Response) *Tool {
	return &Tool{
		Name:    name,
		Short:   name,
		Backend: Discovery,
		Operation: &catalogv1.Operation{
			Id:          name,
			Method:      name,
			Kind:        catalogv1.Kind_KIND_CUSTOM,
			Effect:      effect,
			Title:       title,
			Description: description,
			ToolName:    name,
			Request:     &catalogv1.Request{Body: &catalogv1.Body{Fields: fields}},
			Response:    response,
		},
	}
}

func typed(types ...string) *catalogv1.Schema { return &catalogv1.Schema{Types: types} }
