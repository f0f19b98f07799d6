package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"
	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/emulator"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	internalproxyv1 "github.com/sando-dev/sando/gen/sando/internalproxy/v1"
	"github.com/sando-dev/sando/gen/sando/internalproxy/v1/internalproxyv1connect"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
)

func (b *bench) probe(key string, operations ...string) (*internalproxyv1.ProbeCredentialResponse, error) {
	client := internalproxyv1connect.NewProbeServiceClient(connect.NewClient(connectinprocess.New(b.service.InternalServer())))
	return client.ProbeCredential(b.t.Context(), &internalproxyv1.ProbeCredentialRequest{
		Integration: "torii", AuthenticationMethod: "api_key", Values: map[string]string{"api_key": key}, Operations: operations,
	})
}

func TestProbe(t *testing.T) {
	b := newBench(t, emulator.Options{})
	found, err := b.probe(emulator.DefaultKey, "torii.users.list", "torii.contracts.delete")
	if err != nil {
		t.Fatal(err)
	}
	if found.GetOrganizationId() != "10" || found.GetOrganizationName() != "Stark industries" || !strings.Contains(string(found.GetProfile()), `"domain":"stark.com"`) {
		t.Errorf("found = %v", found)
	}
	want := map[string]string{"torii.users.list": "ok", "torii.contracts.delete": "error"}
	if diff := cmp.Diff(want, found.GetOutcomes()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	_, err = b.probe("a-key-that-nobody-knows")
	if code := b.rpcCode(err); code != "CREDENTIAL_REJECTED" {
		t.Errorf("a wrong key: %q, want CREDENTIAL_REJECTED", code)
	}
	_, err = b.probe("two\r\nlines")
	if code := b.rpcCode(err); code != "CREDENTIAL_REJECTED" {
		t.Errorf("a key that cannot be sent: %q, want CREDENTIAL_REJECTED", code)
	}
	b.fault(emulator.Fault{Kind: emulator.FaultStatus, Status: 500, Times: -1})
	_, err = b.probe(emulator.DefaultKey)
	if code := b.rpcCode(err); code != "UPSTREAM_ERROR" {
		t.Errorf("a provider that fails: %q, want UPSTREAM_ERROR", code)
	}
}

// TestCredentialsAreForgottenWithTheirAccount: a lease is asked for once, and
// again after an event about its account.
func TestCredentialsAreForgottenWithTheirAccount(t *testing.T) {
	b := newBench(t, emulator.Options{})
	leases := func() int {
		b.auth.mu.Lock()
		defer b.auth.mu.Unlock()
		return b.auth.leases
	}
	for range 3 {
		b.ok(b.get("/proxy/me"))
	}
	if n := leases(); n != 1 {
		t.Errorf("%d leases for three calls, want 1", n)
	}
	b.auth.link(account, environment, "10", "a-key-that-nobody-knows")
	b.auth.events <- &internalauthv1.WatchRevocationsResponse{IntegratedAccountIds: []string{account}}
	b.eventually("the old credential is gone", func() bool {
		return b.do(request{path: "/proxy/me"}).status == http.StatusUnauthorized
	})
}

func TestResultTooLarge(t *testing.T) {
	b := newBench(t, emulator.Options{}, func(cfg *Config, _ *Deps) { cfg.MaxMessage = 10_000 })
	_, err := b.rpc(tokenAccount).List(t.Context(), &proxyv1.ListRequest{Resource: "users"})
	if code := b.rpcCode(err); code != "RESULT_TOO_LARGE" {
		t.Errorf("%q, want RESULT_TOO_LARGE", code)
	}
	if e := b.ok(b.get("/proxy/users")); e.Count != 250 {
		t.Errorf("REST: %d rows", e.Count)
	}
}

func TestRateLimitIsShownAndKept(t *testing.T) {
	b := newBench(t, emulator.Options{}, func(cfg *Config, _ *Deps) { cfg.Rate.MaxWait = 0 })
	a := b.get("/proxy/roles")
	b.ok(a)
	for header, want := range map[string]string{"Ratelimit-Limit": "100", "Ratelimit-Remaining": "99"} {
		if got := a.header.Get(header); got != want {
			t.Errorf("%s = %q, want %q", header, got, want)
		}
	}
	if reset, err := strconv.Atoi(a.header.Get("Ratelimit-Reset")); err != nil || reset < 1 || reset > 60 {
		t.Errorf("Ratelimit-Reset = %q", a.header.Get("Ratelimit-Reset"))
	}
	passed, refused := 1, 0
	for range 150 {
		a := b.do(request{path: "/proxy/roles", header: map[string]string{"Sando-Max-Wait": "0s"}})
		if reset, err := strconv.Atoi(a.header.Get("Ratelimit-Reset")); err != nil || reset > 60 {
			t.Fatalf("Ratelimit-Reset = %q", a.header.Get("Ratelimit-Reset"))
		}
		if a.status == http.StatusOK {
			passed++
			continue
		}
		refused++
		e := b.refused(a, 429, "RATE_LIMITED")
		if e.RetryAfter < 1 || a.header.Get("Retry-After") != strconv.Itoa(e.RetryAfter) || e.Origin != "sando" {
			t.Errorf("refused with %+v, Retry-After %q", e, a.header.Get("Retry-After"))
		}
	}
	if passed != 100 || refused != 51 {
		t.Errorf("%d of 151 calls of a lone caller passed where 100 a minute may", passed)
	}
	for _, r := range b.emulator.Requests() {
		if r.Status == http.StatusTooManyRequests {
			t.Fatal("a 429 came from Torii")
		}
	}
	for name, wrong := range map[string][]string{
		"Sando-Max-Wait": {"soon", "-1s", "99h", "61s", "9999999999999999999"}, "Sando-Raw": {"maybe", "True", "1", "true, true"},
	} {
		for _, value := range wrong {
			e := b.refused(b.do(request{path: "/proxy/roles", header: map[string]string{name: value}}), 400, "VALIDATION_FAILED")
			if !strings.Contains(e.Message, name) {
				t.Errorf("%s: %s is refused with %q", name, value, e.Message)
			}
		}
	}
}

func TestFilesOverGRPC(t *testing.T) {
	b := newBench(t, emulator.Options{})
	client := b.over(nil, connecthttp.WithGRPC())
	content := bytes.Repeat([]byte("sando"), 50_000)
	send := func(name string, content []byte) (*proxyv1.UploadResponse, error) {
		up, err := client.Upload(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = up.Send(&proxyv1.UploadRequest{Part: &proxyv1.UploadRequest_Description{
			Description: &proxyv1.UploadDescription{FileName: name, Type: "attachment"},
		}})
		for len(content) > 0 && err == nil {
			n := min(len(content), 100_000)
			err = up.Send(&proxyv1.UploadRequest{Part: &proxyv1.UploadRequest_Chunk{Chunk: content[:n]}})
			content = content[n:]
		}
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		return up.CloseAndReceive()
	}
	uploaded, err := send("a.csv", content)
	if err != nil {
		t.Fatal(err)
	}
	id := pick(t, step{operation: "files.upload", from: "id"}, uploaded.GetResult().GetJson())
	down, err := client.Download(t.Context(), &proxyv1.DownloadRequest{Id: id})
	if err != nil {
		t.Fatal(err)
	}
	defer down.Close()
	var got []byte
	for {
		part, err := down.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part.GetChunk()...)
	}
	if !bytes.Equal(got, content) {
		t.Errorf("downloaded %d bytes, want the %d uploaded", len(got), len(content))
	}
	_, err = send("a.exe", content)
	if code := b.rpcCode(err); code != "FILE_REJECTED" {
		t.Errorf("an .exe: %q, want FILE_REJECTED", code)
	}
	_, err = send("a.csv", bytes.Repeat([]byte("x"), 3145729))
	if code := b.rpcCode(err); code != "FILE_REJECTED" {
		t.Errorf("a byte too much: %q, want FILE_REJECTED", code)
	}
}

// TestSecretsStayInside greps what a run wrote for the key it used.
func TestSecretsStayInside(t *testing.T) {
	b := newBench(t, emulator.Options{})
	b.ok(b.get("/proxy/me"))
	b.do(request{path: "/proxy/users?integrated_account_id=" + accountBad, token: tokenAll})
	b.fault(emulator.Fault{Kind: emulator.FaultStatus, Status: 500, Times: -1})
	b.do(request{path: "/proxy/users?limit=2"})
	b.do(request{method: "PATCH", path: "/proxy/users/1", body: `{"lifecycleStatus":"active"}`})
	for _, secret := range []string{emulator.DefaultKey, "a-key-that-nobody-knows", tokenAll, tokenAccount} {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
}

func TestStrictQueries(t *testing.T) {
	b := newBench(t, emulator.Options{})
	b.refused(b.get("/proxy/users?x=%"), 400, "VALIDATION_FAILED")
	b.refused(b.get("/proxy/users?a=1;b=2"), 400, "VALIDATION_FAILED")
	b.refused(b.get("/proxy/users/1?limit=5"), 400, "VALIDATION_FAILED")
}

func TestWritesStopWhenRevocationsCannotBeFollowed(t *testing.T) {
	b := newBench(t, emulator.Options{})
	user := b.firstID("users")
	// The stand-in ends its heartbeat by holding the next one back for ever.
	b.auth.silence()
	b.eventually("writes are refused", func() bool {
		a := b.do(request{method: "PATCH", path: "/proxy/users/" + user, body: `{"lifecycleStatus":"active"}`})
		return a.status == http.StatusServiceUnavailable
	})
	b.refused(b.do(request{method: "PATCH", path: "/proxy/users/" + user, body: `{"lifecycleStatus":"active"}`}), 503, "REVOCATION_UNAVAILABLE")
	b.ok(b.get("/proxy/me"))
}

// TestDeadlineReachesTheProvider: a caller with little time is told in that
// time, and the provider is not kept busy.
func TestDeadlineReachesTheProvider(t *testing.T) {
	b := newBench(t, emulator.Options{})
	b.ok(b.get("/proxy/me"))
	b.fault(emulator.Fault{Kind: emulator.FaultSlow, Delay: 20 * time.Second, Times: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	before := time.Now()
	_, err := b.over(nil, connecthttp.WithGRPC()).List(ctx, &proxyv1.ListRequest{Resource: "users"})
	if code := b.rpcCode(err); code != "UPSTREAM_TIMEOUT" && code != "DEADLINE_EXCEEDED" {
		t.Errorf("%q, want a timeout", code)
	}
	if took := time.Since(before); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

// TestPagesAreFlat has the provider send 20,000 users, whatever it is asked
// for, and compares the memory of that call with that of one of 100.
func TestPagesAreFlat(t *testing.T) {
	var page []byte
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(page)
	}))
	t.Cleanup(provider.Close)
	b := newBench(t, emulator.Options{}, unlimited(t), quiet, func(cfg *Config, _ *Deps) {
		cfg.BaseURLs = map[string]string{"torii": provider.URL}
	})
	measure := func(users int) uint64 {
		page = usersPage(users)
		return allocatedBy(func() {
			w := &discard{header: http.Header{}}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/proxy/users?limit=1000", nil)
			r.Header.Set("Authorization", "Bearer "+tokenAccount)
			b.handler.ServeHTTP(w, r)
			if want := min(users, 1000) * 50; w.n < int64(want) {
				t.Errorf("%d bytes for %d users", w.n, users)
			}
		})
	}
	if small, large := measure(100), measure(20_000); large > small+small*15/100 {
		t.Errorf("20,000 users took %d bytes, 100 users %d: more than 1.15 times", large, small)
	}
}

func usersPage(users int) []byte {
	var body bytes.Buffer
	body.WriteString(`{"users":[`)
	for i := range users {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":%d,"email":"somebody%d@example.com","firstName":"Some","lastName":"Body"}`, i, i)
	}
	body.WriteString(`]}`)
	return body.Bytes()
}

// allocatedBy is the least memory that a call takes, of several.
func allocatedBy(f func()) uint64 {
	least := uint64(math.MaxUint64)
	for range 8 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}
