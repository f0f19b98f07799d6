package endpoint

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// prepared is the result of tools/list, first page, once the SDK has made it.
type prepared struct {
	mu     sync.Mutex
	result []byte
}

// listed is the first page of tools/list, in the SDK's own words: it is asked once for each kind of revision.
func (s *shared) listed(ctx context.Context, sdk http.Handler, v *visit, stateless bool) ([]byte, error) {
	p := &s.handshakeList
	if stateless {
		p = &s.statelessList
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.result != nil {
		return p.result, nil
	}
	result, err := askSDK(context.WithValue(ctx, visitKey{}, v), sdk, stateless)
	if err == nil {
		p.result = result
	}
	return result, err
}

const (
	handshakeAsk = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	statelessAsk = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"` +
		statelessVersion + `","io.modelcontextprotocol/clientCapabilities":{}}}}`
)

func askSDK(ctx context.Context, sdk http.Handler, stateless bool) ([]byte, error) {
	ask := handshakeAsk
	if stateless {
		ask = statelessAsk
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader([]byte(ask)))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	if stateless {
		r.Header.Set(headerVersion, statelessVersion)
		r.Header.Set(headerMethod, methodListTools)
	}
	w := &capture{header: make(http.Header)}
	sdk.ServeHTTP(w, r)
	var got struct {
		Result jsontext.Value `json:"result"`
	}
	if err := json.Unmarshal(w.body.Bytes(), &got); err != nil || got.Result == nil {
		return nil, errors.Join(errors.New("endpoint: the SDK does not list the tools"), err)
	}
	return got.Result, nil
}

// capture keeps an answer in memory.
type capture struct {
	header http.Header
	body   bytes.Buffer
}

func (c *capture) Header() http.Header         { return c.header }
func (c *capture) WriteHeader(int)             {}
func (c *capture) Write(b []byte) (int, error) { return c.body.Write(b) }
