package mcptest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// Big is an integer that a float64 cannot hold; every record of the stand-in has it.
const Big = "9007199254740993"

// A Proxied call is one that reached the stand-in of proxy.
type Proxied struct {
	// Method is the RPC; Message is the request, for Upload its description.
	Method  string
	Message proto.Message
	// Bearer and Key are headers of the call.
	Bearer, Key string
	// Bytes is the file of an upload.
	Bytes []byte
}

// Proxy stands in for proxy: lists have rows with ids from 1 up, everything else echoes.
type Proxy struct {
	proxyv1connect.ProxyServiceHandler
	errs *rpcerr.Table

	mu    sync.Mutex
	rows  int
	fill  int
	piece string
	fail  error
	hold  <-chan struct{}
	calls []Proxied
}

// Rows sets how many records a list has, and about how many bytes each takes.
func (p *Proxy) Rows(n, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows, p.fill = n, max(0, bytes-60)
}

// Fill sets what fills the records, as it stands between the quotes of a JSON text.
func (p *Proxy) Fill(piece string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.piece = piece
}

// text fills a record. The caller holds the lock.
func (p *Proxy) text() string {
	piece := cmp.Or(p.piece, "x")
	return strings.Repeat(piece, p.fill/len(piece))
}

// Fail makes every call fail; nil lets them work again.
func (p *Proxy) Fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

// Hold makes every call wait until the channel is closed, or the call is cancelled.
func (p *Proxy) Hold(until <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = until
}

// Calls are the calls so far.
func (p *Proxy) Calls() []Proxied {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Proxied(nil), p.calls...)
}

// Last is the last call.
func (p *Proxy) Last() Proxied {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.calls) == 0 {
		return Proxied{}
	}
	return p.calls[len(p.calls)-1]
}

func (p *Proxy) note(ctx context.Context, method string, m proto.Message, file []byte) error {
	hold, err := p.keep(ctx, method, m, file)
	if hold == nil {
		return err
	}
	select {
	case <-hold:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Proxy) keep(ctx context.Context, method string, m proto.Message, file []byte) (hold <-chan struct{}, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := Proxied{Method: method, Message: proto.Clone(m), Bytes: file}
	if info, ok := connect.CallInfoForServerContext(ctx); ok {
		c.Bearer, c.Key = info.RequestHeader().Get(access.HeaderAuthorization), info.RequestHeader().Get("Idempotency-Key")
		if p.fail == nil {
			info.ResponseHeader().Set(access.HeaderUpstreamStatus, "200")
		}
	}
	p.calls = append(p.calls, c)
	if p.fail != nil {
		return p.hold, p.errs.Connect(p.fail, "")
	}
	return p.hold, nil
}

// List implements ProxyService.
func (p *Proxy) List(ctx context.Context, r *proxyv1.ListRequest) (*proxyv1.ListResponse, error) {
	if err := p.note(ctx, "List", r, nil); err != nil {
		return nil, err
	}
	switch r.GetResource() {
	case "me", "user_field_metadata":
		return &proxyv1.ListResponse{Result: raw(`{"id":` + Big + `,"companyName":"Acme","predefinedFields":[],"customFields":[]}`)}, nil
	}
	p.mu.Lock()
	rows, text := p.rows, p.text()
	p.mu.Unlock()
	from, _ := strconv.Atoi(strings.TrimPrefix(r.GetNextCursor(), "after-"))
	to := min(rows, from+int(r.GetLimit()))
	var b strings.Builder
	b.WriteByte('[')
	for n := from; n < to; n++ {
		if n > from {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"big":%s,"email":"u%d@example.com","text":"%s"}`, n+1, Big, n+1, text)
	}
	b.WriteByte(']')
	out := &proxyv1.ListResponse{Result: raw(b.String()), ResultCount: int32(to - from), Limit: r.GetLimit(), Total: new(int32(rows))}
	if strings.Contains(r.GetQuery(), "aggs=") {
		out.Aggregations = raw(Aggregations)
	}
	if to < rows {
		out.NextCursor = new("after-" + strconv.Itoa(to))
	}
	return out, nil
}

// Aggregations are what a list answers that is asked for some.
const Aggregations = `[{"key":"active","value":7,"groupCount":7}]`

// Get implements ProxyService.
func (p *Proxy) Get(ctx context.Context, r *proxyv1.GetRequest) (*proxyv1.GetResponse, error) {
	p.mu.Lock()
	text := p.text()
	p.mu.Unlock()
	if text != "" {
		text = `,"text":"` + text + `"`
	}
	return &proxyv1.GetResponse{Result: raw(`{"id":` + r.GetId() + `,"big":` + Big + text + `}`)}, p.note(ctx, "Get", r, nil)
}

// Create implements ProxyService.
func (p *Proxy) Create(ctx context.Context, r *proxyv1.CreateRequest) (*proxyv1.CreateResponse, error) {
	return &proxyv1.CreateResponse{Result: raw(`{"id":1,"sent":` + string(r.GetBody().GetJson()) + `}`)}, p.note(ctx, "Create", r, nil)
}

// Update implements ProxyService.
func (p *Proxy) Update(ctx context.Context, r *proxyv1.UpdateRequest) (*proxyv1.UpdateResponse, error) {
	return &proxyv1.UpdateResponse{Result: raw(`{"id":` + r.GetId() + `,"sent":` + string(r.GetBody().GetJson()) + `}`)}, p.note(ctx, "Update", r, nil)
}

// Delete implements ProxyService.
func (p *Proxy) Delete(ctx context.Context, r *proxyv1.DeleteRequest) (*proxyv1.DeleteResponse, error) {
	return &proxyv1.DeleteResponse{Result: raw(`{"id":"` + r.GetId() + `"}`)}, p.note(ctx, "Delete", r, nil)
}

// Invoke implements ProxyService.
func (p *Proxy) Invoke(ctx context.Context, r *proxyv1.InvokeRequest) (*proxyv1.InvokeResponse, error) {
	out := &proxyv1.InvokeResponse{Result: raw(`[{"id":1,"name":"Slack"}]`)}
	switch r.GetMethod() {
	case "search", "similar", "match":
		out.ResultCount, out.Limit, out.NextCursor = new(int32(1)), new(r.GetLimit()), new("more")
	}
	return out, p.note(ctx, "Invoke", r, nil)
}

// Upload implements ProxyService.
func (p *Proxy) Upload(ctx context.Context, s proxyv1connect.ProxyServiceUploadServerStream) (*proxyv1.UploadResponse, error) {
	var about *proxyv1.UploadDescription
	var file []byte
	for {
		m, err := s.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if m.GetDescription() != nil {
			about = m.GetDescription()
		}
		file = append(file, m.GetChunk()...)
	}
	return &proxyv1.UploadResponse{Result: raw(`{"id":77}`)}, p.note(ctx, "Upload", about, file)
}

func raw(s string) *rpcv1.RawJson { return &rpcv1.RawJson{Json: []byte(s)} }
