// Package interceptor is the chain that every call passes, whatever transport
// brought it: RPC, REST over the in-process bridge, or a streaming handler.
//
// Interceptors have names and one legal order, checked when a service starts:
// recover, request_id, telemetry, log, deadline, authenticate, authorise,
// validate, errors.
package interceptor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"connectrpc.com/connect/v2"
)

// A Named is one link of the chain.
type Named struct {
	Name   string
	Server connect.ServerInterceptor

	// shape, set by Errors, gives an error its final form.
	shape func(ctx context.Context, spec connect.Spec, err error) error
	// err is why the link could not be built.
	err error
}

// order lists the names from the outermost inwards.
func order() []string {
	return []string{
		"recover", "request_id", "telemetry", "log", "deadline",
		"authenticate", "authorise", "validate", "errors",
	}
}

// Chain puts the links together. It refuses a name that is unknown, missing or
// out of order. An error leaves every link already in its final form, so that
// authenticate may fail like any handler and log and telemetry see what the
// caller will see.
func Chain(links ...Named) ([]connect.ServerInterceptor, error) {
	names := make([]string, len(links))
	for i, l := range links {
		names[i] = l.Name
		switch {
		case l.err != nil:
			return nil, fmt.Errorf("interceptor %s: %w", l.Name, l.err)
		case l.Server == nil:
			return nil, fmt.Errorf("interceptor %q does nothing", l.Name)
		}
	}
	if want := order(); !slices.Equal(names, want) {
		return nil, fmt.Errorf("interceptors are [%s], must be [%s]", strings.Join(names, " "), strings.Join(want, " "))
	}
	shape := links[len(links)-1].shape
	if shape == nil {
		return nil, fmt.Errorf("the link errors must come from Errors")
	}
	chain := make([]connect.ServerInterceptor, len(links))
	for i, l := range links {
		chain[i] = shaping(shape, l.Server)
	}
	return chain, nil
}

// shaping runs a link and shapes its error.
func shaping(shape func(context.Context, connect.Spec, error) error, link connect.ServerInterceptor) connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		run := link(next)
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			if err := run(ctx, spec, stream); err != nil {
				return shape(ctx, spec, err)
			}
			return nil
		}
	}
}
