// Command mcpfloor is the floor for an MCP server on Go's net/http: no SDK, no session, no check. It knows tools/list, answered from bytes made once,
// and tools/call, answered with one GET of the upstream whose page is put into the result as structured content and as text.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	upstream := flag.String("upstream", "", "base URL of the upstream")
	key := flag.String("key", "", "API key to put on each request")
	tools := flag.String("tools", "", "file with the result of tools/list")
	flag.Parse()
	list, err := os.ReadFile(*tools)
	if err != nil {
		log.Fatal(err)
	}
	s := &server{base: *upstream, key: *key, list: list, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}}}
	h := &http.Server{Addr: *listen, Handler: s, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(h.ListenAndServe())
}

type server struct {
	base, key string
	list      []byte
	client    *http.Client
}

type request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name      string `json:"name"`
		Arguments struct {
			Limit int `json:"limit"`
		} `json:"arguments"`
	} `json:"params"`
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var q request
	if err := json.Unmarshal(body, &q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	result := s.list
	if q.Method == "tools/call" {
		if result, err = s.call(r, q.Params.Arguments.Limit); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	out := make([]byte, 0, len(result)+100)
	out = append(out, `{"jsonrpc":"2.0","id":`...)
	out = append(out, q.ID...)
	out = append(out, `,"result":`...)
	out = append(append(out, result...), '}')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	w.Write(out) //nolint:errcheck // the client is gone; there is nobody to tell
}

func (s *server) call(r *http.Request, limit int) ([]byte, error) {
	query := url.Values{"size": {strconv.Itoa(limit)}}
	up, err := http.NewRequestWithContext(r.Context(), http.MethodGet, s.base+"/users?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	up.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := s.client.Do(up)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(string(page))
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(page)+len(text)+100)
	out = append(out, `{"content":[{"type":"text","text":`...)
	out = append(out, text...)
	out = append(out, `}],"structuredContent":`...)
	out = append(out, page...)
	return append(out, '}'), nil
}
