package unified_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"
	"github.com/sando-dev/sando/kit/edge"

	"github.com/sando-dev/sando/access"
)

// thousand is a page of 1000 users as Torii documents them.
func thousand() *fakeProxy {
	proxy := &fakeProxy{rows: map[string][]string{"user_custom_fields": {}}, quiet: true}
	more := ""
	for i := range 8 {
		proxy.rows["user_custom_fields"] = append(proxy.rows["user_custom_fields"], fmt.Sprintf(`{"id":%d,"key":"workday_%d","type":"singleLine"}`, i, i))
		more += fmt.Sprintf(`,"workday_%d":"Forschung & Entwicklung"`, i)
	}
	for i := range 1000 {
		proxy.rows["users"] = append(proxy.rows["users"], person(1000+i, more))
	}
	return proxy
}

func BenchmarkListOverREST(b *testing.B) {
	s := newStand(b, thousand())
	h := handler(b, s)
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/unified/user-directory/users?limit=1000&integrated_account_id="+account, nil)
		req.Header.Set("Authorization", "Bearer api")
		res := httptest.NewRecorder()
		h.ServeHTTP(res, req)
		if res.Code != http.StatusOK || res.Body.Len() < 100_000 {
			b.Fatalf("%d: %.300s", res.Code, res.Body)
		}
	}
}

func BenchmarkListOverRPC(b *testing.B) {
	s := newStand(b, thousand())
	users := userdirectoryv1connect.NewUserServiceClient(s.client)
	b.ReportAllocs()
	for b.Loop() {
		res, err := users.ListUsers(as(b, "api"), &userdirectoryv1.ListUsersRequest{IntegratedAccountId: proto.String(account)})
		if err != nil || len(res.Result) != 1000 {
			b.Fatal(err)
		}
	}
}

// toriiUser is what a back end written by hand decodes into.
type toriiUser struct {
	ID                         json.Number `json:"id"`
	IDOrg                      json.Number `json:"idOrg"`
	FirstName                  string      `json:"firstName"`
	LastName                   string      `json:"lastName"`
	Email                      string      `json:"email"`
	CreationTime               time.Time   `json:"creationTime"`
	IDRole                     json.Number `json:"idRole"`
	Role                       string      `json:"role"`
	LifecycleStatus            string      `json:"lifecycleStatus"`
	IsDeletedInIdentitySources bool        `json:"isDeletedInIdentitySources"`
	IsExternal                 bool        `json:"isExternal"`
	ActiveAppsCount            int32       `json:"activeAppsCount"`
	AdditionalEmails           []string    `json:"additionalEmails"`
}

// BenchmarkTypedDecode is the yardstick: decoding the same page with encoding/json, without mapping or answering.
func BenchmarkTypedDecode(b *testing.B) {
	var page bytes.Buffer
	page.WriteByte('[')
	for i, row := range thousand().rows["users"] {
		if i > 0 {
			page.WriteByte(',')
		}
		page.WriteString(row)
	}
	page.WriteByte(']')
	b.ReportAllocs()
	for b.Loop() {
		var users []toriiUser
		if err := json.Unmarshal(page.Bytes(), &users); err != nil || len(users) != 1000 {
			b.Fatal(err)
		}
	}
}

func handler(t testing.TB, s *stand) http.Handler {
	t.Helper()
	mux := edge.NewMux(edge.MuxOptions{Errors: table(), JSON: access.JSON(), Log: s.lines.Logger})
	if err := s.Mount(mux, nil); err != nil {
		t.Fatal(err)
	}
	return mux.Handler()
}
