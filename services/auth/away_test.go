package auth_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sando-dev/sando/gen/sando/auth/v1/authv1connect"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
	"github.com/sando-dev/sando/services/auth"
)

// management has a call of every public procedure that an API token may make, over REST and as JSON of an RPC. ACCOUNT and ENVIRONMENT stand for ids.
var management = map[string]struct{ method, path, body, rpc string }{
	authv1connect.EnvironmentServiceListEnvironmentsProcedure:                {"GET", "/environment", "", `{}`},
	authv1connect.EnvironmentServiceGetEnvironmentProcedure:                  {"GET", "/environment/ENVIRONMENT", "", `{"id":"ENVIRONMENT"}`},
	authv1connect.EnvironmentServiceUpdateEnvironmentProcedure:               {"PATCH", "/environment/ENVIRONMENT", `{"name":"changed"}`, `{"id":"ENVIRONMENT","name":"changed"}`},
	authv1connect.ApiTokenServiceListApiTokensProcedure:                      {"GET", "/api-token", "", `{}`},
	authv1connect.ApiTokenServiceCreateApiTokenProcedure:                     {"POST", "/api-token", `{"name":"more"}`, `{"name":"more"}`},
	authv1connect.ApiTokenServiceDeleteApiTokenProcedure:                     {"DELETE", "/api-token/ACCOUNT", "", `{"id":"ACCOUNT"}`},
	authv1connect.IntegratedAccountServiceListIntegratedAccountsProcedure:    {"GET", "/integrated-account", "", `{}`},
	authv1connect.IntegratedAccountServiceGetIntegratedAccountProcedure:      {"GET", "/integrated-account/ACCOUNT", "", `{"id":"ACCOUNT"}`},
	authv1connect.IntegratedAccountServiceGetCapabilitiesProcedure:           {"GET", "/integrated-account/ACCOUNT/capabilities", "", `{"id":"ACCOUNT"}`},
	authv1connect.IntegratedAccountServiceCreateIntegratedAccountProcedure:   {"POST", "/integrated-account", `{"tenant_id":"t2","context":{"api_key":"` + otherKey + `"}}`, `{"tenant_id":"t2","context":{"json":"eyJhcGlfa2V5IjoidG9yaWkta2V5LW9mLW90aGVyLTAwMDIifQ=="}}`},
	authv1connect.IntegratedAccountServiceUpdateIntegratedAccountProcedure:   {"PATCH", "/integrated-account/ACCOUNT", `{"tenant_id":"t3"}`, `{"id":"ACCOUNT","tenant_id":"t3"}`},
	authv1connect.IntegratedAccountServiceDeleteIntegratedAccountProcedure:   {"DELETE", "/integrated-account/ACCOUNT", "", `{"id":"ACCOUNT"}`},
	authv1connect.IntegratedAccountServiceReplaceCredentialsProcedure:        {"PATCH", "/integrated-account/ACCOUNT/credentials", `{"context":{"api_key":"torii-key-of-acme-0003"}}`, `{"id":"ACCOUNT","context":{"json":"eyJhcGlfa2V5IjoidG9yaWkta2V5LW9mLWFjbWUtMDAwMyJ9"}}`},
	authv1connect.IntegratedAccountServiceValidateIntegratedAccountProcedure: {"POST", "/integrated-account/ACCOUNT/validate", `{}`, `{"id":"ACCOUNT"}`},
	authv1connect.IntegratedAccountServiceRefreshCredentialsProcedure:        {"POST", "/integrated-account/refresh-credentials", `{"id":"ACCOUNT"}`, `{"id":"ACCOUNT"}`},
	authv1connect.IntegratedAccountServiceCreateAccountTokenProcedure:        {"POST", "/integrated-account/token", `{"integrated_account_id":"ACCOUNT"}`, `{"integrated_account_id":"ACCOUNT"}`},
	authv1connect.LinkTokenServiceCreateLinkTokenProcedure:                   {"POST", "/link-token", `{"tenant_id":"t4"}`, `{"tenant_id":"t4"}`},
	authv1connect.LogServiceListLogEntriesProcedure:                          {"GET", "/log", "", `{}`},
}

// patience is what a call may take while the database is away: some 2 s, and as much again as a busy machine may add.
const patience = 10 * time.Second

// TestE4DatabaseAway: while PostgreSQL hangs, stops or starts, every management route says within moments that it is away and that the call can be repeated, and
// nothing has been done; once it is back, so is auth.
func TestE4DatabaseAway(t *testing.T) {
	database := pgtest.Start(t)
	cfg := newConfig(t)
	cfg.Store.URL = config.Secret(database.Database(t, ""))
	if err := auth.Migrate(t.Context(), cfg.Store); err != nil {
		t.Fatal(err)
	}
	w := startWith(t, cfg)
	for spec := range w.service.PublicServer().Specs() {
		if _, ok := management[spec.Procedure]; !ok && spec.Procedure != authv1connect.IntegratedAccountServiceGetMyIntegratedAccountProcedure {
			t.Errorf("this test has no call of %s", spec.Procedure)
		}
	}
	account := w.link(w.token, "t1", goodKey)
	before := w.state()

	thaw := database.Freeze(t)
	w.allAway(account, "hanging")
	thaw()
	w.back(before)

	database.Kill(t)
	w.allAway(account, "stopped")
	database.Restart(t)
	w.back(before)
}

// allAway makes every call at once.
func (w *world) allAway(account, while string) {
	w.t.Helper()
	ids := strings.NewReplacer("ACCOUNT", account, "ENVIRONMENT", w.environment)
	var calls sync.WaitGroup
	for procedure, c := range management {
		calls.Go(func() { w.away(while+": "+c.method+" "+c.path, c.method, ids.Replace(c.path), ids.Replace(c.body)) })
		calls.Go(func() { w.away(while+": "+procedure, "POST", procedure, w.binary(procedure, ids.Replace(c.rpc))) })
	}
	calls.Wait()
}

// binary is the message of a procedure, written as JSON here, as it goes over the wire.
func (w *world) binary(procedure, body string) string {
	service, method, _ := strings.Cut(strings.TrimPrefix(procedure, "/"), "/")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + method))
	if err != nil {
		w.t.Error(err)
		return ""
	}
	m := dynamicpb.NewMessage(found.(protoreflect.MethodDescriptor).Input())
	if err := protojson.Unmarshal([]byte(body), m); err != nil {
		w.t.Error(err)
	}
	raw, err := proto.Marshal(m)
	if err != nil {
		w.t.Error(err)
	}
	return string(raw)
}

// away makes one call, which must be refused as one that may be repeated.
func (w *world) away(name, method, path, body string) {
	began := time.Now()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Error(err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	switch {
	case strings.HasPrefix(path, "/sando."):
		r.Header.Set("Content-Type", "application/proto")
	case body != "":
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	took := time.Since(began)
	if err != nil || took > patience {
		w.t.Errorf("%s: took %v, %v", name, took, err)
	}
	want := []string{`"retryable":true`, `"retry_after":2`, `"code":"UNAVAILABLE"`}
	if strings.HasPrefix(path, "/sando.") {
		want = []string{`"code":"unavailable"`, `google.rpc.RetryInfo`}
	}
	for _, part := range want {
		if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(said), part) {
			w.t.Errorf("%s: after %v %d %s", name, took.Round(time.Millisecond), res.StatusCode, said)
			return
		}
	}
}

// state is all that the calls would have changed.
func (w *world) state() string {
	w.t.Helper()
	return fmt.Sprint(w.call(w.token, "GET", "/api-token?limit=1000", "").want(200).ids(), w.call(w.token, "GET", "/integrated-account?limit=1000", "").want(200).ids(),
		w.call(w.token, "GET", "/environment", "").want(200).list()[0]["name"], len(w.call(w.token, "GET", "/log?limit=1000", "").want(200).list()))
}

func (a answer) ids() []string {
	a.t.Helper()
	rows := make(map[string]bool)
	for _, row := range a.list() {
		rows[fmt.Sprint(row["id"], row["tenant_id"], row["updated_at"])] = true
	}
	return slices.Sorted(maps.Keys(rows))
}

// back waits until calls are served again, and looks whether anything was done meanwhile.
func (w *world) back(before string) {
	w.t.Helper()
	eventually(w.t, func() error {
		if a := w.call(w.token, "GET", "/environment", ""); a.status != 200 {
			return fmt.Errorf("the database is back, and the answer is %d %s", a.status, a.raw)
		}
		return nil
	})
	if after := w.state(); after != before {
		w.t.Errorf("calls that were refused have changed something: before %s, after %s", before, after)
	}
}
