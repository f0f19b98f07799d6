package daemon

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/sando-dev/sando/kit/mtls"
	"github.com/sando-dev/sando/kit/telemetry"
)

// maxMessage bounds one message from another service: a page of a provider, with room.
const maxMessage = 64 << 20

// dialer makes clients of the other services.
type dialer struct {
	o         Options
	telemetry telemetry.Telemetry

	mu         sync.Mutex
	transports []*http.Transport
}

func (p Peers) url(service string) string {
	return map[string]string{"auth": p.Auth, "proxy": p.Proxy, "unified": p.Unified}[service]
}

func (d *dialer) dial(service string) (*connect.Client, error) {
	url := d.o.Config.Peers.url(service)
	if url == "" {
		return nil, fmt.Errorf("peers.%s is not set: give the URL of its internal listener, e.g. https://%s:9443", service, service)
	}
	tlsConfig, err := mtls.Client(d.o.Config.MTLS, service)
	if err != nil {
		return nil, err
	}
	interceptors, err := d.o.Outgoing(d.telemetry)
	if err != nil {
		return nil, err
	}
	// Connect over HTTP/1.1 on purpose: h2 costs two to three times as much per byte of a large body.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	transport := &http.Transport{
		TLSClientConfig:     tlsConfig,
		Protocols:           protocols,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      64 << 10,
	}
	d.mu.Lock()
	d.transports = append(d.transports, transport)
	d.mu.Unlock()
	return connect.NewClient(connecthttp.NewTransport(&http.Client{Transport: transport}, url,
		connecthttp.WithReadMaxBytes(maxMessage),
		connecthttp.WithCompressors(), // packing what stays inside the cluster costs more than sending it
	), interceptors...), nil
}

func (d *dialer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.transports {
		t.CloseIdleConnections()
	}
}
