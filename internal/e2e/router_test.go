package e2e

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A router sends paths to services, as an operator's ingress does, to their replicas in turn.
type router struct {
	*httptest.Server

	mu       sync.Mutex
	replicas map[string][]http.Handler // by service
	known    map[string]http.Handler   // by address
	proxied  func(address string) http.Handler
}

func newRouter(t *testing.T, public map[string]string) *router {
	t.Helper()
	plain, h2c := &http.Transport{}, &http.Transport{Protocols: new(http.Protocols)}
	h2c.Protocols.SetUnencryptedHTTP2(true)
	rt := &router{replicas: map[string][]http.Handler{}, known: map[string]http.Handler{}}
	rt.proxied = func(address string) http.Handler {
		target := &url.URL{Scheme: "http", Host: address}
		return &httputil.ReverseProxy{
			Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
			FlushInterval: -1,
			ErrorLog:      log.New(io.Discard, "", 0), // refused connections are what some tests are about
			Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") && r.ProtoMajor == 2 {
					return h2c.RoundTrip(r)
				}
				return plain.RoundTrip(r)
			}),
		}
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 {
			// Requests are taken whole before they are passed on, as most ingresses do: a service may answer faster than a router that is still reading expects.
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		if next := rt.next(serviceOf(r.URL.Path)); next != nil {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(func() { server.Close(); plain.CloseIdleConnections(); h2c.CloseIdleConnections() })
	rt.Server = server
	for service, address := range public {
		rt.add(service, address)
	}
	return rt
}

// add sends calls of a service to one more address, unless it has it already.
func (rt *router) add(service, address string) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.known[address] == nil {
		rt.known[address] = rt.proxied(address)
		rt.replicas[service] = append(rt.replicas[service], rt.known[address])
	}
}

// remove sends no more calls of a service to an address.
func (rt *router) remove(service, address string) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	gone := rt.known[address]
	delete(rt.known, address)
	rt.replicas[service] = slices.DeleteFunc(slices.Clone(rt.replicas[service]), func(h http.Handler) bool { return h == gone })
}

// next is whose turn it is.
func (rt *router) next(service string) http.Handler {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	all := rt.replicas[service]
	if len(all) == 0 {
		return nil
	}
	rt.replicas[service] = append(all[1:len(all):len(all)], all[0])
	return all[0]
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A balancer passes connections on to replicas in turn, as a Service of Kubernetes does: it knows nothing of what is in them.
type balancer struct {
	address string

	mu       sync.Mutex
	replicas []string
}

func newBalancer(t *testing.T) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{address: l.Addr().String()}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { b.pass(conn) })
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *balancer) add(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.replicas, address) {
		b.replicas = append(b.replicas, address)
	}
}

// pass connects one connection to the first replica that takes it.
func (b *balancer) pass(conn net.Conn) {
	defer conn.Close()
	for _, address := range b.turn() {
		to, err := net.Dial("tcp", address)
		if err != nil {
			continue
		}
		defer to.Close()
		var both sync.WaitGroup
		for _, pair := range [][2]net.Conn{{conn, to}, {to, conn}} {
			both.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				// The end of one direction ends the other: nobody here closes half.
				_ = pair[0].Close()
			})
		}
		both.Wait()
		return
	}
}

// turn lists the replicas, the next one first.
func (b *balancer) turn() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.replicas) == 0 {
		return nil
	}
	b.replicas = append(b.replicas[1:len(b.replicas):len(b.replicas)], b.replicas[0])
	return slices.Clone(b.replicas)
}
