package auth_test

import (
	"fmt"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"go.uber.org/goleak"

	"github.com/sando-dev/sando/access"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
	"github.com/sando-dev/sando/services/auth"
)

// Two replicas on one PostgreSQL: what one revokes the other refuses within a second, and so does whoever watches it; what one links the other
// lends.
func TestReplicasOnPostgres(t *testing.T) {
	cfg := newConfig(t)
	cfg.Store.URL = config.Secret(pgtest.Start(t).Database(t, ""))
	if err := auth.Migrate(t.Context(), cfg.Store); err != nil {
		t.Fatal(err)
	}
	one, two := startWith(t, cfg), startWith(t, cfg)
	watcher := access.New(two.internal, access.Options{Log: two.log.Logger})
	go func() { _ = watcher.Run(t.Context()) }()
	eventually(t, watcher.Ready)

	id := one.link(one.token, "t1", goodKey)
	two.environment, two.token = one.environment, one.token
	if lease := two.mustLease(id); lease.GetValues()["api_key"] != goodKey {
		t.Errorf("lease at the other replica: %v", lease)
	}
	// PostgreSQL refuses NUL characters: callers are told so, and not that the store is broken.
	for _, path := range []string{"/integrated-account?tenant_id=%00", "/integrated-account/%00", "/log?tool_name=a%00b"} {
		one.call(one.token, "GET", path, "").want(400, "VALIDATION_FAILED")
	}
	one.call(one.token, "POST", "/api-token", `{"name":"a\u0000b"}`).want(400, "VALIDATION_FAILED")
	made := one.call(one.token, "POST", "/api-token", `{}`).want(200)
	two.call(made.text("token"), "GET", "/environment", "").want(200)
	if _, err := watcher.Authenticate(t.Context(), made.text("token"), ""); err != nil {
		t.Fatal(err)
	}
	introspect := func() (*iv1.IntrospectResponse, error) {
		asked := internalauthv1connect.NewIntrospectionServiceClient(two.internal)
		return asked.Introspect(t.Context(), &iv1.IntrospectRequest{Token: made.text("token")})
	}
	if _, err := introspect(); err != nil {
		t.Fatal(err)
	}
	one.call(one.token, "DELETE", "/api-token/"+made.text("id"), "").want(200)
	revoked := time.Now()
	// Whoever heard of it from one replica and asks the other, which knows the token from before, is refused at once.
	if _, err := introspect(); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("introspection at the other replica right after the revocation: %v", err)
	}
	eventually(t, func() error {
		if two.call(made.text("token"), "GET", "/environment", "").status != 401 {
			return fmt.Errorf("the other replica takes the token %v after it was revoked", time.Since(revoked))
		}
		if _, err := watcher.Authenticate(t.Context(), made.text("token"), ""); err == nil {
			return fmt.Errorf("a watcher of the other replica takes the token %v after it was revoked", time.Since(revoked))
		}
		return nil
	})
	if took := time.Since(revoked); took > time.Second {
		t.Errorf("revocation took %v", took)
	}
	two.call(one.token, "DELETE", "/integrated-account/"+id, "").want(200)
	one.call(one.token, "GET", "/integrated-account/"+id, "").want(404, "ACCOUNT_NOT_FOUND")
	if rows := one.call(one.token, "GET", "/log?log_type=admin&limit=1000", "").want(200).list(); len(rows) < 5 {
		t.Errorf("the log of both replicas has %d entries", len(rows))
	}
}

// Nothing runs on after the end.
func TestNothingIsLeftRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("start and stop", func(t *testing.T) {
		w := start(t)
		w.link(w.token, "t1", goodKey)
		w.browser().open(w.linkPath(`{"tenant_id":"t1"}`))
	})
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}
