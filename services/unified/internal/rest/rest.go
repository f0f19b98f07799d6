// Package rest is a fast lane for the lists on REST. The generated gateway serves every route; a list that the lane understands is answered
// with the same bytes, written straight from the provider's JSON. Whatever else comes, a bad query above all, goes to the gateway.
package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect/v2"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/wire"

	"github.com/sando-dev/sando/services/unified/internal/engine"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// Lane is the fast lane.
type Lane struct {
	// Lists are the procedures of lists and the resources that they list.
	Lists map[string]resource.Name
	// Server has the procedures, Streams runs the same chain as it.
	Server  *connect.Server
	Streams *gateway.Streams
	Engine  *engine.Engine
	JSON    wire.JSON
	// Gateway has the generated routes.
	Gateway http.Handler

	buffers sync.Pool
}

// Mount puts the lane before the routes of the lists, which must be mounted already.
func (l *Lane) Mount(mux *edge.Mux) error {
	for spec := range l.Server.Specs() {
		name, ok := l.Lists[spec.Procedure]
		if !ok {
			continue
		}
		r, err := l.route(spec, name)
		if err != nil {
			return err
		}
		if err := mux.Stream(http.MethodGet, r.path, r); err != nil {
			return err
		}
	}
	return nil
}

// route is one list.
type route struct {
	lane     *Lane
	name     resource.Name
	path     string
	request  protoreflect.MessageType
	response protoreflect.MessageType
	stream   http.Handler
}

type requestKey struct{}

func (l *Lane) route(spec connect.Spec, name resource.Name) (*route, error) {
	method, ok := spec.Schema.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, fmt.Errorf("rest: %s has no descriptor", spec.Procedure)
	}
	rule, ok := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule.GetGet() == "" {
		return nil, fmt.Errorf("rest: %s has no GET route", spec.Procedure)
	}
	r := &route{lane: l, name: name, path: rule.GetGet()}
	var err error
	if r.request, err = protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName()); err != nil {
		return nil, fmt.Errorf("rest: %w", err)
	}
	if r.response, err = protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName()); err != nil {
		return nil, fmt.Errorf("rest: %w", err)
	}
	r.stream = l.Streams.Handler(spec, r.list)
	return r, nil
}

// ServeHTTP takes what it understands.
func (r *route) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	m, ok := r.parse(req)
	if !ok {
		r.lane.Gateway.ServeHTTP(w, req)
		return
	}
	r.stream.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), requestKey{}, m)))
}

// parse reads a query as the gateway would; not ok when anything is wrong with it, which the gateway then says.
func (r *route) parse(req *http.Request) (proto.Message, bool) {
	values, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil || req.ContentLength > 0 {
		return nil, false
	}
	m := r.request.New().Interface()
	if err := runtime.PopulateQueryParameters(m, values, utilities.NewDoubleArray(nil)); err != nil {
		return nil, false
	}
	return m, protovalidate.Validate(m) == nil
}

// list answers within the chain.
func (r *route) list(ctx context.Context, w http.ResponseWriter, _ *http.Request) error {
	req, ok := ctx.Value(requestKey{}).(proto.Message)
	if !ok {
		return fmt.Errorf("rest: %s was entered without a request", r.path)
	}
	buf, ok := r.lane.buffers.Get().(*[]byte)
	if !ok {
		buf = new([]byte)
	}
	defer r.lane.buffers.Put(buf)
	// The whole answer is held back: a record that fails must not leave half a list behind.
	body, err := r.lane.Engine.ListJSON(ctx, r.name, req, r.response.New().Interface(), r.lane.JSON, (*buf)[:0])
	*buf = body
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, err = w.Write(body)
	return err
}
