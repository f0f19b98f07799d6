package access

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"google.golang.org/protobuf/types/known/timestamppb"

	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
)

// fakeAuth mints grants for the tokens it knows and tells its watchers what changed.
type fakeAuth struct {
	signer *grant.Signer
	asked  atomic.Int64

	mu       sync.Mutex
	tokens   map[string]*grant.Grant
	sequence int64
	watchers map[chan *internalauthv1.WatchRevocationsResponse]bool
	silent   bool
}

func newFakeAuth(t testing.TB) (*fakeAuth, *connect.Client) {
	t.Helper()
	signer, err := grant.NewSigner([]sealed.Key{sealed.Generate()})
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeAuth{
		signer:   signer,
		tokens:   make(map[string]*grant.Grant),
		watchers: make(map[chan *internalauthv1.WatchRevocationsResponse]bool),
	}
	server := connect.NewServer()
	internalauthv1connect.RegisterIntrospectionServiceHandler(server, f)
	internalauthv1connect.RegisterRevocationServiceHandler(server, f)
	return f, connect.NewClient(connectinprocess.New(server))
}

func (f *fakeAuth) allow(token, id, account string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens[token] = &grant.Grant{TokenID: id, Kind: KindAccount, EnvironmentID: "env", Accounts: []string{account}, Read: true}
}

func (f *fakeAuth) revoke(token string) {
	f.mu.Lock()
	id := f.tokens[token].TokenID
	delete(f.tokens, token)
	f.mu.Unlock()
	f.tell(&internalauthv1.WatchRevocationsResponse{TokenIds: []string{id}})
}

func (f *fakeAuth) tell(event *internalauthv1.WatchRevocationsResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.silent {
		return
	}
	f.sequence++
	event.Sequence, event.OccurredAt = f.sequence, timestamppb.Now()
	for w := range f.watchers {
		w <- event
	}
}

func (f *fakeAuth) mint(g grant.Grant) string {
	g.IssuedAt, g.ExpiresAt = time.Now(), time.Now().Add(maxGrantLife)
	signed, err := f.signer.Sign(&g)
	if err != nil {
		panic(err)
	}
	return signed
}

func (f *fakeAuth) Introspect(_ context.Context, r *internalauthv1.IntrospectRequest) (*internalauthv1.IntrospectResponse, error) {
	f.asked.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	g, ok := f.tokens[r.Token]
	if !ok {
		return nil, connect.NewError(connect.CodeUnauthenticated, "")
	}
	return &internalauthv1.IntrospectResponse{Grant: f.mint(*g)}, nil
}

func (f *fakeAuth) ListSigningKeys(context.Context, *internalauthv1.ListSigningKeysRequest) (*internalauthv1.ListSigningKeysResponse, error) {
	return &internalauthv1.ListSigningKeysResponse{Jwks: f.signer.JWKS()}, nil
}

func (f *fakeAuth) WatchRevocations(ctx context.Context, _ *internalauthv1.WatchRevocationsRequest, s internalauthv1connect.RevocationServiceWatchRevocationsServerStream) error {
	events := make(chan *internalauthv1.WatchRevocationsResponse, 16)
	f.mu.Lock()
	f.watchers[events] = true
	first := &internalauthv1.WatchRevocationsResponse{Sequence: f.sequence}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, events)
	}()
	if err := s.Send(first); err != nil {
		return err
	}
	beat := time.NewTicker(250 * time.Millisecond)
	defer beat.Stop()
	for {
		var event *internalauthv1.WatchRevocationsResponse
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event = <-events:
		case <-beat.C:
			f.mu.Lock()
			silent := f.silent
			event = &internalauthv1.WatchRevocationsResponse{Sequence: f.sequence}
			f.mu.Unlock()
			if silent {
				continue
			}
		}
		if err := s.Send(event); err != nil {
			return err
		}
	}
}

// run runs the test in a bubble of simulated time with a client that is ready.
func run(t *testing.T, test func(t *testing.T, f *fakeAuth, c *Client)) {
	synctest.Test(t, func(t *testing.T) {
		f, conn := newFakeAuth(t)
		c := New(conn, Options{Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		synctest.Wait()
		if err := c.Ready(); err != nil {
			t.Fatal(err)
		}
		test(t, f, c)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func codeOf(err error) rpcerr.Code {
	var e *rpcerr.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestAWarmCallerIsAskedForOnce(t *testing.T) {
	run(t, func(t *testing.T, f *fakeAuth, c *Client) {
		f.allow("token", "id", "account")
		for range 100 {
			if _, err := c.Authenticate(t.Context(), "token", ""); err != nil {
				t.Fatal(err)
			}
		}
		if n := f.asked.Load(); n != 1 {
			t.Errorf("auth was asked %d times, want 1", n)
		}
	})
}

func TestARefusedTokenIsNotAskedForAgainAtOnce(t *testing.T) {
	run(t, func(t *testing.T, f *fakeAuth, c *Client) {
		for range 100 {
			if _, err := c.Authenticate(t.Context(), "unknown", ""); codeOf(err) != rpcerr.Unauthenticated {
				t.Fatalf("got %v, want UNAUTHENTICATED", err)
			}
		}
		if n := f.asked.Load(); n != 1 {
			t.Errorf("auth was asked %d times, want 1", n)
		}
	})
}

func TestRevocationTakesEffectAtOnce(t *testing.T) {
	run(t, func(t *testing.T, f *fakeAuth, c *Client) {
		f.allow("token", "id", "account")
		caller, err := c.Authenticate(t.Context(), "token", "")
		if err != nil {
			t.Fatal(err)
		}
		f.revoke("token")
		synctest.Wait()
		if _, err := c.Authenticate(t.Context(), "token", ""); codeOf(err) != rpcerr.Unauthenticated {
			t.Errorf("revoked token: got %v, want UNAUTHENTICATED", err)
		}
		if _, err := c.Authenticate(t.Context(), caller.Bearer, ""); codeOf(err) != rpcerr.Unauthenticated {
			t.Errorf("grant of the revoked token: got %v, want UNAUTHENTICATED", err)
		}
	})
}

func TestAGrantIsHonouredWithoutAskingAuth(t *testing.T) {
	run(t, func(t *testing.T, f *fakeAuth, c *Client) {
		signed := f.mint(grant.Grant{TokenID: "other", Kind: KindMCP, EnvironmentID: "env", Read: true})
		caller, err := c.Authenticate(t.Context(), signed, "")
		if err != nil {
			t.Fatal(err)
		}
		if caller.Grant.TokenID != "other" || f.asked.Load() != 0 {
			t.Errorf("caller %+v after %d questions, want token `other` after none", caller.Grant, f.asked.Load())
		}
	})
}

func TestAForgedGrantIsRefused(t *testing.T) {
	run(t, func(t *testing.T, _ *fakeAuth, c *Client) {
		stranger, _ := newFakeAuth(t)
		if _, err := c.Authenticate(t.Context(), stranger.mint(grant.Grant{TokenID: "x", Read: true}), ""); codeOf(err) != rpcerr.Unauthenticated {
			t.Errorf("got %v, want UNAUTHENTICATED", err)
		}
	})
}

func TestSilenceStopsWritesAtOnceAndReadsAfterAMinute(t *testing.T) {
	run(t, func(t *testing.T, f *fakeAuth, c *Client) {
		f.mu.Lock()
		f.silent = true
		f.mu.Unlock()
		time.Sleep(1100 * time.Millisecond)
		if err := c.AllowWrite(); codeOf(err) != CodeRevocationUnavailable {
			t.Errorf("write after a second of silence: got %v, want REVOCATION_UNAVAILABLE", err)
		}
		if err := c.AllowRead(); err != nil {
			t.Errorf("read after a second of silence: %v", err)
		}
	})
}

func TestAccountEventsReachTheirListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, conn := newFakeAuth(t)
		c := New(conn, Options{Log: slog.New(slog.DiscardHandler)})
		var heard [][]string
		c.OnAccounts(func(ids []string) { heard = append(heard, ids) })
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx)
		synctest.Wait()
		f.tell(&internalauthv1.WatchRevocationsResponse{IntegratedAccountIds: []string{"a"}})
		synctest.Wait()
		cancel()
		synctest.Wait()
		if len(heard) != 2 || heard[0] != nil || len(heard[1]) != 1 || heard[1][0] != "a" {
			t.Errorf("heard %v, want everything once and then account a", heard)
		}
	})
}

func BenchmarkAuthenticateWarm(b *testing.B) {
	f, conn := newFakeAuth(b)
	c := New(conn, Options{Log: slog.New(slog.DiscardHandler)})
	if err := c.verifier.Set(f.signer.JWKS()); err != nil {
		b.Fatal(err)
	}
	c.hasKeys.Store(true)
	f.allow("token", "id", "account")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Authenticate(b.Context(), "token", ""); err != nil {
			b.Fatal(err)
		}
	}
}
