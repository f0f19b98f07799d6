package call

import (
	"cmp"
	"context"
	"encoding/json"

	"connectrpc.com/connect/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

// defaultSamples is how many records get_sample reads unless it is told.
const defaultSamples = 5

// Builder carries out the calls that customise mappings.
type Builder struct {
	unified *Unified
	// lists are the list tools of normalised records, by `model/resource`.
	lists map[string]*tool.Tool
}

// headerAgent tells unified which agent changes a mapping; its versions bear the name.
const headerAgent = "Sando-Agent"

// unnamedAgent stands for a client that did not say its name with the call, as those of the revisions before 2026-07-28 do.
const unnamedAgent = "mcp"

// NewBuilder makes a backend over the unified service; among are the tools to read samples with.
func NewBuilder(client *connect.Client, errs *rpcerr.Table, among []*tool.Tool) *Builder {
	b := &Builder{unified: NewUnified(client, errs), lists: make(map[string]*tool.Tool)}
	for _, t := range among {
		if t.Backend == tool.Unified && t.Operation.GetMethod() == "list" {
			b.lists[t.Resource] = t
		}
	}
	return b
}

// Call implements [Backend].
func (b *Builder) Call(ctx context.Context, in Input) ([]byte, error) {
	if in.Tool.Name == tool.GetSample {
		return b.sample(ctx, in)
	}
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set(headerAgent, cmp.Or(in.Client, unnamedAgent))
	arguments := in.Arguments.Body()
	if in.Tool.Name == tool.ValidateMapping {
		arguments = append(trimBrace(arguments), `"samples":1}`...)
	}
	answer, err := b.unified.procedure(ctx, in, arguments)
	if err != nil {
		return nil, err
	}
	if in.Tool.Name == tool.ValidateMapping {
		return envelope([]byte(`{"valid":true}`)), nil
	}
	return fitWhole(in, envelope(answer), nil)
}

// sample reads normalised records with what the provider sent.
func (b *Builder) sample(ctx context.Context, in Input) ([]byte, error) {
	name := in.Arguments.Text(tool.ArgumentModel) + "/" + in.Arguments.Text(tool.ArgumentResource)
	list, ok := b.lists[name]
	if !ok {
		return nil, rpcerr.Newf(access.CodeUnknownResource, "there is no unified resource %q", name)
	}
	members := map[string]any{"remote_data": true}
	for _, key := range []string{"app_id", "user_id"} {
		if text := in.Arguments.Text(key); text != "" {
			members[key] = text
		}
	}
	limit, ok := in.Arguments.Int(tool.ArgumentSamples)
	if !ok {
		limit = defaultSamples
	}
	members[catalog.ArgumentLimit] = limit
	raw, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	values, err := list.Read(raw, false)
	if err != nil {
		return nil, err
	}
	account := in.Arguments.Text(catalog.ArgumentAccount)
	below := Input{Tool: list, Arguments: values, MaxBytes: in.MaxBytes}
	return b.unified.list(ctx, below, func(ctx context.Context, limit int) (page, error) {
		arguments := append(trimBrace(pageArguments(below, limit)), `"`+catalog.ArgumentAccount+`":`...)
		arguments, err := jsontext.AppendQuote(arguments, account)
		if err != nil {
			return page{}, rpcerr.Invalid(catalog.ArgumentAccount, "is not valid text")
		}
		body, err := b.unified.procedure(ctx, below, append(arguments, '}'))
		if err != nil {
			return page{}, err
		}
		return pageOf(body)
	})
}
