package credential

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/route"
)

const apiKey = "torii-key-0123456789"

// lender is auth's side.
type lender struct {
	errors *rpcerr.Table

	mu     sync.Mutex
	asked  int
	refuse rpcerr.Code
	until  *timestamppb.Timestamp
	// during runs while an answer is on its way.
	during func()
}

func (l *lender) LeaseCredential(_ context.Context, r *internalauthv1.LeaseCredentialRequest) (*internalauthv1.LeaseCredentialResponse, error) {
	l.mu.Lock()
	l.asked++
	refuse, until, during := l.refuse, l.until, l.during
	l.mu.Unlock()
	if during != nil {
		during()
	}
	if refuse != "" {
		return nil, rpcerr.New(refuse, "")
	}
	return &internalauthv1.LeaseCredentialResponse{
		IntegratedAccountId: r.GetIntegratedAccountId(), EnvironmentId: "env", Integration: "torii", OrganizationId: "10",
		AuthenticationMethod: "api_key", Values: map[string]string{"api_key": apiKey}, Version: 3, ExpiresAt: until,
	}, nil
}

func (l *lender) ReportCredential(context.Context, *internalauthv1.ReportCredentialRequest) (*internalauthv1.ReportCredentialResponse, error) {
	return &internalauthv1.ReportCredentialResponse{Applied: true}, nil
}

func (l *lender) questions() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

func newTestStore(t testing.TB, now func() time.Time) (*Store, *lender) {
	t.Helper()
	errs, err := access.ErrorTable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	routes, err := route.New(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &lender{errors: errs}
	server := connect.NewServer(func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			if err := next(ctx, spec, stream); err != nil {
				return errs.Connect(err, "")
			}
			return nil
		}
	})
	internalauthv1connect.RegisterCredentialServiceHandler(server, l)
	s, err := NewStore(connect.NewClient(connectinprocess.New(server)), routes, errs, 100, now)
	if err != nil {
		t.Fatal(err)
	}
	return s, l
}

func lease(t testing.TB, s *Store) *Lease {
	t.Helper()
	l, err := s.Lease(t.Context(), "env", "a")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLeaseIsAskedForOnce(t *testing.T) {
	s, auth := newTestStore(t, time.Now)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() { lease(t, s) })
	}
	wait.Wait()
	if n := auth.questions(); n > 20 || n < 1 {
		t.Errorf("asked %d times", n)
	}
	before := auth.questions()
	for range 5 {
		lease(t, s)
	}
	if n := auth.questions(); n != before {
		t.Errorf("a warm lease asked auth")
	}
	s.Forget([]string{"another"})
	lease(t, s)
	if n := auth.questions(); n != before {
		t.Errorf("an event about another account made auth be asked")
	}
	s.Forget([]string{"a"})
	lease(t, s)
	s.Forget(nil)
	lease(t, s)
	if n := auth.questions(); n != before+2 {
		t.Errorf("asked %d times after two events, want 2", n-before)
	}
}

func TestLeaseOfAnotherEnvironmentIsNotFound(t *testing.T) {
	s, _ := newTestStore(t, time.Now)
	for range 2 {
		if _, err := s.Lease(t.Context(), "other", "a"); rpcerr.CodeOf(err) != access.CodeAccountNotFound {
			t.Errorf("Lease = %v, want ACCOUNT_NOT_FOUND", err)
		}
		lease(t, s)
	}
}

func TestLeaseEnds(t *testing.T) {
	now := time.Now()
	s, auth := newTestStore(t, func() time.Time { return now })
	auth.until = timestamppb.New(now.Add(time.Minute))
	lease(t, s)
	now = now.Add(time.Minute - leaseMargin - time.Second)
	lease(t, s)
	if n := auth.questions(); n != 1 {
		t.Errorf("asked %d times before the end", n)
	}
	now = now.Add(2 * time.Second)
	lease(t, s)
	if n := auth.questions(); n != 2 {
		t.Errorf("asked %d times, want again near the end", n)
	}
}

func TestRefusalIsRememberedForAWhile(t *testing.T) {
	now := time.Now()
	s, auth := newTestStore(t, func() time.Time { return now })
	refused := func() {
		t.Helper()
		_, err := s.Lease(t.Context(), "env", "a")
		if e := auth.errors.From(err); err == nil || e.Code != access.CodeNeedsReauth {
			t.Fatalf("Lease = %v, want NEEDS_REAUTH", err)
		}
	}
	auth.refuse = access.CodeNeedsReauth
	refused()
	refused()
	if n := auth.questions(); n != 1 {
		t.Errorf("asked %d times, want 1", n)
	}
	now = now.Add(refusedFor)
	refused()
	s.Forget([]string{"a"})
	refused()
	if n := auth.questions(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
	auth.refuse = rpcerr.Internal
	s.Forget([]string{"a"})
	if _, err := s.Lease(t.Context(), "env", "a"); rpcerr.CodeOf(err) != rpcerr.Unavailable {
		t.Errorf("a fault of auth = %v, want UNAVAILABLE", err)
	}
}

// TestAnswerOvertakenByAnEventIsNotKept: the account changes while its lease is
// on its way.
func TestAnswerOvertakenByAnEventIsNotKept(t *testing.T) {
	s, auth := newTestStore(t, time.Now)
	auth.during = func() { s.Forget([]string{"a"}) }
	lease(t, s)
	auth.during = nil
	lease(t, s)
	if n := auth.questions(); n != 2 {
		t.Errorf("asked %d times, want 2: the first answer was old", n)
	}
}

func TestInjectAndRedact(t *testing.T) {
	s, _ := newTestStore(t, time.Now)
	l := lease(t, s)
	h := http.Header{}
	if err := l.Inject(h); err != nil {
		t.Fatal(err)
	}
	if got := h.Get("Authorization"); got != "Bearer "+apiKey {
		t.Errorf("Authorization = %q", got)
	}
	if strings.Contains(l.sealed, apiKey) {
		t.Error("the cached lease shows the key")
	}
	if got := string(l.Secrets().Bytes([]byte(`{"message":"bad key ` + apiKey + `"}`))); got != `{"message":"bad key [redacted]"}` {
		t.Errorf("redacted: %s", got)
	}
}

func TestStoreIsBounded(t *testing.T) {
	s, _ := newTestStore(t, time.Now)
	for i := range 300 {
		if _, err := s.Lease(t.Context(), "env", strings.Repeat("x", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.leases); n > 100 {
		t.Errorf("%d leases are kept, want at most 100", n)
	}
}

func TestCallerGivesUp(t *testing.T) {
	s, auth := newTestStore(t, time.Now)
	release := make(chan struct{})
	auth.during = func() { <-release }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Lease(ctx, "env", "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Lease = %v, want the caller's own end", err)
	}
	close(release)
	auth.mu.Lock()
	auth.during = nil
	auth.mu.Unlock()
	lease(t, s)
}

// BenchmarkGrantAndLease is what authorising a warm call costs.
func BenchmarkGrantAndLease(b *testing.B) {
	s, _ := newTestStore(b, time.Now)
	g := &grant.Grant{Kind: "account", EnvironmentID: "env", Accounts: []string{"a"}, Read: true, Operations: []string{"torii.apps.list", "torii.users.list"}}
	lease(b, s)
	h := make(http.Header, 4)
	b.ReportAllocs()
	for b.Loop() {
		if !g.MayAccount("a") || !g.MayOperation("torii.users.list", false) {
			b.Fatal("not granted")
		}
		l, err := s.Lease(b.Context(), g.EnvironmentID, "a")
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Inject(h); err != nil {
			b.Fatal(err)
		}
	}
}
