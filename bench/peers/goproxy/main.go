// Command goproxy is the floor for a proxy on Go's net/http: httputil.ReverseProxy with a large idle pool that puts a credential on each request.
package main

import (
	"flag"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	upstream := flag.String("upstream", "", "base URL of the upstream")
	key := flag.String("key", "", "API key to put on each request")
	flag.Parse()
	target, err := url.Parse(*upstream)
	if err != nil {
		log.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set("Authorization", "Bearer "+*key)
		},
		Transport: &http.Transport{
			DisableCompression:  true,
			MaxIdleConnsPerHost: 512,
			IdleConnTimeout:     90 * time.Second,
		},
		BufferPool: &buffers{sync.Pool{New: func() any { return make([]byte, 64<<10) }}},
	}
	server := &http.Server{Addr: *listen, Handler: proxy, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// buffers are what bodies are copied through.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte { return b.pool.Get().([]byte) }

func (b *buffers) Put(p []byte) {
	//lint:ignore SA6002 a slice's header is nothing beside 64 kB
	b.pool.Put(p)
}
