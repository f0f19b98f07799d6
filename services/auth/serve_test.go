package auth_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/gen/sando/internalproxy/v1/internalproxyv1connect"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/log"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/auth"
)

// serve runs auth as its own process does, with everything that it writes going where production has it go: log to stderr, spans, metrics and log
// by OTLP. It prints its address, and does as the lines on its standard input say.
func (s spec) serve(ctx context.Context) error {
	logger, flush := log.New(os.Stderr, slog.LevelDebug, log.JSON)
	defer flush()
	t, err := telemetry.Start(ctx, "sando-auth", "test", logger)
	if err != nil {
		return err
	}
	logger = t.Logger(logger, "sando")
	table, err := access.ErrorTable()
	if err != nil {
		return err
	}
	integrations, err := withAcme(s.Provider)
	if err != nil {
		return err
	}
	proxy := connect.NewServer(shaping(table))
	internalproxyv1connect.RegisterProbeServiceHandler(proxy, &provider{check: acceptAcme, keys: map[string]string{goodKey: "77"}})
	traps := &traps{}
	service, err := auth.New(ctx, s.config(), auth.Deps{
		Log: logger, Telemetry: t, Proxy: connect.NewClient(connectinprocess.New(proxy)), Catalog: integrations, Now: traps.now,
	})
	if err != nil {
		return err
	}
	mux := edge.NewMux(edge.MuxOptions{Errors: table, JSON: access.JSON(), Log: logger})
	if err := service.Mount(mux, nil); err != nil {
		return err
	}
	listener, err := edge.Listen(edge.DefaultConfig("127.0.0.1:0"), mux.Handler(), nil)
	if err != nil {
		return err
	}
	failed := make(chan error, 3)
	go func() { failed <- service.Run(ctx) }()
	go func() { failed <- listener.Run(ctx) }()
	go func() { failed <- traps.obey() }()
	fmt.Println("http://" + listener.Addr())
	return <-failed
}

// acceptAcme takes keys that are good, and access tokens.
func acceptAcme(values map[string]string) (string, bool) {
	return "org-1", values["access_token"] != "" || values["api_key"] == goodKey
}

// traps are where the process panics next, with a secret in the value. They spring where auth asks for the time, deep inside of its work.
type traps struct {
	mu            sync.Mutex
	place, secret string
	later         time.Duration
}

func (t *traps) now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.place != "" && onTheWay(t.place) {
		secret := t.secret
		t.place = ""
		panic(fmt.Errorf("cannot go on with %s", secret))
	}
	return time.Now().Add(t.later)
}

// onTheWay says whether a function is among those that are being called.
func onTheWay(function string) bool {
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		if strings.Contains(frame.Function, function) {
			return true
		}
		if !more {
			return false
		}
	}
}

// obey takes a command a line: `trap PLACE SECRET`, `later DURATION` and `crash`, each acknowledged by a line.
func (t *traps) obey() error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		verb, rest, _ := strings.Cut(lines.Text(), " ")
		switch verb {
		case "trap":
			t.mu.Lock()
			t.place, t.secret, _ = strings.Cut(rest, " ")
			t.mu.Unlock()
		case "later":
			d, err := time.ParseDuration(rest)
			if err != nil {
				return err
			}
			t.mu.Lock()
			t.later += d
			t.mu.Unlock()
		case "crash":
			go func() { // where nothing recovers
				_ = lines.Bytes()[len(lines.Bytes())] // past the end
			}()
		}
		fmt.Println("done")
	}
	return lines.Err()
}
