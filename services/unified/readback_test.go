package unified_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	"github.com/sando-dev/sando/gen/sando/unified/mapping/v1/mappingv1connect"
	ssov1 "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	"github.com/sando-dev/sando/gen/sando/unified/sso/v1/ssov1connect"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// patch changes a record over REST.
func patch(t *testing.T, h http.Handler, path, body, key string) (int, map[string]any) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPatch, path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer api")
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res := httptest.NewRecorder()
	h.ServeHTTP(res, req)
	var a map[string]any
	if err := json.Unmarshal(res.Body.Bytes(), &a); err != nil {
		t.Fatalf("%s: %v: %s", path, err, res.Body)
	}
	return res.Code, a
}

// offboarding is a directory whose answer to a write says less than the record, and what was before.
func offboarding(m *mapper) {
	m.proxy.rows["users"] = []string{strings.Replace(person(1000, `,"departmentName":"R&D"`), `"lifecycleStatus":"active"`, `"lifecycleStatus":"offboarding"`, 1)}
	m.proxy.singles["users/1000"] = `{"id":1000,"lifecycleStatus":"active"}`
}

// The answer to an update is the record as a get shows it, mapped by the layers, custom fields included.
func TestD3UpdateReadsTheRecordAgain(t *testing.T) {
	for _, override := range []string{"null", `{"fields":{"status":{"enum":{"offboarding":"leaving"}},"custom.team":{"path":["/departmentName"]}}}`} {
		m := newMapper(t)
		offboarding(m)
		m.put(accountLayer, override)
		req := &userdirectoryv1.UpdateUserRequest{Id: "1000", IntegratedAccountId: proto.String(account), Status: proto.String("inactive"), RemoteData: proto.Bool(true)}
		res, err := m.users.UpdateUser(as(t, "api"), req)
		if err != nil {
			t.Fatal(err)
		}
		one, err := m.users.GetUser(as(t, "api"), &userdirectoryv1.GetUserRequest{Id: "1000", IntegratedAccountId: proto.String(account), RemoteData: proto.Bool(true)})
		if err != nil || !proto.Equal(res.Result, one.Result) {
			t.Errorf("the update answers %v, the get %v, %v", res.Result, one.GetResult(), err)
		}
		if !res.Meta.GetReadBack() || res.Result.GetLifecycleStatus() != "offboarding" || len(res.Result.CustomFields.GetJson()) < 5 || !strings.Contains(res.Meta.GetNote(), "lifecycleStatus offboarding") {
			t.Errorf("%v", res)
		}
		status, a := patch(t, handler(t, m.stand), "/unified/user-directory/users/1000?integrated_account_id="+account, `{"status":"inactive"}`, "key-1")
		record, _ := a["result"].(map[string]any)
		if meta, _ := a["meta"].(map[string]any); status != http.StatusOK || record["lifecycle_status"] != "offboarding" || meta["read_back"] != true {
			t.Errorf("over REST: %d %v", status, a)
		}
		if !slices.Contains(m.proxy.keys, "update key-1") || slices.Contains(m.proxy.keys, "list key-1") || slices.Contains(m.proxy.keys, "get key-1") {
			t.Errorf("the key is for the write alone: %q", m.proxy.keys)
		}
	}
}

// A write that is done is a success, whatever becomes of the read; then the answer states only what follows from what was written.
func TestD3UpdateWithoutTheRecord(t *testing.T) {
	for name, failure := range map[string]rpcerr.Code{
		"no budget": rpcerr.RateLimited, "no grant": access.CodeOperationNotGranted, "gone": access.CodeUpstreamNotFound, "broken": access.CodeUpstreamBadResponse,
	} {
		m := newMapper(t)
		offboarding(m)
		m.put(environmentLayer, `{"fields":{"custom.left":{"expression":"record.lifecycleStatus != \"active\""},"bio":{"constant":"\"x\""}}}`)
		m.proxy.fail = map[string]error{"users": table().Connect(rpcerr.New(failure, "no"), "r"), "user_custom_fields": table().Connect(rpcerr.New(failure, "no"), "r")}
		m.proxy.failGet = m.proxy.fail["users"]
		res, err := m.users.UpdateUser(as(t, "api"), &userdirectoryv1.UpdateUserRequest{Id: "1000", IntegratedAccountId: proto.String(account), Status: proto.String("inactive"), RemoteData: proto.Bool(true)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := &userdirectoryv1.User{Id: "1000", LifecycleStatus: proto.String("offboarding")}
		if !proto.Equal(res.Result, want) || res.Meta.ReadBack == nil || *res.Meta.ReadBack || !strings.Contains(res.Meta.GetNote(), string(failure)) {
			t.Errorf("%s: %v", name, res)
		}
	}
}

// The other write there is does the same.
func TestD3UpdateOfAnApplication(t *testing.T) {
	s := newStand(t, applications())
	apps := ssov1connect.NewAppServiceClient(s.client)
	s.proxy.singles["user_applications/1"] = `{"id":1,"name":"Salesforce","isUserRemovedFromApp":true,"state":"sanctioned","category":"CRM"}`
	if _, err := mappingv1connect.NewMappingServiceClient(s.client).PutOverride(as(t, "api"), &mappingv1.PutOverrideRequest{
		Model: "sso", Resource: "apps", Layer: environmentLayer, Reason: "r", Override: raw(`{"fields":{"custom.kind":{"path":["/category"]}}}`),
	}); err != nil {
		t.Fatal(err)
	}
	req := &ssov1.UpdateAppRequest{IntegratedAccountId: proto.String(account), Id: "1", UserId: "7", IsActive: proto.Bool(false)}
	res, err := apps.UpdateApp(as(t, "api"), req)
	if err != nil || !res.Meta.GetReadBack() || res.Meta.Note != nil || res.Result.GetCategory() != "CRM" || string(res.Result.Custom.GetJson()) != `{"kind":"CRM"}` || res.Result.GetIsActive() {
		t.Errorf("%v, %v", res, err)
	}
	if calls := s.proxy.taken(); len(calls) != 2 || !strings.HasPrefix(calls[1], "get user_applications/1?") || !strings.Contains(calls[1], "id_user=7") {
		t.Errorf("calls: %q", calls)
	}
	s.proxy.failGet = table().Connect(rpcerr.New(rpcerr.RateLimited, "no"), "r")
	res, err = apps.UpdateApp(as(t, "api"), req)
	if want := (&ssov1.App{Id: "1", IsActive: proto.Bool(false)}); err != nil || !proto.Equal(res.Result, want) || res.Meta.GetReadBack() {
		t.Errorf("without the record: %v, %v", res, err)
	}
}

// An id that the provider takes in another spelling than it shows does not cost the organisation's own fields.
func TestD3OtherSpellingOfAnID(t *testing.T) {
	proxy := directory()
	proxy.singles["users/01000"] = proxy.singles["users/1000"]
	users := userdirectoryv1connect.NewUserServiceClient(newStand(t, proxy).client)
	want, err := users.GetUser(as(t, "api"), &userdirectoryv1.GetUserRequest{Id: "1000", IntegratedAccountId: proto.String(account)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := users.GetUser(as(t, "api"), &userdirectoryv1.GetUserRequest{Id: "01000", IntegratedAccountId: proto.String(account)})
	if err != nil || !proto.Equal(got.Result, want.Result) || len(got.Result.CustomFields.GetJson()) < 5 {
		t.Errorf("%v, %v", got, err)
	}
	proxy.rows["users"] = nil
	got, err = users.GetUser(as(t, "api"), &userdirectoryv1.GetUserRequest{Id: "1000", IntegratedAccountId: proto.String(account)})
	if err != nil || got.Meta.GetWarnings() == 0 {
		t.Errorf("fields are missing without a word: %v, %v", got, err)
	}
}

// A repeated Idempotency-Key is answered with the record as it is now, and says that nothing was sent; without the record nothing is claimed.
func TestD3ReplayedUpdate(t *testing.T) {
	m := newMapper(t)
	offboarding(m)
	m.proxy.replay = true
	h := handler(t, m.stand)
	path := "/unified/user-directory/users/1000?integrated_account_id=" + account
	update := func() (record, meta map[string]any) {
		status, a := patch(t, h, path, `{"lifecycle_status":"offboarded"}`, "key-1")
		record, _ = a["result"].(map[string]any)
		meta, _ = a["meta"].(map[string]any)
		if note, _ := meta["note"].(string); status != http.StatusOK || record == nil || meta["read_back"] == true && !strings.Contains(note, "nothing was sent now") {
			t.Errorf("%d %v", status, a)
		}
		return record, meta
	}
	if record, meta := update(); record["lifecycle_status"] != "offboarding" || meta["read_back"] != true {
		t.Errorf("%v %v", record, meta)
	}
	m.proxy.fail = map[string]error{"users": table().Connect(rpcerr.New(access.CodeOperationNotGranted, "no"), "r")}
	if record, meta := update(); len(record) != 1 || record["id"] != "1000" || meta["read_back"] != false {
		t.Errorf("without the record: %v %v", record, meta)
	}
	m.proxy.replay = false
	// Lists that nobody read are not shown as empty ones.
	if record, meta := update(); len(record) != 2 || record["lifecycle_status"] != "offboarded" || meta["fields"] != "id,lifecycle_status" {
		t.Errorf("what was written alone: %v %v", record, meta)
	}
}
