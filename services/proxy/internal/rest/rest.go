// Package rest serves the routes of /proxy and /custom. They are streaming
// handlers rather than generated ones, so that an answer of any size passes
// through without being held, and a broken one never looks whole.
package rest

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/relay"
	"github.com/sando-dev/sando/services/proxy/internal/route"
)

const (
	mediaJSON   = "application/json"
	mediaLines  = "application/x-ndjson"
	mediaForm   = "multipart/form-data"
	headerRaw   = "Sando-Raw"
	customRoute = "/custom/"
)

// A Surface is the REST side of the proxy.
type Surface struct {
	Relay   *relay.Service
	Routes  *route.Table
	Streams *gateway.Streams
	// Server has the procedures whose rules, deadlines and names the routes
	// share.
	Server *connect.Server
}

// handle is a handler under the chain of interceptors.
type handle func(ctx context.Context, w http.ResponseWriter, r *http.Request) error

// Mount adds the routes.
func (s Surface) Mount(mux *edge.Mux) error {
	specs := map[string]connect.Spec{}
	for spec := range s.Server.Specs() {
		specs[spec.Procedure] = spec
	}
	as := func(procedure string, h handle) http.Handler { return s.Streams.Handler(specs[procedure], h) }

	// pages adds to a handler that of the same call as a stream of lines.
	pages := func(page http.Handler, aimed func(*http.Request) *relay.Aim) http.Handler {
		return s.byAccept(page, as(proxyv1connect.ProxyServiceListAllProcedure, s.lines(aimed)), aimed)
	}
	write := func(procedure, name string) http.Handler {
		return pages(as(procedure, s.write(name)), to(name))
	}
	list := pages(as(proxyv1connect.ProxyServiceListProcedure, s.list), to("list"))
	create := write(proxyv1connect.ProxyServiceCreateProcedure, "create")
	update := write(proxyv1connect.ProxyServiceUpdateProcedure, "update")
	remove := write(proxyv1connect.ProxyServiceDeleteProcedure, "delete")
	get := pages(as(proxyv1connect.ProxyServiceGetProcedure, s.get), named)
	invoke := pages(as(proxyv1connect.ProxyServiceInvokeProcedure, s.invoke), method)
	post := byForm(invoke, edge.MaxBody(mostUpload, as(proxyv1connect.ProxyServiceUploadProcedure, s.upload)))
	invokeGet := s.byKind(invoke, as(proxyv1connect.ProxyServiceDownloadProcedure, s.download))
	custom := as(proxyv1connect.ProxyServiceCustomProcedure, s.custom)

	for _, r := range []struct {
		method, pattern string
		handler         http.Handler
	}{
		{http.MethodGet, "/proxy/{resource}", list},
		{http.MethodPost, "/proxy/{resource}", create},
		{http.MethodGet, "/proxy/{resource}/{id}", get},
		{http.MethodPost, "/proxy/{resource}/{method}", post},
		{http.MethodPatch, "/proxy/{resource}/{id}", update},
		{http.MethodPut, "/proxy/{resource}/{id}", update},
		{http.MethodDelete, "/proxy/{resource}/{id}", remove},
		{http.MethodGet, "/proxy/{resource}/{id}/{method}", invokeGet},
		{http.MethodPost, "/proxy/{resource}/{id}/{method}", invoke},
		{http.MethodGet, customRoute + "{path=**}", custom},
		{http.MethodPost, customRoute + "{path=**}", custom},
		{http.MethodPut, customRoute + "{path=**}", custom},
		{http.MethodPatch, customRoute + "{path=**}", custom},
		{http.MethodDelete, customRoute + "{path=**}", custom},
	} {
		if err := mux.Stream(r.method, r.pattern, r.handler); err != nil {
			return fmt.Errorf("rest: %w", err)
		}
	}
	return nil
}

// byAccept tells a page from a stream of lines. Who takes lines alone where there
// is no list is refused by the stream.
func (s Surface) byAccept(page, lines http.Handler, aimed func(*http.Request) *relay.Aim) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accept := strings.Join(r.Header.Values("Accept"), ",")
		if strings.Contains(accept, mediaLines) && (!takesJSON(accept) || s.pages(aimed(r))) {
			lines.ServeHTTP(w, r)
			return
		}
		page.ServeHTTP(w, r)
	})
}

// pages says whether what is called answers a list.
func (s Surface) pages(a *relay.Aim) bool {
	return s.Routes.Lists(a.Resource, a.Method) || a.Name != "" && s.Routes.Lists(a.Resource, a.Name)
}

// takesJSON says whether an answer may be JSON.
func takesJSON(accept string) bool {
	return strings.Contains(accept, mediaJSON) || strings.Contains(accept, "*/*")
}

// byForm tells a call with JSON from an upload.
func byForm(call, upload http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && mediaType == mediaForm {
			upload.ServeHTTP(w, r)
			return
		}
		call.ServeHTTP(w, r)
	})
}

// byKind tells a call from a download.
func (s Surface) byKind(call, download http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Routes.Binary(r.PathValue("resource"), r.PathValue("method")) {
			download.ServeHTTP(w, r)
			return
		}
		call.ServeHTTP(w, r)
	})
}

// aim reads what every route has.
func aim(r *http.Request, method string) *relay.Aim {
	return &relay.Aim{
		Resource: r.PathValue("resource"), Method: method, ID: r.PathValue("id"),
		Query: r.URL.RawQuery, HTTPMethod: r.Method,
	}
}

// to aims at the method of a name.
func to(method string) func(*http.Request) *relay.Aim {
	return func(r *http.Request) *relay.Aim { return aim(r, method) }
}

// method aims at the method that the path names last.
func method(r *http.Request) *relay.Aim { return aim(r, r.PathValue("method")) }

// named aims at a record, or at a method where one has the name.
func named(r *http.Request) *relay.Aim {
	a := aim(r, "get")
	a.Name, a.ID = a.ID, ""
	return a
}

// jsonBody reads a JSON body. A body without a type is taken as JSON.
func jsonBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Header.Get("Content-Type") != "" && (err != nil || mediaType != mediaJSON && !strings.HasSuffix(mediaType, "+json")) {
		return nil, rpcerr.New(rpcerr.UnsupportedMediaType, "")
	}
	return body, nil
}
