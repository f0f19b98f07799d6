// Command pagestage serves the link page for tests in a browser: auth with a stand-in for the provider, on a free port. It prints one line of
// JSON when it answers, takes `advance DURATION` on standard input to move its clock, and ends with the input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"golang.org/x/sync/errgroup"

	"github.com/sando-dev/sando/access"
	internalproxyv1 "github.com/sando-dev/sando/gen/sando/internalproxy/v1"
	"github.com/sando-dev/sando/gen/sando/internalproxy/v1/internalproxyv1connect"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/auth"
)

func main() { app.Main("pagestage", run) }

func run(ctx context.Context, _ []string, stdout, stderr io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dir, err := os.MkdirTemp("", "pagestage")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var offset atomic.Int64
	service, server, err := serve(ctx, dir, &offset, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	go func() {
		defer cancel()
		follow(os.Stdin, &offset)
	}()
	if err := announce(ctx, stdout, service, "http://"+server.Addr()); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return service.Run(ctx) })
	g.Go(func() error { return server.Run(ctx) })
	err = g.Wait()
	if closed := service.Close(); err == nil {
		err = closed
	}
	return err
}

// follow moves the clock until the input ends.
func follow(in io.Reader, offset *atomic.Int64) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "advance ")
		if d, err := time.ParseDuration(text); ok && err == nil {
			offset.Add(int64(d))
		}
	}
}

func serve(ctx context.Context, dir string, offset *atomic.Int64, log *slog.Logger) (*auth.Service, *edge.Server, error) {
	table, err := access.ErrorTable()
	if err != nil {
		return nil, nil, err
	}
	proxy := connect.NewServer(func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			if err := next(ctx, spec, stream); err != nil {
				return table.Connect(err, "")
			}
			return nil
		}
	})
	internalproxyv1connect.RegisterProbeServiceHandler(proxy, provider{})
	cfg := auth.DefaultConfig()
	cfg.Store.URL = config.Secret("sqlite:" + filepath.Join(dir, "auth.db"))
	cfg.Keys.Ring = config.Secret(auth.GenerateKeys())
	service, err := auth.New(ctx, cfg, auth.Deps{
		Log: log, Telemetry: telemetry.Off(), Proxy: connect.NewClient(connectinprocess.New(proxy)),
		Now: func() time.Time { return time.Now().Add(time.Duration(offset.Load())) },
	})
	if err != nil {
		return nil, nil, err
	}
	mux := edge.NewMux(edge.MuxOptions{Errors: table, JSON: access.JSON(), Log: log})
	if err := service.Mount(mux, nil); err != nil {
		return nil, nil, err
	}
	server, err := edge.Listen(edge.DefaultConfig("127.0.0.1:0"), mux.Handler(), nil)
	return service, server, err
}

func announce(ctx context.Context, stdout io.Writer, service *auth.Service, url string) error {
	environment, err := service.Operator().CreateEnvironment(ctx, "Acme")
	if err != nil {
		return err
	}
	_, token, err := service.Operator().CreateToken(ctx, auth.TokenSpec{EnvironmentID: environment})
	if err != nil {
		return err
	}
	line, err := json.Marshal(map[string]string{"base_url": url, "api_token": token, "environment_id": environment})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, string(line))
	return err
}

// provider takes every key that starts with `good`, and cannot be reached for those that start with `away`.
type provider struct{}

func (provider) ProbeCredential(_ context.Context, r *internalproxyv1.ProbeCredentialRequest) (*internalproxyv1.ProbeCredentialResponse, error) {
	if strings.HasPrefix(r.GetValues()["api_key"], "away") {
		return nil, rpcerr.New(rpcerr.Unavailable, "")
	}
	if !strings.HasPrefix(r.GetValues()["api_key"], "good") {
		return nil, rpcerr.New(access.CodeCredentialRejected, "the API key is not valid")
	}
	return &internalproxyv1.ProbeCredentialResponse{OrganizationId: "77", OrganizationName: "Acme Inc"}, nil
}
